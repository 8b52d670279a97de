//! The journal in memory: every operation of the protocol, for one process.
//!
//! Locks are taken in this order and never across an await: a shard, then the ready lists or the
//! timers. A saga moves, with its ticket or timer, while its shard is locked; so whoever holds that
//! lock sees it in its place. Signals are sent when all of them are released.

mod claim;
#[cfg(test)]
mod forced;
mod inbox;
#[cfg(feature = "sqlite")]
mod kept;
mod known;
mod settings;
mod survey;
#[cfg(test)]
mod tests;
mod write;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

#[cfg(feature = "sqlite")]
pub(crate) use self::kept::Kept;
pub use self::settings::MemoryJournalBuilder;
use super::{
    ready::{End, Ready, Timers},
    seats::Seats,
    shard::{Shards, lock},
};
use crate::{
    clock::Clock,
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, Gate, History, Journal, Known, Lease, Left, ListFilter, Listed, ListenerId,
        NewSaga, Pulse, Reaped, SeatId, Signal, Signals, Told,
    },
    kernel::{Definition, DefinitionHash, Fence, Mail, SagaId, Timestamp},
};

/// A [`Journal`] in the memory of this process ([`Durability::Volatile`]).
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use distributed_task::backend::memory::MemoryJournal;
///
/// let journal = Arc::new(MemoryJournal::builder().capacity(1_000).retain_ended(50_000).build());
/// # let _ = (journal, Duration::ZERO);
/// ```
pub struct MemoryJournal {
    clock: Arc<dyn Clock>,
    shards: Shards,
    ready: Mutex<Ready>,
    timers: Mutex<Timers>,
    seats: Seats,
    listeners: RwLock<BTreeMap<ListenerId, Arc<dyn Signals>>>,
    definitions: RwLock<HashMap<DefinitionHash, Arc<Definition>>>,
    fences: AtomicU64,
    next_listener: AtomicU64,
    rooms: RwLock<BTreeMap<DefinitionHash, Arc<Room>>>,
    /// Places in each of them.
    capacity: usize,
    late: Mutex<VecDeque<(SagaId, Mail)>>,
    /// Ended sagas that stay readable, in each shard; `None` where somebody else keeps and takes
    /// them.
    retain: Option<usize>,
    /// How long a key is remembered after the end of its saga, at least.
    retain_keys: Duration,
    /// A ticket that a queue lost comes back after this.
    carry_timeout: Duration,
}

impl MemoryJournal {
    /// A journal with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A journal with settings of your own.
    pub fn builder() -> MemoryJournalBuilder {
        MemoryJournalBuilder {
            capacity: 100,
            retain_ended: 1_000,
            retain_keys: Duration::from_secs(24 * 60 * 60),
            carry_timeout: Duration::from_secs(60),
            lease: None,
            clock: None,
            #[cfg(feature = "sqlite")]
            keeps_all: false,
        }
    }

    /// `max(last + 1, now)`: rises over claims and restarts (A2).
    fn mint(&self, now: Timestamp) -> Fence {
        let mint = |last: u64| Some(now.0.max(last + 1));
        let last = self.fences.fetch_update(Ordering::AcqRel, Ordering::Acquire, mint);
        Fence(now.0.max(last.unwrap_or_else(|last| last) + 1))
    }

    fn signal(&self, to: ListenerId, signal: Signal) {
        if let Some(listener) = self.listeners.read().expect("no writer panics").get(&to) {
            listener.signal(signal);
        }
    }

    /// Puts a ticket into its ready list. Answers the idle seat to wake when the shard of the saga,
    /// whose lock the caller holds, is released (wake-one).
    #[must_use]
    fn ticket(&self, definition: DefinitionHash, saga: SagaId, end: End) -> Option<ListenerId> {
        lock(&self.ready).push(definition, saga, end)
    }

    fn wake(&self, idle: impl IntoIterator<Item = ListenerId>) {
        idle.into_iter().for_each(|listener| self.signal(listener, Signal::Ready));
    }

    /// The room for sagas of a definition.
    fn room(&self, definition: DefinitionHash) -> Arc<Room> {
        if let Some(room) = self.rooms.read().expect("no writer panics").get(&definition) {
            return Arc::clone(room);
        }
        let mut rooms = self.rooms.write().expect("no writer panics");
        let new = || Arc::new(Room(Semaphore::new(self.capacity)));
        Arc::clone(rooms.entry(definition).or_insert_with(new))
    }
}

/// Room for new sagas of one definition.
struct Room(Semaphore);

impl Gate for Room {
    fn release(&self) {
        self.0.add_permits(1);
    }
}

impl Journal for MemoryJournal {
    fn durability(&self) -> Durability {
        Durability::Volatile
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let id = ListenerId(self.next_listener.fetch_add(1, Ordering::Relaxed));
        self.listeners.write().expect("no writer panics").insert(id, signals);
        Answer::ready(id)
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.listeners.write().expect("no writer panics").remove(&listener);
        Answer::ready(())
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        let hash = definition.hash();
        let known = self.definitions.write().expect("no writer panics").insert(hash, definition);
        if known.is_none() {
            let all: Vec<_> =
                self.listeners.read().expect("no writer panics").values().cloned().collect();
            all.into_iter().for_each(|listener| listener.signal(Signal::Defined(hash)));
        }
        Answer::ready(())
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        let known = self.definitions.read().expect("no writer panics");
        let mut definitions: Vec<_> = known.iter().map(|(hash, of)| (*hash, of.clone())).collect();
        definitions.sort_unstable_by_key(|(hash, _)| *hash);
        Answer::ready(definitions.into_iter().map(|(_, definition)| definition).collect())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        Answer::ready(self.definitions.read().expect("no writer panics").get(&hash).cloned())
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        let room = self.room(definition);
        if room.0.try_acquire().map(SemaphorePermit::forget).is_ok() {
            return Answer::ready(Admission::new(room));
        }
        Answer::Later(Box::pin(async {
            room.0.acquire().await.expect("the room is never closed").forget();
            Ok(Admission::new(room))
        }))
    }

    fn create(&self, new: NewSaga) -> Answer<'_, Created> {
        Answer::ready(self.create_now(new))
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        Answer::ready(self.known(&mut self.shards.of(saga), saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        Answer::ready(self.seats.enter(seat, listener, self.clock.now()))
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.claim_now(seat, from, limit).into()
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        self.commit_now(batch).into()
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        Answer::ready(self.tell_now(saga, mail))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        let shard = self.shards.of(saga);
        Answer::ready(shard.sagas.get(&saga).map(|entry| entry.inbox.clone()).unwrap_or_default())
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.pulse_now(seat, carry).into()
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        Answer::ready(self.reap_now(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        Answer::ready(self.leave_now(seat))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        let shard = self.shards.of(saga);
        let history = shard.sagas.get(&saga).map(|entry| History {
            definition: entry.definition,
            place: entry.place(),
            records: entry.records.iter().skip(from as usize).cloned().collect(),
        });
        Answer::ready(history)
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        Answer::ready(self.list_now(filter, after, limit))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        Answer::ready(lock(&self.late).iter().cloned().collect())
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        Answer::ready(self.audit_now(after, limit))
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal").finish_non_exhaustive()
    }
}
