//! The API side: makes a saga durable, runs its `host = "api"` steps, hands over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::timeout,
};

use super::{
    driver::Driver, host::Host, inputs::Verdicts, once::Keyed, random, seat::Seat, signals::Waiter,
    singleton::Tenure, start_key::StartKey,
};
use crate::{
    journal::{Admission, Created, JournalError, NewOwned, NewSaga},
    kernel::{Fence, Host as Role, Machine, Place, SagaId, Started, Timestamp, Value},
    lease::LeaseError,
};

/// How long a start waits for a journal that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a saga could not be started. Nothing was written, unless the journal could not say.
///
/// ```
/// use distributed_task::SubmitError;
///
/// /// What an HTTP route answers.
/// fn status_code(error: &SubmitError) -> u16 {
///     match error {
///         SubmitError::BadKey { .. } => 400,
///         SubmitError::StillStarting { .. } | SubmitError::AlreadyRunning { .. } => 409,
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
    /// One saga at a time runs, and another one does, or began less than its `hold_at_least` ago (O6).
    #[error(
        "`{task}`: {} runs or ran a moment ago, and of `singleton = \"{singleton}\"` one at a time does: \
         ask again later", another(*saga)
    )]
    AlreadyRunning {
        /// The task.
        task: String,
        /// What the task says.
        singleton: String,
        /// That saga, if it is one: locks of that name are for anybody.
        saga: Option<SagaId>,
    },
    /// Nobody can say whether another saga is running.
    #[error("`{task}`: {source}")]
    Lock {
        /// The task.
        task: String,
        /// What the lock service says.
        source: LeaseError,
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

fn another(saga: Option<SagaId>) -> String {
    saga.map_or_else(|| "something else".to_owned(), |saga| format!("saga {saga}"))
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
                Err(SubmitError::Journal { source, .. })
                    if is_refusal(&source) && self.has_api_phase() => {}
                begun => return begun,
            }
        }
    }

    async fn begin_now(
        self: &Arc<Self>,
        request: Value,
        keyed: Option<Keyed>,
    ) -> Result<Result<Begun, Exists>, SubmitError> {
        let id = keyed.map_or_else(|| random::saga(self.journal.now()), |keyed| keyed.id);
        let key = keyed.and_then(|keyed| keyed.key);
        // Nothing that others want is held meanwhile. One of several who start under a key may have
        // written its saga.
        let may_exist = keyed.is_some_and(|keyed| keyed.key.is_none());
        let turn = self.turn_of_start(id, may_exist).await?;
        let hands = self.hands().await?;
        let now = self.journal.now();
        let started = Started {
            definition: self.hash,
            request,
            deadline: self.definition.timeout.map(|timeout| now.plus(timeout)),
            fingerprint: keyed.map(|keyed| keyed.fingerprint),
            reply_to: Some(self.listener.0),
        };
        let (role, fence) = match &hands {
            Hands::Api(..) => (Role::Api, mint(now)),
            Hands::Free(..) => (Role::Worker, mint(now)),
            Hands::Nobody(_) => (Role::Api, Fence::NONE),
        };
        let definition = Arc::clone(&self.definition);
        let verdicts = Verdicts(&*self.handlers);
        let (machine, first) = Machine::start(definition, id, role, fence, started, now, &verdicts);
        let machine = Box::new(machine);
        let waiter = Unwatched { host: self, id, waiter: Some(self.ears.waiter(id)) };
        let new = |records, place, admission| NewSaga {
            id,
            at: now,
            definition: self.hash,
            records,
            place,
            key,
            admission,
        };
        let own = |admission| NewOwned { definition: self.hash, key, admission };
        let driver = |seat| Driver::new(Arc::clone(self), seat, machine, now);
        // Once the saga may be written the lock is left to it.
        let left = |turn: Option<Tenure>| turn.map(Tenure::leave_at_drop);
        let mut api_phase = None;
        let is_new = match (first.place, hands) {
            (Place::Owned, Hands::Api(seat, admission)) => {
                let (handed_over, over) = oneshot::channel();
                api_phase = Some(over);
                let begun = driver(seat)
                    .with_turn(left(turn))
                    .with_api_phase(handed_over)
                    .begin(first, own(Some(admission)));
                match timeout(PATIENCE, begun).await {
                    Ok(Ok(Err(source))) => {
                        if is_refusal(&source) && keyed.is_none() {
                            self.forgo_turn(id).await;
                        }
                        return Err(self.failed(source));
                    }
                    Ok(Ok(Ok(begun))) => begun,
                    Ok(Err(_)) => {
                        let task = self.definition.task.to_string();
                        return Err(SubmitError::HostLost { task, saga: id });
                    }
                    // Its driver goes on.
                    Err(_) => return Err(self.unheard()),
                }
            }
            (Place::Owned, Hands::Free(seat, slot)) => {
                let records = first.records.clone();
                let begun = driver(seat)
                    .with_turn(left(turn))
                    .with_slot(Some(slot))
                    .begin(first, own(None));
                match timeout(PATIENCE, begun).await {
                    Ok(Ok(Ok(is_new))) => is_new,
                    // The seat is lost, and it began with it or before it: its id is taken once.
                    Ok(Ok(Err(_)) | Err(_)) => {
                        let admission = self.admission().await.map_err(|_| self.unheard())?;
                        self.create(new(records, Place::Ready, admission)).await? || keyed.is_none()
                    }
                    Err(_) => return Err(self.unheard()),
                }
            }
            (place, hands) => {
                let admission = match hands {
                    Hands::Api(_, admission) | Hands::Nobody(admission) => admission,
                    Hands::Free(..) => self.admission().await?,
                };
                let turn = left(turn);
                match self.create(new(first.records, place, admission)).await {
                    Err(SubmitError::Journal { source, .. })
                        if is_refusal(&source) && keyed.is_none() =>
                    {
                        if let Some(turn) = turn {
                            turn.free();
                        }
                        return Err(self.failed(source));
                    }
                    created => created?,
                }
            }
        };
        if is_new {
            self.hold_turn(id).await;
        }
        match is_new {
            true => Ok(Ok(Begun { id, waiter: waiter.keep(), api_phase })),
            false => Ok(Err(Exists(id))),
        }
    }

    /// Who owns a saga that starts now. An API host owns it from its first record on (A6). So does a
    /// host that waits for work, as far as it knows: a claim would be one more trip to a store, and in
    /// memory cost as much as a step. Not over a file, which may have no room for it: that is refused
    /// before anything of it is under way.
    async fn hands(&self) -> Result<Hands, SubmitError> {
        if self.has_api_phase() {
            let seat = self.seat().await.ok_or_else(|| self.shutting_down())?;
            return Ok(Hands::Api(seat, self.admission().await?));
        }
        if (self.is_shared || self.is_volatile)
            && self.is_idle.load(Ordering::Relaxed)
            && let Some(seat) = self.seat_now()
            && let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned()
        {
            return Ok(Hands::Free(seat, slot));
        }
        Ok(Hands::Nobody(self.admission().await?))
    }

    async fn admission(&self) -> Result<Admission, SubmitError> {
        tokio::select! {
            biased;
            () = self.leaving.cancelled() => Err(self.shutting_down()),
            admission = self.journal.admit(self.hash) => admission.map_err(|source| self.failed(source)),
        }
    }

    /// Starts a saga that nobody owns; `false` when there is one with its id.
    async fn create(&self, new: NewSaga) -> Result<bool, SubmitError> {
        let created = self.heard(self.journal.create(new)).await.ok_or_else(|| self.unheard())?;
        Ok(created.map_err(|source| self.failed(source))? == Created::Created)
    }

    /// Whether it was started is open.
    fn unheard(&self) -> SubmitError {
        self.failed(JournalError::Unavailable("it did not answer in time".into()))
    }

    fn failed(&self, source: JournalError) -> SubmitError {
        SubmitError::Journal { task: self.definition.task.to_string(), source }
    }

    pub(super) fn shutting_down(&self) -> SubmitError {
        SubmitError::ShuttingDown { task: self.definition.task.to_string() }
    }
}

/// Whether nothing was written.
fn is_refusal(error: &JournalError) -> bool {
    matches!(error, JournalError::Fenced(_) | JournalError::Diverged(_))
}

/// Who owns a saga that starts.
enum Hands {
    /// This host, through its API phase.
    Api(Arc<Seat>, Admission),
    /// This host, which has a free slot and nothing to do.
    Free(Arc<Seat>, OwnedSemaphorePermit),
    /// It waits in its ready list.
    Nobody(Admission),
}

/// The fence of a host that begins a saga: no two starts of a process share one, so that each knows its
/// own first record again.
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
