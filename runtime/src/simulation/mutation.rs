//! What can be broken on purpose, in the store and on the way to it: the simulation must find it.

/// One thing that is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mutation {
    #[default]
    None,
    /// A saga is released, parked or finished although it has mail (A1).
    UnguardedRelease,
    /// A claim takes tickets out before it looks whether its seat lives.
    ClaimPopsFirst,
    /// A seat is ended behind its sagas: what it commits meanwhile lands.
    ReapEndsTheSeatLast,
    /// A seat is struck before its sagas are given back, and the reaper dies in between.
    ReapStrikesTheSeatFirst,
    /// A pulse brings a reaped seat back to life.
    RenewalRecreatesTheSeat,
    /// A commit is answered before it is written: effects begin without a durable intent.
    EffectBeforeIntent,
    /// What was done first is undone first.
    UndoesForwards,
    /// Nobody looks after the sagas of the dead.
    NoRecovery,
    /// A letter is acknowledged and thrown away.
    LosesLetters,
}
