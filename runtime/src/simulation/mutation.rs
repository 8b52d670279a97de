//! What can be broken on purpose, in the store and on the way to it: the simulation must find it.

use super::plan::{Blow, Plan};

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
    /// A seat is struck before all its sagas are given back, and the reaper dies when it has given
    /// back one: the rest is an orphaned page.
    ReapStrikesTheSeatFirst,
    /// A pulse brings a reaped seat back to life.
    RenewalRecreatesTheSeat,
    /// A commit is answered before it is written: effects begin without a durable intent.
    EffectBeforeIntent,
    /// What was done first is undone first, in the records and outside.
    UndoesForwards,
    /// Nobody looks after the sagas of the dead.
    NoRecovery,
    /// A letter is acknowledged and thrown away.
    LosesLetters,
    /// A commit does not look whether its number is the next one (A4).
    NoBatchNumber,
    /// A claim or a commit does not look whether the store knows of the claim before (A4).
    NoClaimNumber,
    /// A pulse does not look whether the store knows all that its seat has written: one that has
    /// nothing more to write never learns of a loss.
    NoNumbersInThePulse,
    /// The last commit is not answered again under its number, but done again.
    DoesItAgain,
    /// Any number is the next one.
    AnyNumber,
    /// The last commit is answered again, although its seat was reaped.
    AnswersTheDead,
}

impl Mutation {
    /// Whether a schedule could find it at all: the others need not be run.
    pub(super) fn can_be_seen(self, plan: &Plan) -> bool {
        let blow = |what: &[Blow]| plan.faults.iter().any(|fault| what.contains(&fault.what));
        match self {
            Self::ReapStrikesTheSeatFirst => plan.sagas.len() > 1 && plan.fail_over.is_none(),
            // It is judged where nothing is lost.
            Self::UndoesForwards => plan.fail_over.is_none(),
            Self::NoBatchNumber | Self::NoClaimNumber | Self::NoNumbersInThePulse => {
                plan.fail_over.is_some()
            }
            Self::ClaimPopsFirst | Self::ReapEndsTheSeatLast | Self::RenewalRecreatesTheSeat => {
                plan.hosts.len() > 1 && blow(&[Blow::Paused, Blow::PausedUnawares])
            }
            _ => true,
        }
    }
}
