//! The API side: makes a saga durable, runs its `host = "api"` steps, hands over.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{driver::Driver, host::Host, inputs::Verdicts, random, signals::Waiter};
use crate::{
    journal::{Created, JournalError, NewOwned, NewSaga},
    kernel::{Fence, Host as Role, Machine, Place, SagaId, Started, Value},
};

/// Why a saga could not be started. Nothing was written, unless the journal could not say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The request does not survive a round trip through the codec.
    #[error("the request of `{task}` cannot be journaled: {error}")]
    Undecodable {
        /// The task.
        task: String,
        /// What the codec says.
        error: String,
    },
    /// The task is shutting down.
    #[error("`{task}` is shutting down and takes no new sagas")]
    ShuttingDown {
        /// The task.
        task: String,
    },
    /// The host lost its place in the journal during the API steps; another host undoes them.
    #[error("the host of `{task}` lost saga {saga} before it was handed over")]
    HostLost {
        /// The task.
        task: String,
        /// The saga.
        saga: SagaId,
    },
    /// The journal failed; whether the saga was started is open.
    #[error("`{task}`: {source}")]
    Journal {
        /// The task.
        task: String,
        /// What the journal says.
        source: JournalError,
    },
}

/// A saga whose start is durable.
pub(super) struct Begun {
    pub(super) id: SagaId,
    pub(super) waiter: Arc<Waiter>,
    /// Resolves when its API steps are over; an error if this host lost it before that.
    pub(super) api_phase: Option<oneshot::Receiver<()>>,
}

impl Host {
    /// Starts a saga. Resolves when the start is durable.
    pub(super) async fn begin(self: &Arc<Self>, request: Value) -> Result<Begun, SubmitError> {
        let task = || self.definition.task.to_string();
        // Before the look: a host that begins to leave after it waits for this saga to be there.
        let _stay = self.tasks.token();
        let failed = |source| SubmitError::Journal { task: task(), source };
        let admission = tokio::select! {
            biased;
            () = self.leaving.cancelled() => {
                return Err(SubmitError::ShuttingDown { task: task() });
            }
            admission = self.journal.admit() => admission.map_err(failed)?,
        };
        let now = self.journal.now();
        let id = random::saga(now);
        let started = Started {
            definition: self.hash,
            request,
            deadline: self.definition.timeout.map(|timeout| now.plus(timeout)),
            reply_to: Some(self.listener.0),
        };
        // The submitter owns nothing; an API host owns the saga from its first record on (A6).
        let api = self.definition.steps.first().is_some_and(|step| step.host == Role::Api);
        let fence = if api { Fence(now.0) } else { Fence::NONE };
        let definition = Arc::clone(&self.definition);
        let verdicts = Verdicts(&*self.handlers);
        let (machine, first) =
            Machine::start(definition, id, Role::Api, fence, started, now, &verdicts);
        let waiter = Unwatched { host: self, id, waiter: Some(self.ears.waiter(id)) };
        let mut api_phase = None;
        if first.place == Place::Owned {
            let (created, is_created) = oneshot::channel();
            let (handed_over, over) = oneshot::channel();
            let create = NewOwned { definition: self.hash, admission };
            let driver = Driver::new(Arc::clone(self), machine, now);
            self.tasks.spawn(driver.begin(first, create, created, handed_over));
            let lost = |_| SubmitError::HostLost { task: task(), saga: id };
            is_created.await.map_err(lost)?.map_err(failed)?;
            api_phase = Some(over);
        } else {
            let records: SmallVec<_> = first.records;
            let new = NewSaga {
                id,
                at: now,
                definition: self.hash,
                records,
                place: first.place,
                admission,
            };
            match self.journal.create(new).await.map_err(failed)? {
                Created::Created => {}
                Created::Exists => tracing::error!(saga = %id, "two sagas drew one id"),
            }
        }
        Ok(Begun { id, waiter: waiter.keep(), api_phase })
    }
}

/// A waiter of a saga that may not come to be.
struct Unwatched<'a> {
    host: &'a Host,
    id: SagaId,
    waiter: Option<Arc<Waiter>>,
}

impl Unwatched<'_> {
    fn keep(mut self) -> Arc<Waiter> {
        self.waiter.take().expect("it is taken once")
    }
}

impl Drop for Unwatched<'_> {
    fn drop(&mut self) {
        if self.waiter.is_some() {
            self.host.ears.forget(self.id);
        }
    }
}
