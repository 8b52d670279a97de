//! The journal below the store, and a replica of it: when the store fails over, the last operations
//! are lost, and what is left is an older state that fits together (A4).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    plan::StorePlan,
    scene::{Scene, lock},
};
use crate::{
    backend::memory::MemoryJournal,
    clock::{Clock, TokioClock},
    journal::{Claimed, ClaimedSaga, Committed, SeatId},
    kernel::Timestamp,
};

/// A journal whose last operations can be lost.
pub(super) struct Replica {
    scene: Arc<Scene>,
    clock: Arc<StoreClock>,
    journal: Mutex<Arc<MemoryJournal>>,
    /// Empty where nothing is ever lost.
    log: Mutex<Vec<Logged>>,
    numbers: Mutex<BTreeMap<SeatId, Numbers>>,
}

struct Logged {
    at: Timestamp,
    what: Change,
}

enum Change {
    Operation(Box<dyn Fn(&MemoryJournal) + Send>),
    Numbers(SeatId, Numbers),
}

/// What the store knows of a seat: the numbers of its last commit and its last claim, and what it
/// answered.
#[derive(Clone, Default)]
pub(super) struct Numbers {
    pub(super) batch: u64,
    pub(super) reply: Option<Committed>,
    pub(super) claim: u64,
    pub(super) taken: Arc<Claimed>,
}

/// The clock of the store, which shows an earlier time while operations are repeated.
struct StoreClock {
    clock: TokioClock,
    shows: AtomicU64,
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        match self.shows.load(Relaxed) {
            0 => self.clock.now(),
            shows => Timestamp(shows),
        }
    }
}

impl Replica {
    pub(super) fn new(scene: &Arc<Scene>) -> Self {
        let clock = Arc::new(StoreClock { clock: scene.clock(), shows: AtomicU64::new(0) });
        Self {
            journal: Mutex::new(journal(scene, &clock)),
            scene: Arc::clone(scene),
            clock,
            log: Mutex::default(),
            numbers: Mutex::default(),
        }
    }

    /// To look at.
    pub(super) fn journal(&self) -> Arc<MemoryJournal> {
        Arc::clone(&lock(&self.journal))
    }

    /// Changes the journal.
    pub(super) fn does<T>(&self, operation: impl Fn(&MemoryJournal) -> T + Send + 'static) -> T {
        let answer = operation(&self.journal());
        self.log(|| Change::Operation(Box::new(move |journal| drop(operation(journal)))));
        answer
    }

    fn log(&self, what: impl FnOnce() -> Change) {
        if self.scene.plan.fail_over.is_some() {
            lock(&self.log).push(Logged { at: self.clock.now(), what: what() });
        }
    }

    pub(super) fn numbers(&self, seat: SeatId) -> Numbers {
        lock(&self.numbers).get(&seat).cloned().unwrap_or_default()
    }

    pub(super) fn number(&self, seat: SeatId, numbers: Numbers) {
        self.log(|| Change::Numbers(seat, numbers.clone()));
        lock(&self.numbers).insert(seat, numbers);
    }

    /// The primary dies, and the replica in its place lacks what was done this short ago. Answers
    /// how much that was.
    pub(super) fn fail_over(&self, loses: Duration) -> usize {
        let now = self.clock.now();
        let mut log = lock(&self.log);
        let kept = log.partition_point(|logged| logged.at.plus(loses) < now);
        let lost = log.len() - kept;
        log.truncate(kept);
        let journal = journal(&self.scene, &self.clock);
        let mut numbers = lock(&self.numbers);
        numbers.clear();
        // What is repeated was signalled before.
        self.scene.hush(true);
        for logged in &*log {
            self.clock.shows.store(logged.at.0, Relaxed);
            match &logged.what {
                Change::Operation(operation) => operation(&journal),
                Change::Numbers(seat, of) => drop(numbers.insert(*seat, of.clone())),
            }
        }
        self.clock.shows.store(0, Relaxed);
        self.scene.hush(false);
        *lock(&self.journal) = journal;
        lost
    }
}

fn journal(scene: &Scene, clock: &Arc<StoreClock>) -> Arc<MemoryJournal> {
    let StorePlan { lease, keeps, .. } = &scene.plan.store;
    let journal = MemoryJournal::builder()
        .lease(*lease)
        .clock(clock.clone())
        .capacity(keeps.waiting)
        .retain_ended(keeps.ended)
        .retain_keys(keeps.keys)
        .build();
    Arc::new(journal)
}

/// The same answer again.
pub(super) fn again(claimed: &Claimed) -> Claimed {
    let saga = |saga: &ClaimedSaga| ClaimedSaga {
        id: saga.id,
        definition: saga.definition,
        fence: saga.fence,
        crashes: saga.crashes,
        crashed_at: saga.crashed_at,
        records: saga.records.clone(),
        mail: saga.mail.clone(),
    };
    Claimed { sagas: claimed.sagas.iter().map(saga).collect(), at: claimed.at }
}
