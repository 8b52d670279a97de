//! A saga of a test.

use std::{fmt, sync::Arc};

use super::Shared;
use crate::{
    CancelError, Cancelled, OutcomeError, SagaEvent, SagaOutcome, SagaStatus, StatusError,
    kernel::SagaId,
    task::{Cancellable, TaskSteps},
};

/// A saga of a [`TestHost`](super::TestHost). Each method lets time go on until it has an answer.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::{SagaStatus, prelude::*, testing::TestHost};
/// # #[distributed_task(request = u32, response = u32, cancellable)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only, retry(max = 9, delay = "1h", max_delay = "1h", jitter = "none"))]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let test = TestHost::new(|_| Double::builder().use_in_process_mode()).fail_times("double", 5);
/// let saga = test.submit(21).await;
/// test.advance(Duration::from_secs(2 * 3600 + 60)).await;
/// assert_eq!(test.ledger().runs_of("double"), 3);
///
/// saga.cancel().await?;
/// assert!(matches!(saga.outcome().await?, SagaOutcome::Cancelled { .. }));
/// assert_eq!(saga.status().await?, SagaStatus::Cancelled);
/// assert_eq!(saga.history().await?[0].to_string(), "0: submitted");
/// # Ok(())
/// # }
/// ```
pub struct TestSaga<T: TaskSteps> {
    shared: Arc<Shared<T>>,
    id: SagaId,
}

impl<T: TaskSteps> TestSaga<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, id: SagaId) -> Self {
        Self { shared, id }
    }

    /// Identity of the saga.
    pub fn id(&self) -> SagaId {
        self.id
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`SagaHandle::outcome`](crate::SagaHandle::outcome).
    pub async fn outcome(&self) -> Result<SagaOutcome<T>, OutcomeError> {
        let id = self.id;
        self.shared.act(move |task| async move { task.handle(id).await?.outcome().await }).await
    }

    /// Where it is now.
    ///
    /// # Errors
    /// As [`SagaHandle::status`](crate::SagaHandle::status).
    pub async fn status(&self) -> Result<SagaStatus, StatusError> {
        let id = self.id;
        self.shared.act(move |task| async move { task.handle(id).await?.status().await }).await
    }

    /// What happened to it so far.
    ///
    /// # Errors
    /// As [`SagaHandle::history`](crate::SagaHandle::history).
    pub async fn history(&self) -> Result<Vec<SagaEvent>, StatusError> {
        let id = self.id;
        self.shared.act(move |task| async move { task.handle(id).await?.history().await }).await
    }

    /// Asks it to stop and go back.
    ///
    /// # Errors
    /// As [`SagaHandle::cancel`](crate::SagaHandle::cancel).
    pub async fn cancel(&self) -> Result<Cancelled, CancelError>
    where
        T: Cancellable,
    {
        let id = self.id;
        let cancelled = move |task: crate::Task<T>| async move {
            match task.handle(id).await {
                Ok(saga) => saga.cancel().await,
                Err(StatusError::Journal { saga, source }) => {
                    Err(CancelError::Journal { saga, source })
                }
                Err(_) => Err(CancelError::NoSuch { saga: id }),
            }
        };
        self.shared.act(cancelled).await
    }
}

impl<T: TaskSteps> fmt::Debug for TestSaga<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestSaga({})", self.id)
    }
}
