//! The API side: makes a saga durable, runs its `host = "api"` steps, hands over.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{
    driver::Driver, host::Host, inputs::Verdicts, once::Keyed, random, signals::Waiter,
    start_key::StartKey,
};
use crate::{
    journal::{Created, JournalError, NewOwned, NewSaga},
    kernel::{Fence, Host as Role, Machine, Place, SagaId, Started, Timestamp, Value},
};

/// Why a saga could not be started. Nothing was written, unless the journal could not say.
///
/// ```
/// use distributed_task::SubmitError;
///
/// /// What an HTTP route answers.
/// fn status_code(error: &SubmitError) -> u16 {
///     match error {
///         SubmitError::BadKey { .. } => 400,
///         SubmitError::StillStarting { .. } => 409,
///         SubmitError::KeyReused { .. } => 422,
///         // The same call may succeed here later, or at once elsewhere.
///         _ => 503,
///     }
/// }
/// assert_eq!(status_code(&SubmitError::ShuttingDown { task: "book-trip".into() }), 503);
/// ```
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
    /// The key of the start cannot be one.
    #[error("`{task}`: {reason}: a key is 1 to 255 printable ASCII characters")]
    BadKey {
        /// The task.
        task: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another request was started under this key. Use a new key for a new request.
    #[error(
        "`{task}`: the key `{key}` was used for another request, which is saga {saga}: use a new \
         key for a new request"
    )]
    KeyReused {
        /// The task.
        task: String,
        /// The key.
        key: StartKey,
        /// The saga that was started under it.
        saga: SagaId,
    },
    /// A start under this key is in its `host = "api"` steps, or its host died there and it is being
    /// undone. Ask again later.
    #[error("`{task}`: saga {saga} is being started under the key `{key}`: ask again later")]
    StillStarting {
        /// The task.
        task: String,
        /// The key.
        key: StartKey,
        /// The saga that is being started.
        saga: SagaId,
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

/// There is a saga with this id.
pub(super) struct Exists(pub(super) SagaId);

impl Host {
    /// Starts a saga. Resolves when the start is durable.
    pub(super) async fn begin(self: &Arc<Self>, request: Value) -> Result<Begun, SubmitError> {
        self.try_begin(request, None).await?.map_err(|Exists(saga)| {
            tracing::error!(%saga, "two sagas drew one id");
            SubmitError::HostLost { task: self.definition.task.to_string(), saga }
        })
    }

    pub(super) fn has_api_phase(&self) -> bool {
        self.definition.steps.first().is_some_and(|step| step.host == Role::Api)
    }

    /// Starts a saga, unless there is one with its id.
    pub(super) async fn try_begin(
        self: &Arc<Self>,
        request: Value,
        keyed: Option<Keyed>,
    ) -> Result<Result<Begun, Exists>, SubmitError> {
        // Before the look: a host that begins to leave after it waits for this saga to be there.
        let _stay = self.tasks.token();
        loop {
            match self.begin_now(request.clone(), keyed).await {
                // Nothing was written: with the next seat it is.
                Err(SubmitError::Journal {
                    source: JournalError::Fenced(_) | JournalError::Diverged(_),
                    ..
                }) if self.has_api_phase() => {}
                begun => return begun,
            }
        }
    }

    async fn begin_now(
        self: &Arc<Self>,
        request: Value,
        keyed: Option<Keyed>,
    ) -> Result<Result<Begun, Exists>, SubmitError> {
        let task = || self.definition.task.to_string();
        let failed = |source| SubmitError::Journal { task: task(), source };
        let leaving = || SubmitError::ShuttingDown { task: task() };
        // Without API steps the submitter owns nothing, and needs no seat.
        let seat = match self.has_api_phase() {
            true => Some(self.seat().await.ok_or_else(leaving)?),
            false => None,
        };
        let admission = tokio::select! {
            biased;
            () = self.leaving.cancelled() => return Err(leaving()),
            admission = self.journal.admit(self.hash) => admission.map_err(failed)?,
        };
        let now = self.journal.now();
        let id = keyed.map_or_else(|| random::saga(now), |keyed| keyed.id);
        let key = keyed.and_then(|keyed| keyed.key);
        let started = Started {
            definition: self.hash,
            request,
            deadline: self.definition.timeout.map(|timeout| now.plus(timeout)),
            fingerprint: keyed.map(|keyed| keyed.fingerprint),
            reply_to: Some(self.listener.0),
        };
        // The submitter owns nothing; an API host owns the saga from its first record on (A6).
        let fence = if self.has_api_phase() { mint(now) } else { Fence::NONE };
        let definition = Arc::clone(&self.definition);
        let verdicts = Verdicts(&*self.handlers);
        let (machine, first) =
            Machine::start(definition, id, Role::Api, fence, started, now, &verdicts);
        let waiter = Unwatched { host: self, id, waiter: Some(self.ears.waiter(id)) };
        let mut api_phase = None;
        if let (Place::Owned, Some(seat)) = (first.place, seat) {
            let (created, is_created) = oneshot::channel();
            let (handed_over, over) = oneshot::channel();
            let create = NewOwned { definition: self.hash, key, admission };
            let driver = Driver::new(Arc::clone(self), Arc::clone(&seat), machine, now);
            seat.tasks.spawn(driver.begin(first, create, created, handed_over));
            let lost = |_| SubmitError::HostLost { task: task(), saga: id };
            if !is_created.await.map_err(lost)?.map_err(failed)? {
                return Ok(Err(Exists(id)));
            }
            api_phase = Some(over);
        } else {
            let records: SmallVec<_> = first.records;
            let new = NewSaga {
                id,
                at: now,
                definition: self.hash,
                records,
                place: first.place,
                key,
                admission,
            };
            let unheard = || Err(JournalError::Unavailable("it did not answer in time".into()));
            let created = self.heard(self.journal.create(new)).await.unwrap_or_else(unheard);
            if let Created::Exists(_) = created.map_err(failed)? {
                return Ok(Err(Exists(id)));
            }
        }
        Ok(Ok(Begun { id, waiter: waiter.keep(), api_phase }))
    }
}

/// The fence of an API host: no two starts of a process share one, so that each knows its own first
/// record again.
fn mint(now: Timestamp) -> Fence {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let next = |last: u64| Some(now.0.max(last + 1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    Fence(now.0.max(last.unwrap_or_else(|last| last) + 1))
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
        if let Some(waiter) = self.waiter.take() {
            // Under a key somebody else may wait for the same saga.
            self.host.ears.forget_unless_shared(self.id, &waiter);
        }
    }
}
