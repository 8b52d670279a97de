//! The host: one process's place in a journal, with everything its drivers share.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    carrier, claim,
    cover::{Covered, covered},
    fence::SelfFence,
    pulse, random,
    signals::Ears,
    task::ShutdownReport,
};
use crate::{
    files::Files,
    journal::{Journal, JournalError, ListenerId, SeatId, Wire},
    kernel::{Definition, DefinitionHash, SagaId},
    progress::ProgressTracker,
    queue::{Queue, Ticket},
    task::{Handlers, Services},
};

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
    pub(super) ears: Arc<Ears>,
    pub(super) listener: ListenerId,
    pub(super) seat: SeatId,
    pub(super) fence: SelfFence,
    pub(super) batches: AtomicU64,
    pub(super) settings: HostSettings,
    pub(super) slots: Arc<Semaphore>,
    /// One slot for sagas that hosts died on: the next crash names its cause (R3).
    pub(super) suspects: Arc<Semaphore>,
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
        files: Option<Files>,
        progress: Arc<dyn ProgressTracker>,
        carrier: Option<Carrier>,
        settings: HostSettings,
    ) -> Result<Arc<Self>, JournalError> {
        let definition = Arc::new(handlers.definition());
        let ears = Arc::new(Ears::default());
        let listener = journal.listen(ears.clone()).await?;
        let seat = random::seat();
        let fence = SelfFence::new();
        let entered = async {
            journal.define(Arc::clone(&definition)).await?;
            let known = journal.definitions().await?;
            let (renewing, sent) = (SelfFence::renewing(), journal.now());
            let lease = journal.enter(seat, listener).await?;
            fence.renewed(renewing, lease.deadline.map(|deadline| deadline.since(sent)));
            Ok((known, lease))
        };
        let (known, lease) = match entered.await {
            Ok(entered) => entered,
            Err(error) => {
                // Nobody will ever listen there; if this fails as well, the journal has lost more.
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
            suspects: Arc::new(Semaphore::new(1)),
            slots: Arc::new(Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS))),
            journal,
            handlers,
            definition,
            services: Arc::new(Services { files, progress }),
            ears,
            listener,
            seat,
            fence,
            batches: AtomicU64::new(1),
            settings,
            tasks: TaskTracker::new(),
            leaving: CancellationToken::new(),
            aborting: CancellationToken::new(),
            gone: CancellationToken::new(),
        });
        match carrier {
            None => drop(host.tasks.spawn(claim::run(Arc::clone(&host)))),
            Some(carrier) => carrier::spawn(&host, carrier),
        }
        // Not one of `tasks`: it keeps the seat alive until the last of them is done.
        tokio::spawn(pulse::run(pulse::GoneAtEnd(Arc::clone(&host)), lease));
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
        let known = self.journal.definitions().await?;
        self.known.store(known.len(), Ordering::Relaxed);
        let own = self.covers()[0].clone();
        let covers = covered(&own, known).into();
        *self.covers.write().unwrap_or_else(PoisonError::into_inner) = covers;
        self.ears.ready.notify_one();
        Ok(())
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
            // Attempts end at once now; what is left is a commit for each.
            self.gone.cancelled().await;
        }
        ShutdownReport { in_time }
    }

    /// The number of the next batch; a local journal ignores it.
    pub(super) fn batch(&self) -> u64 {
        match self.journal.wire() {
            Wire::Local => 0,
            Wire::Remote => self.batches.fetch_add(1, Ordering::Relaxed),
        }
    }
}
