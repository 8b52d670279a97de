//! Why the word of an operator was not recorded.

use super::super::task::StatusError;
use crate::{
    journal::JournalError,
    kernel::{DefinitionHash, SagaId, SagaStatus},
};

/// Why the word of an operator was not recorded. Unless it is [`Journal`](Self::Journal), nothing
/// was written.
///
/// ```
/// use distributed_task::{Operator, OperatorError, TaskSteps, kernel::SagaId};
///
/// /// Tries again what needs it, and leaves the rest alone.
/// async fn nudge<T: TaskSteps>(
///     operator: &Operator<T>,
///     saga: SagaId,
/// ) -> Result<(), OperatorError> {
///     match operator.retry(saga).await {
///         Ok(_) | Err(OperatorError::NotNow { .. }) => Ok(()),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// Something that an audit will ask for was left empty.
    #[error("an audit will ask for {what}, which is empty")]
    Empty {
        /// `the name of the operator`, `a reason` or `evidence`.
        what: &'static str,
    },
    /// The journal does not know the saga, or not any more.
    #[error("there is no saga {saga}")]
    NoSuch {
        /// The saga.
        saga: SagaId,
    },
    /// The saga has no step of that name.
    #[error("saga {saga} has no step `{step}`: it has {}", steps.join(", "))]
    NoSuchStep {
        /// The saga.
        saga: SagaId,
        /// What was asked for.
        step: String,
        /// What there is.
        steps: Vec<String>,
    },
    /// The verb means nothing to the saga as it is now.
    #[error("saga {saga} is {status}: {why}")]
    NotNow {
        /// The saga.
        saga: SagaId,
        /// Where it is.
        status: SagaStatus,
        /// What does not fit, and what would.
        why: String,
    },
    /// The output is not what the step returns.
    #[error("this is not what `{step}` returns: {error}")]
    WrongOutput {
        /// The step.
        step: String,
        /// What the codec says; it names the type.
        error: String,
    },
    /// The saga follows a definition that the code here does not cover, so nobody here knows what
    /// its steps return.
    #[error(
        "saga {saga} follows the definition {definition} of `{task}`, which the code here does not \
         cover: mark its steps where the code is that it began with"
    )]
    NotCovered {
        /// The saga.
        saga: SagaId,
        /// Its task.
        task: String,
        /// Its definition.
        definition: DefinitionHash,
    },
    /// The journal failed. Whether the word is recorded is open, and saying it again is safe.
    #[error("the journal failed: {source}")]
    Journal {
        /// What the journal says.
        source: JournalError,
    },
}

impl From<JournalError> for OperatorError {
    fn from(source: JournalError) -> Self {
        Self::Journal { source }
    }
}

impl From<StatusError> for OperatorError {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::NoSuch { saga }
            | StatusError::OtherTask { saga }
            | StatusError::Forgotten { saga, .. } => Self::NoSuch { saga },
            StatusError::Journal { source, .. } => Self::Journal { source },
        }
    }
}
