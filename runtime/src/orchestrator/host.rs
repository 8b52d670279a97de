//! The host: one process's place in a journal, with everything its drivers share.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    carrier, claim,
    cover::{Covered, covered},
    pulse,
    seat::{Seat, Taken},
    signals::Ears,
    singleton::{OneAtATime, Singleton},
    suspects::Suspects,
    task::ShutdownReport,
};
use crate::{
    journal::{Answer, Durability, Journal, JournalError, ListenerId},
    kernel::{Definition, DefinitionHash, SagaId},
    queue::{Queue, Ticket},
    task::{Codecs, Handlers, Keeping, Services},
};

/// How long a journal may take to answer a host whose time is up.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a shutdown takes at most after its limit: for the last words of every saga.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One process's place in a journal.
pub(crate) struct Host {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) handlers: Arc<dyn Handlers>,
    pub(super) definition: Arc<Definition>,
    pub(super) hash: DefinitionHash,
    /// The definitions that are covered here, its own first.
    covers: RwLock<Arc<[Covered]>>,
    /// So many were known when that was looked at.
    known: AtomicUsize,
    pub(super) services: Arc<Services>,
    /// One saga at a time runs.
    pub(super) singleton: Option<Singleton>,
    pub(super) ears: Arc<Ears>,
    /// Hears of the sagas that were started here, whatever becomes of the seat.
    pub(super) listener: ListenerId,
    /// Seats of its journal have a deadline: others may reap them, from other processes.
    pub(super) is_shared: bool,
    /// It keeps nothing, and has room for everything.
    pub(super) is_volatile: bool,
    /// `None` while a new one is looked for.
    seat: RwLock<Option<Arc<Seat>>>,
    /// There is another one. Whoever waits for it goes on in the order in which it came.
    seated: Notify,
    pub(super) settings: HostSettings,
    pub(super) slots: Arc<Semaphore>,
    /// Its ready lists were empty, and nobody has said yet that they are not.
    pub(super) is_idle: AtomicBool,
    /// One slot for sagas that hosts died on: the next crash names its cause (R3).
    pub(super) suspects: Suspects,
    /// Whatever the host waits for before it is gone, besides what its seat owns.
    pub(super) tasks: TaskTracker,
    /// Nothing new is claimed or started; what runs goes on.
    pub(super) leaving: CancellationToken,
    /// What still runs is ended.
    pub(super) aborting: CancellationToken,
    /// Everything is given back, and the seat is left.
    pub(super) gone: CancellationToken,
}

/// How a host behaves.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// Sagas that run at a time.
    pub(crate) concurrency: NonZeroUsize,
    /// How long an attempt that is told to stop may take to do so.
    pub(crate) grace: Duration,
    /// What it does.
    pub(crate) part: Part,
    /// One saga at a time runs (O6).
    pub(crate) singleton: Option<OneAtATime>,
}

/// What a process does of the work on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Starts sagas, and does their API steps.
    Api,
    /// Does all other steps.
    Worker,
    /// All of it.
    Both,
}

/// How a host gets its tickets.
pub(crate) struct Carrier {
    pub(crate) queue: Arc<dyn Queue>,
    /// Which saga a ticket is for, if it is one of this task.
    pub(crate) accept: fn(Ticket) -> Result<SagaId, String>,
}

impl Host {
    /// Takes a seat and begins to work.
    pub(crate) async fn start(
        journal: Arc<dyn Journal>,
        handlers: Arc<dyn Handlers>,
        codecs: Codecs,
        services: Services,
        carrier: Option<Carrier>,
        settings: HostSettings,
    ) -> Result<Arc<Self>, JournalError> {
        let is_volatile = journal.durability() == Durability::Volatile;
        let handlers = Arc::new(Keeping::new(handlers, codecs, !is_volatile));
        let definition = Arc::new(handlers.definition());
        let ears = Arc::new(Ears::default());
        let listener = journal.listen(ears.clone()).await?;
        let Taken { seat, lease, known } = match Seat::take(&*journal, &ears, &definition).await {
            Ok(taken) => taken,
            Err(error) => {
                // Nobody will ever listen there.
                let _ = journal.unlisten(listener).await;
                return Err(error);
            }
        };
        let hash = definition.hash();
        let own = Covered { hash, definition: definition.clone(), handlers: handlers.clone() };
        let host = Arc::new(Self {
            hash,
            known: AtomicUsize::new(known.len()),
            covers: RwLock::new(covered(&own, known).into()),
            suspects: Suspects::new(),
            slots: Arc::new(Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS))),
            is_idle: AtomicBool::new(false),
            journal,
            handlers,
            definition,
            singleton: settings.singleton.map(|says| Singleton::new(says, &services.lock)),
            services: Arc::new(services),
            ears,
            listener,
            is_shared: lease.deadline.is_some(),
            is_volatile,
            seat: RwLock::new(Some(Arc::clone(&seat))),
            seated: Notify::new(),
            settings,
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            aborting: CancellationToken::new(),
            gone: CancellationToken::new(),
        });
        match carrier {
            _ if host.settings.part == Part::Api => {}
            None => drop(host.tasks.spawn(claim::run(Arc::clone(&host)))),
            Some(carrier) => carrier::spawn(&host, carrier),
        }
        // Not one of `tasks`: it keeps the seat alive until the last of them is done.
        tokio::spawn(pulse::run(pulse::GoneAtEnd(Arc::clone(&host)), seat, lease));
        Ok(host)
    }

    /// The definitions that are covered here, its own first.
    pub(super) fn covers(&self) -> Arc<[Covered]> {
        Arc::clone(&self.covers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks again which definitions are covered here, when more are known than at the last look.
    pub(super) async fn heard_of_definitions(&self, known: usize) -> Result<(), JournalError> {
        if known == self.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.learn(self.journal.definitions().await?);
        self.ears.ready.notify_one();
        Ok(())
    }

    fn learn(&self, known: Vec<Arc<Definition>>) {
        self.known.store(known.len(), Ordering::Relaxed);
        let own = self.covers()[0].clone();
        let covers = covered(&own, known).into();
        *self.covers.write().unwrap_or_else(PoisonError::into_inner) = covers;
    }

    /// The seat, as soon as there is one; `None` when the host leaves.
    pub(super) async fn seat(&self) -> Option<Arc<Seat>> {
        let seated = async {
            loop {
                let seated = self.seated.notified();
                if let Some(seat) = self.held() {
                    return seat;
                }
                seated.await;
            }
        };
        tokio::select! {
            biased;
            () = self.leaving.cancelled() => None,
            seat = seated => Some(seat),
        }
    }

    /// The seat, if there is one now and the host stays.
    pub(super) fn seat_now(&self) -> Option<Arc<Seat>> {
        self.held().filter(|_| !self.leaving.is_cancelled())
    }

    fn held(&self) -> Option<Arc<Seat>> {
        let seat = self.seat.read().unwrap_or_else(PoisonError::into_inner).clone();
        seat.filter(|seat| !seat.lost.is_cancelled())
    }

    fn hold(&self, seat: Option<Arc<Seat>>) {
        *self.seat.write().unwrap_or_else(PoisonError::into_inner) = seat;
        self.seated.notify_waiters();
    }

    /// There is no seat, for the moment or for good.
    pub(super) fn stand_up(&self) {
        self.hold(None);
    }

    /// There is a seat again. What the journal knew before, it may know no more.
    pub(super) fn sit_down(&self, seat: Arc<Seat>, known: Vec<Arc<Definition>>) {
        self.learn(known);
        self.hold(Some(seat));
    }

    /// What the journal answers to a seat; `None` when the seat is lost, or the time of the host is
    /// up, and no answer comes.
    pub(super) async fn answered<T>(
        &self,
        seat: &Seat,
        answer: Answer<'_, T>,
    ) -> Option<Result<T, JournalError>> {
        if let Answer::Ready(_) = answer {
            return Some(answer.await);
        }
        // Boxed: drivers wait here, and hold it in line otherwise.
        let waited = async {
            tokio::select! {
                biased;
                answer = answer => Some(answer),
                () = seat.lost.cancelled() => None,
                () = self.is_out_of_patience() => None,
            }
        };
        Box::pin(waited).await
    }

    /// What the journal answers; `None` when the time of the host is up, and no answer comes.
    pub(super) async fn heard<T>(&self, answer: Answer<'_, T>) -> Option<Result<T, JournalError>> {
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = self.is_out_of_patience() => None,
        }
    }

    async fn is_out_of_patience(&self) {
        self.aborting.cancelled().await;
        sleep(PATIENCE).await;
    }

    /// What the journal answers in good time to what need not succeed.
    pub(super) async fn soon<T>(&self, answer: Answer<'_, T>) -> Option<Result<T, JournalError>> {
        timeout(PATIENCE, answer).await.ok()
    }

    /// Waits for a free slot.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Tells everything to come to an end, without waiting for it.
    pub(super) fn leave(&self) {
        self.leaving.cancel();
        self.tasks.close();
    }

    /// Finishes the steps that run, gives the sagas back and leaves.
    pub(super) async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.leave();
        let in_time = timeout(limit, self.gone.cancelled()).await.is_ok();
        if !in_time {
            self.aborting.cancel();
            // Attempts end at once now; what is left is a commit for each, if the journal answers.
            if timeout(LAST_WORDS, self.gone.cancelled()).await.is_err() {
                tracing::error!("shut down although something does not end");
                self.is_gone();
            }
        }
        ShutdownReport { in_time }
    }

    /// Nobody waits for this host any more.
    pub(super) fn is_gone(&self) {
        self.ears.close();
        self.gone.cancel();
    }
}
