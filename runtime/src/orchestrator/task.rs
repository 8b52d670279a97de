//! A built task: what users submit to.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    handle::SagaHandle,
    host::Host,
    submit::{Begun, SubmitError},
};
use crate::{
    journal::JournalError,
    kernel::SagaId,
    task::{TaskSteps, request_value},
};

/// A built task: submit sagas to it. Cloning it is cheap. When the last clone and the last handle
/// are dropped, the task leaves as [`shutdown`](Self::shutdown) does, without anybody waiting.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Whether every running step ended by itself. Otherwise the rest was interrupted; those steps
    /// run again under the same key wherever their sagas are claimed next.
    pub in_time: bool,
}

/// Why the state of a saga cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The journal does not know the saga, or not any more.
    #[error("there is no saga {saga}")]
    NoSuch {
        /// The saga.
        saga: SagaId,
    },
    /// The saga belongs to another task, or to another version of this one.
    #[error("saga {saga} belongs to another task, or to another version of this one")]
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
    /// When the task is shutting down, the request cannot be journaled, or the journal fails.
    pub async fn submit(&self, request: T::Request) -> Result<SagaHandle<T>, SubmitError> {
        let (saga, api_phase) = self.begin(request).await?;
        if let Some(api_phase) = api_phase {
            let (task, saga) = (T::TASK.name.to_owned(), saga.id());
            api_phase.await.map_err(|_| SubmitError::HostLost { task, saga })?;
        }
        Ok(saga)
    }

    /// Starts a saga as [`submit`](Self::submit) does, but resolves as soon as its start is
    /// durable, while its `host = "api"` steps still run: to watch them, or to cancel the saga
    /// while they take their time. They go on whether or not anybody holds the handle. Until they
    /// are done the saga is not accepted: if this host dies, another one undoes them.
    ///
    /// # Errors
    /// As `submit`; what happens to the API steps is in the outcome.
    pub async fn start(&self, request: T::Request) -> Result<SagaHandle<T>, SubmitError> {
        Ok(self.begin(request).await?.0)
    }

    async fn begin(
        &self,
        request: T::Request,
    ) -> Result<(SagaHandle<T>, Option<oneshot::Receiver<()>>), SubmitError> {
        let host = &self.inner.host;
        let request = request_value::<T>(request)
            .map_err(|error| SubmitError::Undecodable { task: T::TASK.name.to_owned(), error })?;
        let Begun { id, waiter, api_phase } = host.begin(request).await?;
        Ok((SagaHandle::new(Arc::clone(&self.inner), id, waiter), api_phase))
    }

    /// The handle of a saga that was submitted here or elsewhere.
    ///
    /// # Errors
    /// When the journal does not know the saga or knows it as one of another task, or fails.
    pub async fn saga(&self, id: SagaId) -> Result<SagaHandle<T>, StatusError> {
        SagaHandle::find(Arc::clone(&self.inner), id).await
    }

    /// Leaves: takes no new sagas, lets the steps that run finish, gives the sagas back to the
    /// journal, and interrupts what is left after `timeout`. Nothing is lost: what was given back
    /// goes on wherever it is claimed next. Cancel safe; calling it again waits again.
    pub async fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.inner.host.shutdown(timeout).await
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
