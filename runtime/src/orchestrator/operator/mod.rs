//! What operators do: look for sagas that need somebody, and say what becomes of them (C7, P2, P3,
//! K5, D3).
//!
//! The law: an operator owns nothing and writes no record. Each verb leaves a letter in the inbox of
//! the saga, with who says so; the owner folds it, and folds it safely even when it does not apply
//! any more.

mod error;
mod list;
mod survey;
mod verb;

use std::{fmt, marker::PhantomData, sync::Arc};

pub use error::OperatorError;
pub use list::{SagaFilter, SagaList, SagaRow, Unclaimable};
pub use survey::{AuditReport, LateReport};

use serde::Serialize;

use super::{handle::cancel_id, task::Inner};
use crate::{
    codec::{Json, encode_from},
    kernel::{Letter, SagaId, SagaStatus},
    task::{TaskSteps, with_sources},
};
use verb::Verb;

/// The verbs of an operator, on the sagas of one journal. From
/// [`Task::operator`](crate::Task::operator).
///
/// Every verb is recorded in the saga, with who said it and why:
/// [`history`](crate::SagaHandle::history) shows it. It is answered when it is durable, and takes
/// effect when the owner of the saga, or the next one, folds it. Asking again is safe.
///
/// ```
/// use distributed_task::{OperatorAnswer, OutcomeError, prelude::*};
///
/// #[distributed_task(request = (), response = ())]
/// struct Trip;
///
/// #[steps]
/// impl Trip {
///     #[step(compensate = cancel_hotel)]
///     async fn hotel(&self) {}
///
///     async fn cancel_hotel(&self) -> StepResult<()> {
///         Err(StepError::refuse(Refusal::new("closed", "nobody answers the phone")))
///     }
///
///     #[step(read_only)]
///     async fn car(&self) -> StepResult<()> {
///         Err(StepError::refuse(Refusal::new("no_car", "all are out")))
///     }
///
///     #[response]
///     fn respond(&self) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Trip::builder().use_in_process_mode().build().await?;
/// let saga = task.submit(()).await?;
/// assert!(matches!(saga.outcome().await, Err(OutcomeError::Stuck { .. })));
///
/// let alice = task.operator("alice");
/// let mut stuck = alice.stuck();
/// while let Some(row) = stuck.next().await {
///     let answer = alice.mark_done(row?.id, "hotel", "called them: cancelled by hand").await?;
///     assert_eq!(answer, OperatorAnswer::Recorded);
/// }
/// assert!(matches!(saga.outcome().await?, SagaOutcome::Compensated { .. }));
/// # Ok(())
/// # }
/// ```
pub struct Operator<T> {
    inner: Arc<Inner>,
    by: String,
    task: PhantomData<fn() -> T>,
}

/// What became of the word of an operator.
///
/// ```
/// use distributed_task::{OperatorAnswer, SagaStatus};
///
/// fn tell(answer: OperatorAnswer) -> String {
///     match answer {
///         OperatorAnswer::TooLate(SagaStatus::Running) => "it is past its pivot".into(),
///         OperatorAnswer::TooLate(status) => format!("it is {status}"),
///         _ => "recorded".into(),
///     }
/// }
/// assert_eq!(tell(OperatorAnswer::TooLate(SagaStatus::Killed)), "it is killed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorAnswer {
    /// It is recorded, and will be folded (INV10).
    Recorded,
    /// The same was said before, of the same step, and is not folded yet: the first word stands, and
    /// this one is dropped. Or it is a cancel, and the saga goes back already.
    Already,
    /// The saga is over; or it is a cancel, and the saga is past its pivot.
    TooLate(SagaStatus),
}

impl<T: TaskSteps> Operator<T> {
    pub(super) fn new(inner: Arc<Inner>, by: String) -> Self {
        Self { inner, by, task: PhantomData }
    }

    /// Tries again what is parked or stuck, with fresh budgets: when its reason is gone, because new
    /// code is there, or the other side is back. A step that refused runs again under a new key.
    ///
    /// # Errors
    /// [`NotNow`](OperatorError::NotNow) when the saga is neither parked nor stuck; all others as
    /// [`OperatorError`] says.
    pub async fn retry(&self, saga: SagaId) -> Result<OperatorAnswer, OperatorError> {
        self.say(saga, &Verb::Retry, |by, _| Letter::Unpark { by }).await
    }

    /// Takes a saga out of its parking place (D3): another name for [`retry`](Self::retry).
    ///
    /// # Errors
    /// As `retry`.
    pub async fn unpark(&self, saga: SagaId) -> Result<OperatorAnswer, OperatorError> {
        self.retry(saga).await
    }

    /// Counts a failed undo as done, because somebody has done it by hand (C7). `evidence` shows it.
    ///
    /// # Errors
    /// [`NotNow`](OperatorError::NotNow) when the undo of the step has not failed; all others as
    /// [`OperatorError`] says.
    pub async fn mark_done(
        &self,
        saga: SagaId,
        step: &str,
        evidence: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let verb = Verb::MarkDone { step, evidence };
        let evidence = evidence.to_owned();
        self.say(saga, &verb, |by, step| Letter::MarkDone { step, output: None, evidence, by })
            .await
    }

    /// Counts a step as done, with what it would have returned: a pivot of which nobody knows (P2),
    /// a step behind the pivot that cannot succeed (P3), or one that used up its tries and is parked
    /// (E4). The saga goes on with that output.
    ///
    /// `output` is of the type that the step returns, or anything that has the same JSON: a `&str`
    /// for a `String`, or a `serde_json::Value`. It is written before anything else is done.
    ///
    /// # Errors
    /// [`WrongOutput`](OperatorError::WrongOutput) when the output is not what the step returns,
    /// [`NotNow`](OperatorError::NotNow) when the step does not wait for somebody's word; all others
    /// as [`OperatorError`] says.
    pub async fn mark_done_with(
        &self,
        saga: SagaId,
        step: &str,
        output: impl Serialize,
        evidence: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let output = encode_from(&Json, &output).map_err(|error| with_sources(&error));
        self.say_done(saga, step, output, evidence).await
    }

    /// The same of a step that is marked `protobuf`: `output` is the message that it returns.
    ///
    /// # Errors
    /// As [`mark_done_with`](Self::mark_done_with) says. Protobuf does not tell types apart: another
    /// message may be taken for the one that is wanted.
    #[cfg(feature = "protobuf")]
    pub async fn mark_done_with_message(
        &self,
        saga: SagaId,
        step: &str,
        output: &impl prost::Message,
        evidence: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        self.say_done(saga, step, Ok(crate::codec::encode_message(output)), evidence).await
    }

    /// Counts a step as not done: a pivot of which nobody knows (P2), or a step that used up its
    /// tries and is parked (E4). The saga goes back, and the step is not undone.
    ///
    /// # Errors
    /// [`NotNow`](OperatorError::NotNow) when the step does not wait for somebody's word; all others
    /// as [`OperatorError`] says.
    pub async fn mark_not_done(
        &self,
        saga: SagaId,
        step: &str,
        evidence: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let verb = Verb::MarkNotDone { step, evidence };
        let evidence = evidence.to_owned();
        self.say(saga, &verb, |by, step| Letter::MarkNotDone { step, evidence, by }).await
    }

    /// Lets the effect of a step remain whose undo failed (C7). The outcome lists it.
    ///
    /// # Errors
    /// [`NotNow`](OperatorError::NotNow) when the undo of the step has not failed; all others as
    /// [`OperatorError`] says.
    pub async fn waive(
        &self,
        saga: SagaId,
        step: &str,
        reason: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let verb = Verb::Waive { step, reason };
        let reason = reason.to_owned();
        self.say(saga, &verb, |by, step| Letter::Waive { step, reason, by }).await
    }

    /// Ends a saga without undo: the last resort (K5). The outcome lists every effect that remains.
    ///
    /// # Errors
    /// As [`OperatorError`] says.
    pub async fn kill(&self, saga: SagaId, reason: &str) -> Result<OperatorAnswer, OperatorError> {
        let letter = reason.to_owned();
        self.say(saga, &Verb::Kill { reason }, |by, _| Letter::Kill { reason: letter, by }).await
    }

    /// Asks a saga to stop and go back, as [`SagaHandle::cancel`](crate::SagaHandle::cancel) does;
    /// for an operator every task is cancellable. It is also the way back for a parked saga.
    ///
    /// # Errors
    /// [`NotNow`](OperatorError::NotNow) when the saga is parked or stuck although it was told to go
    /// back before; all others as [`OperatorError`] says.
    pub async fn cancel(
        &self,
        saga: SagaId,
        reason: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let letter = reason.to_owned();
        self.say(saga, &Verb::Cancel { reason }, |by, _| Letter::Cancel {
            reason: format!("{letter} (says {by})"),
        })
        .await
    }
}

impl<T> Clone for Operator<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), by: self.by.clone(), task: PhantomData }
    }
}

impl<T> fmt::Debug for Operator<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({} of {})", self.by, self.inner.host.definition.task)
    }
}
