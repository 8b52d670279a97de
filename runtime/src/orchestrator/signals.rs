//! Where the journal's signals arrive: the claim loop, the pulse, drivers that wait, and whoever
//! waits for the end of a saga.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::{
    journal::{Signal, Signals},
    kernel::{Finished, SagaId},
    task::SagaContext,
};

const SHARDS: usize = 16;

/// The ears of a host.
#[derive(Default)]
pub(super) struct Ears {
    /// A ready list has a ticket.
    pub(super) ready: Notify,
    /// The pulse has something to look at: a timer that is due before every other one, or a
    /// definition that is new.
    pub(super) timer: Notify,
    /// Sagas whose drivers wait for something that may take long.
    drivers: Sharded<DriverBell>,
    /// Sagas whose end somebody holds a handle for.
    waiters: Sharded<Waiter>,
}

impl Signals for Ears {
    fn signal(&self, signal: Signal) {
        match signal {
            Signal::Ready => self.ready.notify_one(),
            Signal::Timer(_) | Signal::Defined(_) => self.timer.notify_one(),
            Signal::Mail(saga) => {
                if let Some(bell) = self.drivers.get(saga) {
                    bell.ring();
                }
            }
            Signal::Parked(saga) => {
                if let Some(waiter) = self.waiters.get(saga) {
                    waiter.needs_operator();
                }
            }
            Signal::Closed => self.close(),
            Signal::Ended(saga, finished) => {
                if let Some(waiter) = self.waiters.remove(saga) {
                    waiter.end(finished);
                }
            }
        }
    }
}

impl Ears {
    /// From now on `Mail` for the saga rings the bell.
    pub(super) fn attend(self: &Arc<Self>, saga: &Arc<SagaContext>) -> Attendance {
        let bell = Arc::new(DriverBell::of(saga));
        self.drivers.insert(saga.id, Arc::clone(&bell));
        Attendance { ears: Arc::clone(self), bell }
    }

    /// So many records has a saga whose driver waits here: there are no more.
    pub(super) fn records_here(&self, saga: SagaId) -> Option<u64> {
        self.drivers.get(saga).map(|bell| bell.saga.seq.load(Ordering::Relaxed))
    }

    /// The waiter of a saga, made if there is none.
    pub(super) fn waiter(&self, saga: SagaId) -> Arc<Waiter> {
        self.waiters.get_or_insert(saga)
    }

    pub(super) fn forget(&self, saga: SagaId) {
        self.waiters.remove(saga);
    }

    /// Forgets a waiter that nobody but the caller holds.
    pub(super) fn forget_unless_shared(&self, saga: SagaId, waiter: &Arc<Waiter>) {
        let mut waiters = self.waiters.shard(saga);
        let is_it = waiters.get(&saga).is_some_and(|held| Arc::ptr_eq(held, waiter));
        // This map and the caller; others get it under this lock only.
        if is_it && Arc::strong_count(waiter) == 2 {
            waiters.remove(&saga);
        }
    }

    /// Nobody will hear anything any more.
    pub(super) fn close(&self) {
        for waiter in self.waiters.drain() {
            waiter.host_is_gone();
        }
    }
}

/// A driver that can be rung; it stops being one when this is dropped.
pub(super) struct Attendance {
    ears: Arc<Ears>,
    pub(super) bell: Arc<DriverBell>,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let saga = self.bell.saga.id;
        let mut drivers = self.ears.drivers.shard(saga);
        // It may have been claimed here again before this driver was gone.
        if drivers.get(&saga).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            drivers.remove(&saga);
        }
    }
}

/// Tells a driver that its saga has mail.
pub(super) struct DriverBell {
    rung: AtomicBool,
    waker: AtomicWaker,
    saga: Arc<SagaContext>,
}

impl DriverBell {
    fn of(saga: &Arc<SagaContext>) -> Self {
        let (rung, waker) = (AtomicBool::new(false), AtomicWaker::new());
        Self { rung, waker, saga: Arc::clone(saga) }
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it rang since the last look; otherwise wakes when it does.
    pub(super) fn poll_rung(&self, cx: &std::task::Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.rung.swap(false, Ordering::AcqRel)
    }
}

/// What is known of a saga that somebody waits for.
#[derive(Default)]
pub(super) struct Waiter {
    seen: Mutex<SeenSoFar>,
    changed: Notify,
}

#[derive(Default)]
struct SeenSoFar {
    ended: Option<Arc<Finished>>,
    host_gone: bool,
    /// So often it needed an operator.
    stops: u64,
}

/// What a waiter has seen.
pub(super) enum Seen {
    /// The saga is over.
    Ended(Arc<Finished>),
    /// It is parked or stuck, for the so manieth time; the journal says why.
    NeedsOperator(u64),
    /// The host that listened was shut down.
    HostGone,
}

impl Waiter {
    pub(super) fn end(&self, finished: Arc<Finished>) {
        self.note(|seen| seen.ended = Some(finished));
    }

    pub(super) fn needs_operator(&self) {
        self.note(|seen| seen.stops += 1);
    }

    fn host_is_gone(&self) {
        self.note(|seen| seen.host_gone = true);
    }

    fn note(&self, note: impl FnOnce(&mut SeenSoFar)) {
        note(&mut lock(&self.seen));
        self.changed.notify_waiters();
    }

    /// The end, or the next time it needs an operator after so many. Cancel safe.
    pub(super) async fn wait(&self, stops: u64) -> Seen {
        loop {
            let changed = self.changed.notified();
            {
                let seen = lock(&self.seen);
                if let Some(finished) = &seen.ended {
                    return Seen::Ended(Arc::clone(finished));
                }
                if seen.stops > stops {
                    return Seen::NeedsOperator(seen.stops);
                }
                if seen.host_gone {
                    return Seen::HostGone;
                }
            }
            changed.await;
        }
    }
}

/// A map from saga to something shared, spread over a few locks.
struct Sharded<V>([Mutex<HashMap<SagaId, Arc<V>>>; SHARDS]);

impl<V> Default for Sharded<V> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl<V> Sharded<V> {
    fn shard(&self, saga: SagaId) -> MutexGuard<'_, HashMap<SagaId, Arc<V>>> {
        let (_, low) = saga.0.as_u64_pair();
        lock(&self.0[low as usize % SHARDS])
    }

    fn get(&self, saga: SagaId) -> Option<Arc<V>> {
        self.shard(saga).get(&saga).cloned()
    }

    fn insert(&self, saga: SagaId, value: Arc<V>) {
        self.shard(saga).insert(saga, value);
    }

    fn remove(&self, saga: SagaId) -> Option<Arc<V>> {
        self.shard(saga).remove(&saga)
    }

    /// Takes all out, in an order that does not depend on the map.
    fn drain(&self) -> Vec<Arc<V>> {
        let taken = self.0.iter().flat_map(|shard| std::mem::take(&mut *lock(shard)));
        let mut taken: Vec<_> = taken.collect();
        taken.sort_unstable_by_key(|(saga, _)| *saga);
        taken.into_iter().map(|(_, value)| value).collect()
    }
}

impl<V: Default> Sharded<V> {
    fn get_or_insert(&self, saga: SagaId) -> Arc<V> {
        Arc::clone(self.shard(saga).entry(saga).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no critical section panics")
}
