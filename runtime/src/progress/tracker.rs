//! The trait that a tracker of progress implements, and its contract.

use std::{error::Error, sync::Arc};

use futures_util::{future::BoxFuture, stream::BoxStream};

use super::Progress;
use crate::kernel::SagaId;

/// The states of one saga, oldest first.
pub type ProgressStream = BoxStream<'static, Result<Progress, ProgressError>>;

/// Holds the latest state of sagas and passes every new one to whoever watches.
///
/// Every sentence below is a rule of `conformance::progress`, which each backend runs.
///
/// # Publishing
///
/// `initialise` makes a saga known, in its first state; `update` replaces the state; `complete`
/// replaces it by a terminal one. A state that is older than the one held, by its `seq`, is
/// ignored; one of the same `seq` replaces it: that is how bytes and messages change. After
/// `complete` everything is ignored. `update` and `complete` of an unknown saga make it known. A
/// publisher commits to the journal first and publishes then.
///
/// # Reading
///
/// `get` answers the state held, or nothing for a saga that is unknown or forgotten.
///
/// # Watching
///
/// `stream` watches from the call on, not from the first poll; where the states are in another
/// process, from when that has heard of it. A late watcher gets the state held
/// first; one that comes before `initialise` waits for it. Any number may watch; each sees every
/// `seq` in its order, and the latest state of each `seq`. One that is slow may miss states between
/// the first and the latest of one `seq`, never the change of a step, of the status, or the end.
/// The stream ends after the terminal state, and with the tracker. Dropping it ends the watch.
///
/// # Watched
///
/// `watched` tells publishers whether it is worth the work. It is true from the call of `stream` to
/// the drop of the last stream of the saga, and costs one atomic load where nobody watches
/// anything. While it is false publishers may leave states out, so what a tracker holds may be
/// older than the journal, never wrong: whoever begins to watch also reads the journal, afterwards,
/// and joins the two with [`follow`](fn@super::follow).
///
/// # Forgetting
///
/// A saga that nobody watches may be forgotten, the longest unwatched first, to bound what is held;
/// at least the latest 1,000 are kept, in a store that outlives the process for a set time.
///
/// # Errors
///
/// A publisher logs an error and goes on: a saga never fails because nobody could watch it. A
/// stream that yields an error goes on or ends; what it missed is in the journal.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::backend::memory::MemoryProgress;
/// use distributed_task::kernel::SagaId;
/// use distributed_task::progress::{Progress, SagaStatus, ProgressTracker};
/// use futures_util::TryStreamExt;
///
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let tracker = MemoryProgress::default();
/// let start = Progress::new(saga, 3);
/// tracker.initialise(start.clone()).await?;
/// let watcher = tracker.stream(saga);
/// assert!(tracker.watched(saga));
///
/// let end = Progress { seq: 4, status: SagaStatus::Completed, ..start };
/// tracker.complete(end).await?;
/// let seen: Vec<Progress> = watcher.try_collect().await?;
/// assert_eq!(seen.last().map(|p| p.status), Some(SagaStatus::Completed));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub trait ProgressTracker: Send + Sync + 'static {
    /// Makes a saga known.
    fn initialise(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>>;

    /// Replaces the state of a saga.
    fn update(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>>;

    /// Replaces the state of a saga by its last one.
    fn complete(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>>;

    /// The state of a saga, as far as it was published.
    fn get(&self, saga: SagaId) -> BoxFuture<'_, Result<Option<Progress>, ProgressError>>;

    /// The state of a saga and every one that follows.
    fn stream(&self, saga: SagaId) -> ProgressStream;

    /// Whether anybody watches this saga.
    fn watched(&self, saga: SagaId) -> bool;
}

/// A tracker cannot be reached.
///
/// ```
/// use std::{io, sync::Arc};
/// use distributed_task::progress::ProgressError;
///
/// # let saga = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let source = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
/// let error = ProgressError { saga, action: "published", source };
/// assert_eq!(error.to_string(), format!("the progress of saga {saga} cannot be published"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("the progress of saga {saga} cannot be {action}")]
pub struct ProgressError {
    /// The saga.
    pub saga: SagaId,
    /// What was tried: "published", "read" or "watched".
    pub action: &'static str,
    /// What the store said.
    pub source: Arc<dyn Error + Send + Sync>,
}
