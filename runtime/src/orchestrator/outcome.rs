//! How a saga ended, with the user's types.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::reason::WhyParked;
use crate::{
    journal::JournalError,
    kernel::{
        Cause, Definition, DefinitionHash, Doubt, Finish, Finished, Residual, SagaId, SagaStatus,
        State, Value,
    },
    task::{ErrorValue, Handlers, ResponseValue, Slot, TaskDefinition},
};

/// How a saga ended: one of the four words that say what the world looks like now.
///
/// ```
/// use distributed_task::prelude::*;
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// fn tell(outcome: &DoubleOutcome) -> String {
///     match outcome {
///         SagaOutcome::Completed(response) => format!("done: {response}"),
///         SagaOutcome::Compensated { cause, .. } => format!("undone: {cause}"),
///         SagaOutcome::Cancelled { reason, .. } => format!("cancelled: {reason}"),
///         SagaOutcome::Killed { reason, .. } => format!("killed: {reason}"),
///     }
/// }
/// assert_eq!(tell(&SagaOutcome::Completed(4)), "done: 4");
/// ```
pub enum SagaOutcome<T: TaskDefinition> {
    /// Everything was done.
    Completed(T::Response),
    /// Everything was undone.
    Compensated {
        /// The first cause, in the order of the journal.
        cause: CompensationCause<T::Error>,
        /// What else failed, forward or back, in the order of the journal (B6).
        failures: Vec<Failure>,
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
        /// `false`: a step was undone without anybody knowing whether it had happened, and a late
        /// success may still come in.
        settled: bool,
    },
    /// Everything was undone, because somebody cancelled the saga.
    Cancelled {
        /// The reason given.
        reason: String,
        /// What else failed, forward or back, in the order of the journal (B6).
        failures: Vec<Failure>,
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
        /// `false`: a step was undone without anybody knowing whether it had happened, and a late
        /// success may still come in.
        settled: bool,
    },
    /// The saga was ended without undo.
    Killed {
        /// The reason given.
        reason: String,
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
    },
}

/// Why a saga was undone.
///
/// ```
/// use distributed_task::{CompensationCause, Refusal};
///
/// /// What an HTTP route answers.
/// fn status_code(cause: &CompensationCause<Refusal>) -> u16 {
///     match cause {
///         CompensationCause::Refused { error, .. } if error.code == "no_stock" => 409,
///         CompensationCause::Refused { .. } => 422,
///         CompensationCause::Deadline => 504,
///         _ => 500,
///     }
/// }
/// let error = Refusal::new("no_stock", "3 wanted, 2 left");
/// let cause = CompensationCause::Refused { step: "reserve".into(), error };
/// assert_eq!(status_code(&cause), 409);
/// assert_eq!(cause.to_string(), "step `reserve` refused: 3 wanted, 2 left (no_stock)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompensationCause<E> {
    /// A step returned a declared error.
    Refused {
        /// The step.
        step: String,
        /// Its error.
        error: E,
    },
    /// A step used up its tries.
    Failed {
        /// The step.
        step: String,
        /// Its last failure.
        error: Doubt,
    },
    /// The deadline of the saga passed.
    Deadline,
    /// The API host died before the hand-over.
    Abandoned,
}

/// A step that failed beside the one that turned its saga back.
///
/// ```
/// use distributed_task::Failure;
///
/// let failure = Failure { step: "pack".into(), reason: "out of boxes".into() };
/// assert_eq!(failure.to_string(), "pack: out of boxes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step.
    pub step: String,
    /// What went wrong.
    pub reason: String,
}

/// An effect known or feared to remain.
///
/// ```
/// use distributed_task::Effect;
///
/// let effect = Effect { step: "notify".into(), reason: "a mail cannot be taken back".into() };
/// assert_eq!(effect.to_string(), "notify: a mail cannot be taken back");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The step.
    pub step: String,
    /// Why its effect was left.
    pub reason: String,
}

/// Why there is no outcome.
///
/// ```
/// use distributed_task::OutcomeError;
///
/// /// Whether it is worth while to ask again.
/// fn may_still_end(error: &OutcomeError) -> bool {
///     match error {
///         // An operator, or new code, may move it on.
///         OutcomeError::Parked { .. }
///         | OutcomeError::Stuck { .. }
///         | OutcomeError::Unclaimable { .. } => true,
///         // Another process may, or this one when the journal is back.
///         OutcomeError::HostGone { .. } | OutcomeError::Journal { .. } => true,
///         _ => false,
///     }
/// }
/// # let saga = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let error = OutcomeError::Stuck {
///     saga,
///     steps: vec!["hotel".into()],
///     reason: "nobody answers the phone".into(),
/// };
/// assert!(may_still_end(&error));
/// assert!(error.to_string().ends_with("is stuck at hotel: nobody answers the phone"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomeError {
    /// The saga waits for code or an operator. Ask again to wait again.
    #[error("saga {saga} is parked: {reason}")]
    Parked {
        /// The saga.
        saga: SagaId,
        /// Why.
        reason: WhyParked,
    },
    /// The saga can go neither forward nor back without an operator. Ask again to wait again.
    #[error("saga {saga} is stuck at {}: {reason}", steps.join(", "))]
    Stuck {
        /// The saga.
        saga: SagaId,
        /// The steps that failed.
        steps: Vec<String>,
        /// The last failure.
        reason: String,
    },
    /// The saga follows a definition that the code here does not cover (V3), and no other host has
    /// claimed it for a minute: it lies ready, at no cost, until a host comes that covers it. Ask
    /// again to wait again; an operator can end it without its code (B10).
    #[error(
        "saga {saga} follows the definition {definition}, which the code here does not cover, and no \
         host that covers it has claimed it for a minute"
    )]
    Unclaimable {
        /// The saga.
        saga: SagaId,
        /// Its definition.
        definition: DefinitionHash,
    },
    /// The task was shut down first; the saga is in its journal.
    #[error("the task was shut down before saga {saga} ended")]
    HostGone {
        /// The saga.
        saga: SagaId,
    },
    /// The journal does not know the saga, or not any more.
    #[error("there is no saga {saga}")]
    NoSuch {
        /// The saga.
        saga: SagaId,
    },
    /// The saga is over, and its records are gone: the journal keeps them for some time only.
    #[error("saga {saga} is {status}, and its records are not kept any more")]
    Forgotten {
        /// The saga.
        saga: SagaId,
        /// How it ended.
        status: SagaStatus,
    },
    /// The outcome cannot be read.
    #[error("the outcome of saga {saga} cannot be read: {error}")]
    Undecodable {
        /// The saga.
        saga: SagaId,
        /// What the codec says.
        error: String,
    },
    /// The journal failed.
    #[error("saga {saga}: {source}")]
    Journal {
        /// The saga.
        saga: SagaId,
        /// What the journal says.
        source: std::sync::Arc<JournalError>,
    },
}

/// Makes a typed outcome of the last record.
pub(super) fn outcome<T: TaskDefinition>(
    handlers: &dyn Handlers,
    definition: &Definition,
    finished: &Finished,
    failures: Vec<Failure>,
) -> Result<SagaOutcome<T>, String> {
    let residual = || effects(definition, &finished.residual);
    Ok(match &finished.finish {
        Finish::Completed(response) => {
            let copy = T::Response::copy;
            SagaOutcome::Completed(typed(handlers, Slot::Response, response, copy)?)
        }
        Finish::Compensated(cause) => SagaOutcome::Compensated {
            cause: compensation_cause::<T>(handlers, definition, cause)?,
            failures,
            residual: residual(),
            settled: finished.late_until.is_none(),
        },
        Finish::Cancelled { reason } => SagaOutcome::Cancelled {
            reason: reason.clone(),
            failures,
            residual: residual(),
            settled: finished.late_until.is_none(),
        },
        Finish::Killed { reason } => {
            SagaOutcome::Killed { reason: reason.clone(), residual: residual() }
        }
    })
}

fn compensation_cause<T: TaskDefinition>(
    handlers: &dyn Handlers,
    definition: &Definition,
    cause: &Cause,
) -> Result<CompensationCause<T::Error>, String> {
    let name = |step: usize| definition.steps[step].name.to_string();
    Ok(match cause {
        Cause::Refused { step, refused } => CompensationCause::Refused {
            step: name(*step),
            error: typed(handlers, Slot::Error, &refused.error, T::Error::copy)?,
        },
        Cause::Failed { step, why } => {
            CompensationCause::Failed { step: name(*step), error: why.clone() }
        }
        Cause::Deadline => CompensationCause::Deadline,
        Cause::Abandoned => CompensationCause::Abandoned,
        Cause::Cancelled { .. } => unreachable!("a cancelled saga ends as `Cancelled`"),
    })
}

fn typed<V: 'static>(
    handlers: &dyn Handlers,
    slot: Slot,
    value: &Value,
    copy: fn(&V) -> V,
) -> Result<V, String> {
    let live = handlers.live(slot, value)?;
    live.get::<V>().map(copy).ok_or_else(|| "it is of another type".to_owned())
}

/// The failures beside the one that turned the saga back: that is the first of its step.
pub(super) fn further_failures(definition: &Definition, state: &State) -> Vec<Failure> {
    let mut cause = match state.cause() {
        Some(Cause::Refused { step, .. } | Cause::Failed { step, .. }) => Some(*step),
        _ => None,
    };
    let failures = state.failures().iter().filter(|(step, why)| {
        // A step that was told to stop has not failed.
        *why != Doubt::Interrupted && (cause != Some(*step) || cause.take().is_none())
    });
    let failure = |(step, why): &(usize, Doubt)| Failure {
        step: definition.steps[*step].name.to_string(),
        reason: why.to_string(),
    };
    failures.map(failure).collect()
}

pub(super) fn effects(definition: &Definition, residual: &[Residual]) -> Vec<Effect> {
    let effect = |residual: &Residual| Effect {
        step: definition.steps[residual.step].name.to_string(),
        reason: residual.reason.clone(),
    };
    residual.iter().map(effect).collect()
}

impl<E: fmt::Display> fmt::Display for CompensationCause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { step, error } => write!(f, "step `{step}` refused: {error}"),
            Self::Failed { step, error } => write!(f, "step `{step}` failed: {error}"),
            Self::Deadline => f.write_str("the deadline passed"),
            Self::Abandoned => f.write_str("its host died before the hand-over"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.reason)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.reason)
    }
}

impl<T: TaskDefinition<Response: fmt::Debug, Error: fmt::Debug>> fmt::Debug for SagaOutcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed(response) => f.debug_tuple("Completed").field(response).finish(),
            Self::Compensated { cause, failures, residual, settled } => f
                .debug_struct("Compensated")
                .field("cause", cause)
                .field("failures", failures)
                .field("residual", residual)
                .field("settled", settled)
                .finish(),
            Self::Cancelled { reason, failures, residual, settled } => f
                .debug_struct("Cancelled")
                .field("reason", reason)
                .field("failures", failures)
                .field("residual", residual)
                .field("settled", settled)
                .finish(),
            Self::Killed { reason, residual } => f
                .debug_struct("Killed")
                .field("reason", reason)
                .field("residual", residual)
                .finish(),
        }
    }
}
