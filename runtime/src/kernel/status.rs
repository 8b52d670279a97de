//! The state of a saga in one word, for people and programs alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Finish, Finished};

/// The state of a saga in one word.
///
/// ```
/// use distributed_task::kernel::SagaStatus;
///
/// assert!(SagaStatus::Compensated.is_terminal());
/// assert!(SagaStatus::Stuck.needs_operator() && !SagaStatus::Stuck.is_terminal());
/// assert_eq!(SagaStatus::Compensating.to_string(), "compensating");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SagaStatus {
    /// It goes forward.
    Running,
    /// It waits for a retry that is due later.
    Waiting,
    /// It goes back.
    Compensating,
    /// It waits for code or an operator.
    Parked,
    /// It can go neither forward nor back without an operator.
    Stuck,
    /// Over: everything was done.
    Completed,
    /// Over: everything was undone.
    Compensated,
    /// Over: cancelled, and everything was undone.
    Cancelled,
    /// Over: ended without undo.
    Killed,
}

impl SagaStatus {
    /// The word for this end.
    pub fn of(finished: &Finished) -> Self {
        match finished.finish {
            Finish::Completed(_) => Self::Completed,
            Finish::Compensated(_) => Self::Compensated,
            Finish::Cancelled { .. } => Self::Cancelled,
            Finish::Killed { .. } => Self::Killed,
        }
    }

    /// Whether nothing will change until somebody does something about it.
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Parked | Self::Stuck)
    }

    /// Whether the saga is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated | Self::Cancelled | Self::Killed)
    }
}

impl fmt::Display for SagaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Compensating => "compensating",
            Self::Parked => "parked",
            Self::Stuck => "stuck",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Cancelled => "cancelled",
            Self::Killed => "killed",
        })
    }
}
