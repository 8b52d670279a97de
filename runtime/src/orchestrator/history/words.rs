//! Events in words, for logs and terminals.

use std::fmt;

use super::{ProbeAnswer, SagaEvent, SagaEventKind as Kind, TurnedBack};

impl fmt::Display for SagaEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.seq, self.kind)?;
        match &*self.stuck {
            [] => Ok(()),
            steps => write!(f, "; stuck at `{}`", steps.join("`, `")),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submitted { .. } => f.write_str("submitted"),
            Self::StepChosen { step } => write!(f, "`{step}` is wanted"),
            Self::StepSkipped { step } => write!(f, "`{step}` skipped"),
            Self::StepStarted { step, generation: 0 } => write!(f, "`{step}` starts"),
            Self::StepStarted { step, .. } => write!(f, "`{step}` starts anew"),
            Self::StepCompleted { step, .. } => write!(f, "`{step}` done"),
            Self::StepFailed { step, attempt, error, .. } => {
                write!(f, "`{step}` failed, attempt {attempt}: {error}")
            }
            Self::StepRefused { step, message, .. } => write!(f, "`{step}` refused: {message}"),
            Self::StepPartial { step, message, .. } => {
                write!(f, "`{step}` refused after a part of its work: {message}")
            }
            Self::StepUnknown { step, why, .. } => {
                write!(f, "nobody can say whether `{step}` happened: {why}")
            }
            Self::StepWithdrawn { step } => write!(f, "`{step}` taken back before it began"),
            Self::ProbeAnswered { step, answer, .. } => write!(f, "probe of `{step}`: {answer}"),
            Self::ProbeFailed { step, error, .. } => write!(f, "probe of `{step}` failed: {error}"),
            Self::LateSuccess { step, .. } => write!(f, "`{step}` happened after all"),
            Self::Compensating { cause } => write!(f, "going back: {cause}"),
            Self::UndoStarted { step, .. } => write!(f, "undo of `{step}` starts"),
            Self::UndoCompleted { step, .. } => write!(f, "`{step}` undone"),
            Self::UndoFailed { step, attempt, error, .. } => {
                write!(f, "undo of `{step}` failed, attempt {attempt}: {error}")
            }
            Self::CancelRequested { reason } => write!(f, "asked to go back: {reason}"),
            Self::KillRequested { reason, by } => write!(f, "to be killed, says {by}: {reason}"),
            Self::RetryRequested { by } => write!(f, "to be tried again, says {by}"),
            Self::MarkedDone { step, evidence, by } => {
                write!(f, "`{step}` counts as done, says {by}: {evidence}")
            }
            Self::MarkedNotDone { step, evidence, by } => {
                write!(f, "`{step}` counts as not done, says {by}: {evidence}")
            }
            Self::Waived { step, reason, by } => {
                write!(f, "the effect of `{step}` remains, says {by}: {reason}")
            }
            Self::LateReport { step, attempt } => {
                write!(f, "late report of `{step}`, attempt {attempt}")
            }
            Self::Parked { reason } => write!(f, "parked: {reason}"),
            Self::Completed => f.write_str("the saga is completed"),
            Self::Compensated { .. } => f.write_str("the saga is compensated"),
            Self::Cancelled { reason, .. } => write!(f, "the saga is cancelled: {reason}"),
            Self::Killed { reason, .. } => write!(f, "the saga is killed: {reason}"),
        }
    }
}

impl fmt::Display for ProbeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Happened => "it happened",
            Self::DidNot => "it did not happen",
            Self::CannotTell => "it cannot tell",
        })
    }
}

impl fmt::Display for TurnedBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { step, message } => write!(f, "`{step}` refused: {message}"),
            Self::Failed { step, error } => write!(f, "`{step}` failed: {error}"),
            Self::Deadline => f.write_str("the deadline passed"),
            Self::Cancelled { reason } => write!(f, "cancelled: {reason}"),
            Self::Abandoned => f.write_str("its host died before the hand-over"),
        }
    }
}
