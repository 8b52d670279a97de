//! Which way a saga goes, as far as whoever cancels it needs to know (K3).

use super::{Definition, Stamped, State};

/// Which way a saga goes.
///
/// ```
/// use distributed_task::kernel::{Definition, Direction, Stamped};
///
/// /// Whether somebody may still cancel it.
/// fn can_be_cancelled(definition: &Definition, records: &[Stamped]) -> bool {
///     definition.cancellable && Direction::of(definition, records) == Direction::Forward
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Forward, and it may be told to go back.
    Forward,
    /// Past its pivot, which was done, came late, or was marked as done: it only goes forward (P3).
    PastPivot,
    /// Back already, or it was.
    Back,
}

impl Direction {
    /// What these records tell: all of a saga, from the first on. A journal answers a cancel with
    /// this, so that what it says is what the owner of the saga will make of it.
    pub fn of(definition: &Definition, records: &[Stamped]) -> Self {
        match State::fold(definition, records) {
            Some(state) if state.cause.is_some() => Self::Back,
            Some(state) if state.pivot_done(definition) => Self::PastPivot,
            _ => Self::Forward,
        }
    }
}
