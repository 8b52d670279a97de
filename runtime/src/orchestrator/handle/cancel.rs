//! Asking a saga to go back.

use futures_util::{FutureExt, future::BoxFuture};
use uuid::Uuid;

use super::SagaHandle;
use crate::{
    journal::{JournalError, Told},
    kernel::{EntryId, Letter, Mail, SagaId, SagaStatus},
    orchestrator::task::StatusError,
    task::{Cancellable, TaskDefinition},
};

/// What became of a cancel that was answered.
///
/// ```
/// use distributed_task::{Cancelled, SagaStatus, prelude::*};
/// # #[distributed_task(request = u32, response = u32, cancellable)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// /// For whoever pressed the button.
/// fn tell(answer: Cancelled) -> String {
///     match answer {
///         Cancelled::TooLate(SagaStatus::Running) => "it is past the point of no return".into(),
///         Cancelled::TooLate(status) => format!("it is {status}"),
///         _ => "it goes back".into(),
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Double::builder().use_in_process_mode().build().await?;
/// let saga = task.submit(21).await?;
/// saga.outcome().await?;
/// assert_eq!(tell(saga.cancel().await?), "it is completed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It is recorded: the saga stops and goes back, unless its pivot wins (K3).
    Recorded,
    /// It is recorded already, or the saga goes back already. One that is parked or stuck waits for an
    /// [`Operator`](crate::Operator) all the same.
    Already,
    /// The saga is over or past its pivot.
    TooLate(SagaStatus),
}

/// Why a saga could not be cancelled.
///
/// See [`Cancellable`] for an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The journal does not know the saga, or not any more.
    #[error("there is no saga {saga}")]
    NoSuch {
        /// The saga.
        saga: SagaId,
    },
    /// The journal failed; whether the cancel is recorded is open, and asking again is safe.
    #[error("saga {saga}: {source}")]
    Journal {
        /// The saga.
        saga: SagaId,
        /// What the journal says.
        source: JournalError,
    },
}

impl<T: TaskDefinition> SagaHandle<T> {
    /// Asks the saga to stop and go back. Answered when the wish is durable (K1); asking twice is
    /// asking once. Steps that run are told through `cx.cancelled()` and have a grace time.
    ///
    /// # Errors
    /// When the journal does not know the saga any more, or fails.
    pub fn cancel(&self) -> BoxFuture<'_, Result<Cancelled, CancelError>>
    where
        T: Cancellable,
    {
        // Not an `async fn`: the compiler would tell of a missing `cancellable` three times.
        let letter = Letter::Cancel { reason: "cancelled by its submitter".to_owned() };
        let mail = Mail { id: cancel_id(self.id), letter };
        let told = self.inner.host.journal.tell(self.id, mail);
        async move {
            match told.await {
                Ok(Told::Told) => Ok(Cancelled::Recorded),
                Ok(Told::Already) => Ok(Cancelled::Already),
                Ok(Told::TooLate(status)) => Ok(Cancelled::TooLate(status)),
                Ok(Told::NoSuch) => match self.status().await {
                    Ok(status) => Ok(Cancelled::TooLate(status)),
                    Err(StatusError::Journal { saga, source }) => {
                        Err(CancelError::Journal { saga, source })
                    }
                    Err(_) => Err(CancelError::NoSuch { saga: self.id }),
                },
                Err(source) => Err(CancelError::Journal { saga: self.id, source }),
            }
        }
        .boxed()
    }
}

/// One saga can be cancelled once: the same entry however often it is told.
pub(in crate::orchestrator) fn cancel_id(saga: SagaId) -> EntryId {
    let word = u128::from_be_bytes(*b"cancel\0\0\0\0\0\0\0\0\0\0");
    EntryId(Uuid::from_u128(saga.0.as_u128() ^ word))
}
