//! A built task: what users submit to.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    handle::SagaHandle,
    host::Host,
    once::BegunOnce,
    operator::Operator,
    start_key::StartKey,
    submit::{Begun, SubmitError},
    sweep::{FileSweep, SweepError},
};
use crate::{
    journal::JournalError,
    kernel::{SagaId, SagaStatus, Value},
    task::{RequestValue as _, Slot, TaskSteps},
};

/// A built task: submit sagas to it. Cloning it is cheap. When the last clone and the last handle
/// are dropped, the task leaves as [`shutdown`](Self::shutdown) does, without anybody waiting.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::prelude::*;
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
/// let task: Task<Double> = Double::builder().use_in_process_mode().build().await?;
/// let saga = task.submit(21).await?;
/// assert!(matches!(saga.outcome().await?, SagaOutcome::Completed(42)));
///
/// let report = task.shutdown(Duration::from_secs(30)).await;
/// assert!(report.in_time, "every step that ran could finish");
/// # Ok(())
/// # }
/// ```
pub struct Task<T> {
    inner: Arc<Inner>,
    task: PhantomData<fn() -> T>,
}

/// What clones and handles share; a handle keeps its saga going.
pub(super) struct Inner {
    pub(super) host: Arc<Host>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.host.leave();
    }
}

/// How a shutdown went.
///
/// See [`Task`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Whether every running step ended by itself. Otherwise the rest was interrupted; those steps
    /// run again under the same key wherever their sagas are claimed next.
    pub in_time: bool,
}

/// Why the state of a saga cannot be told.
///
/// ```
/// use distributed_task::{StatusError, kernel::SagaId, prelude::*};
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
/// # let task = Double::builder().use_in_process_mode().build().await?;
/// let typo: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// match task.handle(typo).await {
///     Ok(saga) => println!("{}", saga.status().await?),
///     Err(StatusError::NoSuch { saga }) => assert_eq!(saga, typo),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
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
    /// The saga belongs to another task.
    #[error("saga {saga} belongs to another task")]
    OtherTask {
        /// The saga.
        saga: SagaId,
    },
    /// The journal failed.
    #[error("saga {saga}: {source}")]
    Journal {
        /// The saga.
        saga: SagaId,
        /// What the journal says.
        source: JournalError,
    },
}

impl From<StatusError> for super::OutcomeError {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::NoSuch { saga } | StatusError::OtherTask { saga } => Self::NoSuch { saga },
            StatusError::Forgotten { saga, status } => Self::Forgotten { saga, status },
            StatusError::Journal { saga, source } => {
                Self::Journal { saga, source: Arc::new(source) }
            }
        }
    }
}

impl<T: TaskSteps> Task<T> {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { inner: Arc::new(Inner { host }), task: PhantomData }
    }

    /// Starts a saga. Resolves when its start is durable, its `host = "api"` steps are done and a
    /// worker can claim it; a failing API step is a compensated saga, not an error. Waits while
    /// too many new sagas wait for a worker (back-pressure).
    ///
    /// Dropping the future before it resolves leaves the saga unstarted, or running unwatched.
    ///
    /// # Errors
    /// When the task is shutting down, the request cannot be journaled, or the journal fails; of a
    /// `singleton`, when another saga runs or is held, [for longer](crate::builder::TaskBuilder::wait_for_turn)
    /// than a start waits, or the lock service fails (O6).
    pub async fn submit(&self, request: T::Request) -> Result<SagaHandle<T>, SubmitError> {
        self.begin(request).await?.accepted().await
    }

    /// Starts a saga as [`submit`](Self::submit) does, once for each key (I2): the same key with the
    /// same request is the same saga, however often and wherever it is submitted, and its handle
    /// tells the original answer.
    ///
    /// The key is remembered while the saga is open, and after its end as long as the journal keeps
    /// tombstones. When only that is left, the handle knows how the saga ended, and
    /// [`outcome`](SagaHandle::outcome) says that the response is gone.
    ///
    /// Requests are compared by their JSON, whatever the codec is, with the members of objects and
    /// maps in order. A `HashSet` in a request has no order to compare: use a `BTreeSet`. Requests
    /// that are Protobuf messages are compared by their bytes: their maps are to be `BTreeMap`s.
    ///
    /// ```
    /// use distributed_task::{StartKey, SubmitError, prelude::*};
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
    /// # let task = Double::builder().use_in_process_mode().build().await?;
    /// let saga = task.submit_with_key("order-17", 21).await?;
    /// let again = task.submit_with_key("order-17", 21).await?;
    /// assert_eq!(saga.id(), again.id());
    ///
    /// let other = task.submit_with_key("order-17", 22).await;
    /// assert!(matches!(other, Err(SubmitError::KeyReused { .. })));
    ///
    /// let of_acme = StartKey::new("order-17").tenant("acme");
    /// assert_ne!(task.submit_with_key(of_acme, 22).await?.id(), saga.id());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `submit`; when the key cannot be one; when another request was started under it; and while
    /// a start under it is in its `host = "api"` steps, or is being undone because its host died
    /// there. After that the key is free again.
    pub async fn submit_with_key(
        &self,
        key: impl Into<StartKey>,
        request: T::Request,
    ) -> Result<SagaHandle<T>, SubmitError> {
        self.begin_once(&key.into(), request).await?.accepted().await
    }

    /// Starts a saga as [`submit`](Self::submit) does, but resolves as soon as its start is
    /// durable, while its `host = "api"` steps still run: to watch them, or to cancel the saga
    /// while they take their time. They go on whether or not anybody holds the handle. Until they
    /// are done the saga is not accepted: if this host dies, another one undoes them.
    ///
    /// # Errors
    /// As `submit`; what happens to the API steps is in the outcome.
    pub async fn start(&self, request: T::Request) -> Result<SagaHandle<T>, SubmitError> {
        Ok(self.begin(request).await?.saga)
    }

    /// Starts a saga as [`start`](Self::start) does, once for each key, as
    /// [`submit_with_key`](Self::submit_with_key) does.
    ///
    /// # Errors
    /// As `submit_with_key`; what happens to the API steps is in the outcome.
    pub async fn start_with_key(
        &self,
        key: impl Into<StartKey>,
        request: T::Request,
    ) -> Result<SagaHandle<T>, SubmitError> {
        Ok(self.begin_once(&key.into(), request).await?.saga)
    }

    async fn begin(&self, request: T::Request) -> Result<Started<T>, SubmitError> {
        let begun = self.inner.host.begin(self.journaled(request)?).await?;
        Ok(Started::here(&self.inner, begun))
    }

    async fn begin_once(
        &self,
        key: &StartKey,
        request: T::Request,
    ) -> Result<Started<T>, SubmitError> {
        let request = self.journaled(request)?;
        loop {
            match self.inner.host.begin_once(key, request.clone()).await? {
                BegunOnce::Here(begun) => return Ok(Started::here(&self.inner, begun)),
                BegunOnce::Before(id) => {
                    // `None`: it was forgotten between two looks, and its key is free.
                    if let Some(saga) = self.before(id).await? {
                        return Ok(Started { saga, api_phase: None });
                    }
                }
            }
        }
    }

    /// The handle of a saga that was started under a key before.
    async fn before(&self, id: SagaId) -> Result<Option<SagaHandle<T>>, SubmitError> {
        match self.handle(id).await {
            Ok(saga) => Ok(Some(saga)),
            Err(StatusError::Forgotten { status, .. }) => {
                Ok(Some(SagaHandle::forgotten(Arc::clone(&self.inner), id, status)))
            }
            Err(StatusError::NoSuch { .. } | StatusError::OtherTask { .. }) => Ok(None),
            Err(StatusError::Journal { source, .. }) => {
                Err(SubmitError::Journal { task: T::TASK.name.to_owned(), source })
            }
        }
    }

    fn journaled(&self, request: T::Request) -> Result<Value, SubmitError> {
        let undecodable = |error| SubmitError::Undecodable { task: T::TASK.name.to_owned(), error };
        let handlers = &self.inner.host.handlers;
        handlers.kept(Slot::Request, request.into_value()).map_err(undecodable)
    }

    /// The handle of a saga that was submitted here or elsewhere.
    ///
    /// What an operator has just said of it is recorded, and may not be folded yet: right after a
    /// [`kill`](Operator::kill) was answered its [`status`](SagaHandle::status) may still be parked.
    /// Its [`outcome`](SagaHandle::outcome) waits for what was said.
    ///
    /// # Errors
    /// When the journal does not know the saga, knows only how it ended, knows it as one of another
    /// task, or fails.
    pub async fn handle(&self, id: SagaId) -> Result<SagaHandle<T>, StatusError> {
        SagaHandle::find(Arc::clone(&self.inner), id).await
    }

    /// What operators do: look for sagas that need somebody, and say what becomes of them. `by` is
    /// who says so; the journal keeps it.
    pub fn operator(&self, by: impl Into<String>) -> Operator<T> {
        Operator::new(Arc::clone(&self.inner), by.into())
    }

    /// Looks for objects of this task in a bucket that no saga answers for, and for uploads that
    /// nobody will end.
    ///
    /// # Errors
    /// When the task has no file store, or the name is not one of a bucket.
    pub fn sweep_files(&self, bucket: &str) -> Result<FileSweep, SweepError> {
        FileSweep::new(&self.inner.host, bucket)
    }

    /// Leaves: takes no new sagas, lets the steps that run finish, gives the sagas back to the
    /// journal, and interrupts what is left after `timeout`. Nothing is lost: what was given back
    /// goes on wherever it is claimed next. A journal that does not answer holds it up for 5 s more
    /// at the longest; what could not be given back then is free when its lease runs out. Cancel
    /// safe; calling it again waits again.
    pub async fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.inner.host.shutdown(timeout).await
    }
}

/// A saga that was started, and what is left of that.
struct Started<T> {
    saga: SagaHandle<T>,
    /// Resolves when its API steps are over.
    api_phase: Option<oneshot::Receiver<()>>,
}

impl<T: TaskSteps> Started<T> {
    fn here(inner: &Arc<Inner>, begun: Begun) -> Self {
        let Begun { id, waiter, api_phase } = begun;
        Self { saga: SagaHandle::new(Arc::clone(inner), id, waiter), api_phase }
    }

    /// Waits until it is accepted.
    async fn accepted(self) -> Result<SagaHandle<T>, SubmitError> {
        if let Some(api_phase) = self.api_phase {
            let (task, saga) = (T::TASK.name.to_owned(), self.saga.id());
            api_phase.await.map_err(|_| SubmitError::HostLost { task, saga })?;
        }
        Ok(self.saga)
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), task: PhantomData }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", self.inner.host.definition.task)
    }
}
