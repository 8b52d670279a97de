//! A process that only does the steps of what others start.

use std::{fmt, future::Future, time::Duration};

use super::{
    operator::Operator,
    sweep::{FileSweep, SweepError},
    task::{ShutdownReport, Task},
};
use crate::task::TaskSteps;

/// Does the steps of the sagas of a task that other processes start. Works from the moment that it is
/// built; dropping it is a shutdown that nobody waits for.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use distributed_task::{Worker, backend::memory::MemoryJournal, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let told_to_stop = async {};
/// // Of one process here; of many, in the distributed mode.
/// let shared = Arc::new(MemoryJournal::new());
/// let double = || Double::builder().use_in_process_mode().override_journal(Arc::clone(&shared));
/// let api = double().build_api().await?;
/// let worker: Worker<Double> = double().build_worker().await?;
/// assert!(matches!(api.submit(21).await?.outcome().await?, SagaOutcome::Completed(42)));
///
/// let report = worker.run_until(told_to_stop, Duration::from_secs(30)).await;
/// assert!(report.in_time);
/// # Ok(())
/// # }
/// ```
pub struct Worker<T>(Task<T>);

impl<T: TaskSteps> Worker<T> {
    pub(crate) fn new(task: Task<T>) -> Self {
        Self(task)
    }

    /// Works until `told` resolves, such as a signal of the system, and shuts down then.
    ///
    /// Cancellation: dropping the future drops the worker.
    pub async fn run_until(
        self,
        told: impl Future<Output = ()>,
        limit: Duration,
    ) -> ShutdownReport {
        told.await;
        self.shutdown(limit).await
    }

    /// Takes nothing new, waits at most so long for the steps that run, gives the rest back to other
    /// workers and leaves the journal. What is told to stop at the limit is undone or done again
    /// elsewhere, as its rules say.
    ///
    /// Cancellation: the shutdown goes on.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.0.shutdown(limit).await
    }

    /// Acts on sagas as this person.
    pub fn operator(&self, by: impl Into<String>) -> Operator<T> {
        self.0.operator(by)
    }

    /// Looks for objects of this task in a bucket that no saga answers for, and for uploads that
    /// nobody will end: once an hour, say, beside the steps. Every worker may.
    ///
    /// # Errors
    /// When the task has no file store, or the name is not one of a bucket.
    pub fn sweep_files(&self, bucket: &str) -> Result<FileSweep, SweepError> {
        self.0.sweep_files(bucket)
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker of {:?}", self.0)
    }
}
