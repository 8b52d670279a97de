//! The journal in memory: every operation of the protocol, for one process.
//!
//! Locks are taken in this order and never across an await: a shard, then the ready lists or the
//! timers. Signals are sent when all of them are released.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use smallvec::SmallVec;
use tokio::sync::Semaphore;

use super::{
    ready::{End, Ready, Timers},
    seats::{Seat, Seats},
    shard::{At, Entry, Shard, Shards, lock},
};
use crate::{
    clock::{Clock, SystemClock, TokioClock},
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, ClaimedSaga, Committed,
        Created, Durability, Gate, History, Item, Journal, JournalError, Lease, Left, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signal, Signals, Told, Verdict, Wire,
    },
    kernel::{
        Definition, DefinitionHash, End as Ended, Fence, Finished, Letter, Mail, Place, Record,
        SagaId, SagaStatus, Stamped, Timestamp, Way,
    },
};

/// Due timers that one pulse turns into tickets.
const TIMERS_A_PULSE: usize = 128;

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
    listeners: RwLock<HashMap<ListenerId, Arc<dyn Signals>>>,
    definitions: RwLock<HashMap<DefinitionHash, Arc<Definition>>>,
    fences: AtomicU64,
    next_listener: AtomicU64,
    room: Arc<Room>,
    retain: usize,
}

/// Settings of a [`MemoryJournal`].
#[derive(Clone)]
pub struct MemoryJournalBuilder {
    capacity: usize,
    retain_ended: usize,
    lease: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
}

impl MemoryJournalBuilder {
    /// So many new sagas may wait for their first claim before `submit` waits. Default 100.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Ended sagas that stay readable, about. Default 1,000. A handle keeps its own outcome.
    #[must_use]
    pub fn retain_ended(mut self, sagas: usize) -> Self {
        self.retain_ended = sagas;
        self
    }

    /// How long a seat lives without a pulse. Default: for ever, since it dies with this process.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The clock. Default: [`TokioClock`], which follows tokio's paused time in tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The journal.
    pub fn build(self) -> MemoryJournal {
        MemoryJournal {
            clock: self
                .clock
                .unwrap_or_else(|| Arc::new(TokioClock::starting_at(SystemClock::default().now()))),
            shards: Shards::new(),
            ready: Mutex::default(),
            timers: Mutex::default(),
            seats: Seats::new(self.lease),
            listeners: RwLock::default(),
            definitions: RwLock::default(),
            fences: AtomicU64::new(0),
            next_listener: AtomicU64::new(1),
            room: Arc::new(Room(Semaphore::new(self.capacity.clamp(1, Semaphore::MAX_PERMITS)))),
            retain: self.retain_ended.div_ceil(Shards::COUNT),
        }
    }
}

impl MemoryJournal {
    /// A journal with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A journal with settings of your own.
    pub fn builder() -> MemoryJournalBuilder {
        MemoryJournalBuilder { capacity: 100, retain_ended: 1_000, lease: None, clock: None }
    }

    /// `max(last + 1, now)`: rises over claims and restarts (A2).
    fn mint(&self, now: Timestamp) -> Fence {
        let mint = |last: u64| Some(now.0.max(last + 1));
        let last = self.fences.fetch_update(Ordering::AcqRel, Ordering::Acquire, mint);
        Fence(now.0.max(last.unwrap_or_else(|last| last) + 1))
    }

    fn signal(&self, to: ListenerId, signal: Signal) {
        let listener = self.listeners.read().expect("no writer panics").get(&to).cloned();
        if let Some(listener) = listener {
            listener.signal(signal);
        }
    }

    /// Puts a ticket into its ready list and wakes one idle seat (wake-one).
    fn ticket(&self, definition: DefinitionHash, saga: SagaId, end: End) {
        let idle = lock(&self.ready).push(definition, saga, end);
        if let Some(listener) = idle {
            self.signal(listener, Signal::Ready);
        }
    }

    /// What a move out of an owner's hands, or a creation, leaves to do outside the shard's lock.
    fn moved(&self, saga: SagaId, definition: DefinitionHash, moved: Moved) {
        match moved {
            Moved::No => {}
            Moved::Ready(end) => self.ticket(definition, saga, end),
            Moved::Timed(due, owner) => {
                if lock(&self.timers).set(due, saga) {
                    self.signal(owner, Signal::Timer(due));
                }
            }
            Moved::Parked(Some(reply_to)) => self.signal(reply_to, Signal::Parked(saga)),
            Moved::Ended(Some(reply_to), Some(finished), _evicted) => {
                self.signal(reply_to, Signal::Ended(saga, finished));
            }
            Moved::Parked(None) | Moved::Ended(..) => {}
        }
    }

    fn commit_item(&self, seat: SeatId, mut item: Item) -> Verdict {
        let mut shard = self.shards.of(item.saga);
        let create = item.create.take();
        let created = create.is_some();
        if let Some(create) = create {
            // A seat that lives now is reaped after this shard is released, and finds the saga.
            let new = item.seq == 0 && !shard.sagas.contains_key(&item.saga);
            let Some(seat) = self.seats.get(seat).filter(|_| new) else {
                return Verdict::NotOwner;
            };
            create.admission.consume();
            self.fences.fetch_max(item.fence.0, Ordering::AcqRel);
            let mut entry = Entry::new(create.definition, &item.records, Some(self.room.clone()));
            seat.owned.fetch_add(1, Ordering::Relaxed);
            entry.at = At::Owned { seat, fence: item.fence };
            shard.sagas.insert(item.saga, Box::new(entry));
        }
        let Some(entry) = shard.sagas.get_mut(&item.saga) else { return Verdict::NotOwner };
        let fits = entry.owned_by(seat, item.fence) && entry.records.len() as u64 == item.seq;
        if !created && !fits {
            return Verdict::NotOwner;
        }
        let unfolded = |mail: &Mail| !item.folded.contains(&mail.id);
        if item.guarded && entry.inbox.iter().any(unfolded) {
            return Verdict::Mail;
        }
        if !item.folded.is_empty() {
            entry.inbox.retain(unfolded);
        }
        let mail = !entry.inbox.is_empty();
        let at = entry.now_or_later(item.at);
        let fence = item.fence;
        entry.records.extend(item.records.into_iter().map(|record| Stamped { fence, at, record }));
        let definition = entry.definition;
        let moved = match item.place {
            Place::Owned => Moved::No,
            place => Self::place(&mut shard, item.saga, place, self.retain),
        };
        drop(shard);
        self.moved(item.saga, definition, moved);
        Verdict::Written { mail }
    }

    /// Takes a saga out of its owner's hands.
    fn place(shard: &mut Shard, saga: SagaId, place: Place, retain: usize) -> Moved {
        let entry = shard.sagas.get_mut(&saga).expect("the caller holds it");
        let At::Owned { seat, .. } = std::mem::replace(&mut entry.at, At::Ready) else {
            unreachable!("only an owner commits");
        };
        seat.owned.fetch_sub(1, Ordering::Relaxed);
        match place {
            Place::Owned => unreachable!("the saga leaves its owner"),
            Place::Ready => {
                // Still admitted: it comes from the API phase, and no worker has seen it.
                Moved::Ready(if entry.admission.is_some() { End::Back } else { End::Front })
            }
            Place::Timed(due) => {
                entry.at = At::Timed(due);
                Moved::Timed(due, seat.listener)
            }
            Place::Parked => {
                entry.at = At::Parked;
                Moved::Parked(entry.reply_to)
            }
            Place::Ended => {
                entry.at = At::Ended;
                let reply_to = entry.reply_to;
                let finished = entry.finished();
                entry.admit();
                Moved::Ended(reply_to, finished, shard.retire(saga, retain))
            }
        }
    }

    fn claim_ticket(
        &self,
        seat: &Arc<Seat>,
        saga: SagaId,
        now: Timestamp,
    ) -> Result<Option<ClaimedSaga>, Fenced> {
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else { return Ok(None) };
        if matches!(entry.at, At::Owned { .. } | At::Ended) {
            return Ok(None);
        }
        if !seat.is_alive() {
            return Err(Fenced);
        }
        let fence = self.mint(now);
        let timer = match std::mem::replace(&mut entry.at, At::Owned { seat: seat.clone(), fence })
        {
            At::Timed(due) => Some(due),
            _ => None,
        };
        seat.owned.fetch_add(1, Ordering::Relaxed);
        let admission = entry.admission.take();
        let claimed = ClaimedSaga {
            id: saga,
            definition: entry.definition,
            fence,
            crashes: entry.crashes(),
            records: entry.records.clone(),
            mail: entry.inbox.clone(),
        };
        drop(shard);
        if let Some(gate) = admission {
            gate.release();
        }
        if let Some(due) = timer {
            lock(&self.timers).remove(due, saga);
        }
        Ok(Some(claimed))
    }

    fn claim_now(
        &self,
        id: SeatId,
        from: ClaimFrom<'_>,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        let seat = self.seats.get(id).ok_or(JournalError::Fenced(id))?;
        let mut claimed = Claimed { at: self.clock.now(), ..Claimed::default() };
        let mut tickets = Vec::new();
        loop {
            match from {
                ClaimFrom::Sagas(sagas) => {
                    tickets.extend(sagas.iter().map(|saga| (*saga, DefinitionHash([0; 16]))));
                }
                ClaimFrom::Definitions(definitions) => {
                    let mut ready = lock(&self.ready);
                    ready.pop(definitions, limit, id, seat.listener, &mut tickets);
                    claimed.more = ready.has_any(definitions);
                }
            }
            if tickets.is_empty() {
                return Ok(claimed);
            }
            for (index, (saga, _)) in tickets.iter().enumerate() {
                match self.claim_ticket(&seat, *saga, claimed.at) {
                    Ok(saga) => claimed.sagas.extend(saga),
                    Err(Fenced) => {
                        // Popped, but not taken: the tickets go back to where they were.
                        if let ClaimFrom::Definitions(_) = from {
                            for (saga, definition) in tickets[index..].iter().rev() {
                                self.ticket(*definition, *saga, End::Front);
                            }
                        }
                        return Err(JournalError::Fenced(id));
                    }
                }
            }
            // Only stale tickets: the seat must not fall asleep beside a list that is not empty.
            if !claimed.sagas.is_empty() || matches!(from, ClaimFrom::Sagas(_)) {
                return Ok(claimed);
            }
            tickets.clear();
        }
    }

    fn tell_now(&self, saga: SagaId, mail: Mail) -> Told {
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else { return Told::NoSuch };
        if let (At::Ended, Some(finished)) = (&entry.at, entry.finished()) {
            return Told::TooLate(SagaStatus::of(&finished));
        }
        let told = |known: &Mail| known.id == mail.id;
        let folded = |stamped: &Stamped| matches!(&stamped.record, Record::Received(m) if told(m));
        if entry.inbox.iter().any(told) || entry.records.iter().any(folded) {
            return Told::Already;
        }
        if let Letter::Cancel { .. } = mail.letter
            && let Some(answer) = self.cancel_is_void(entry)
        {
            return answer;
        }
        entry.inbox.push(mail);
        let definition = entry.definition;
        let (signal, timer, ticket) = match entry.at {
            At::Owned { ref seat, .. } => (Some(seat.listener), None, false),
            At::Timed(due) => (None, Some(due), true),
            At::Parked => (None, None, true),
            At::Ready | At::Carried | At::Ended => (None, None, false),
        };
        if ticket {
            entry.at = At::Ready;
        }
        drop(shard);
        if let Some(listener) = signal {
            self.signal(listener, Signal::Mail(saga));
        }
        if let Some(due) = timer {
            lock(&self.timers).remove(due, saga);
        }
        if ticket {
            self.ticket(definition, saga, End::Front);
        }
        Told::Told
    }

    /// A cancel that comes while the saga goes back, or past its pivot (K3).
    fn cancel_is_void(&self, entry: &Entry) -> Option<Told> {
        let definitions = self.definitions.read().expect("no writer panics");
        let pivot = definitions.get(&entry.definition)?.pivot();
        entry.records.iter().find_map(|stamped| match &stamped.record {
            Record::Compensating(_) => Some(Told::Already),
            Record::Ended { step, way: Way::Do, end: Ended::Done(_), .. }
                if Some(*step) == pivot =>
            {
                Some(Told::TooLate(SagaStatus::Running))
            }
            _ => None,
        })
    }

    fn wake_due(&self, now: Timestamp) -> Option<Timestamp> {
        let due = lock(&self.timers).due(now, TIMERS_A_PULSE);
        for saga in due {
            let mut shard = self.shards.of(saga);
            let Some(entry) = shard.sagas.get_mut(&saga) else { continue };
            if !matches!(entry.at, At::Timed(_)) {
                continue;
            }
            entry.at = At::Ready;
            let definition = entry.definition;
            drop(shard);
            self.ticket(definition, saga, End::Front);
        }
        lock(&self.timers).next()
    }

    fn pulse_now(&self, seat: SeatId, carry: Option<Carry<'_>>) -> Result<Pulse, JournalError> {
        let now = self.clock.now();
        let lease = self.seats.renew(seat, now).ok_or(JournalError::Fenced(seat))?;
        let next_due = self.wake_due(now);
        let dead = self.seats.overdue(now).into_iter().filter(|dead| *dead != seat).collect();
        let mut carried = Vec::new();
        if let (Some(carry), Some(seat)) = (carry, self.seats.get(seat)) {
            let mut tickets = Vec::new();
            lock(&self.ready).pop(
                carry.definitions,
                carry.limit,
                seat.id,
                seat.listener,
                &mut tickets,
            );
            for (saga, definition) in tickets {
                if let Some(entry) = self.shards.of(saga).sagas.get_mut(&saga)
                    && matches!(entry.at, At::Ready)
                {
                    entry.at = At::Carried;
                    carried.push((saga, definition));
                }
            }
        }
        Ok(Pulse { deadline: lease.deadline, next_due, dead, carried })
    }

    fn reap_now(&self, dead: SeatId) -> Reaped {
        let Some(seat) = self.seats.end(dead, Some(self.clock.now())) else {
            // Unknown seats are dead already.
            return if self.seats.get(dead).is_some() { Reaped::Alive } else { Reaped::Reaped(0) };
        };
        lock(&self.ready).forget(dead);
        let mut given_back = Vec::new();
        for mut shard in self.shards.iter() {
            for (saga, entry) in &mut shard.sagas {
                if let At::Owned { seat: owner, fence } = &entry.at
                    && Arc::ptr_eq(owner, &seat)
                {
                    entry.crashed.push(*fence);
                    entry.at = At::Ready;
                    given_back.push((*saga, entry.definition));
                }
            }
        }
        given_back.sort_unstable();
        for (saga, definition) in &given_back {
            self.ticket(*definition, *saga, End::Front);
        }
        Reaped::Reaped(given_back.len())
    }

    fn sorted_ids(&self, after: Option<SagaId>) -> Vec<SagaId> {
        let mut ids: Vec<SagaId> = Vec::new();
        for shard in self.shards.iter() {
            ids.extend(shard.sagas.keys().filter(|id| after.is_none_or(|after| **id > after)));
        }
        ids.sort_unstable();
        ids
    }

    fn audit_now(&self, after: Option<SagaId>, limit: usize) -> Audited {
        let ids = self.sorted_ids(after);
        let page = &ids[..limit.min(ids.len())];
        let tickets = lock(&self.ready).tickets();
        let mut audited = Audited {
            seen: page.len(),
            mended: Vec::new(),
            next: page.last().copied().filter(|_| ids.len() > limit),
        };
        for saga in page {
            let mut shard = self.shards.of(*saga);
            let Some(entry) = shard.sagas.get_mut(saga) else { continue };
            let placed = match entry.at {
                At::Ready => tickets.contains(saga),
                At::Owned { ref seat, .. } if seat.is_alive() => true,
                // As the reaping of that seat would have done.
                At::Owned { fence, .. } => {
                    entry.crashed.push(fence);
                    entry.at = At::Ready;
                    false
                }
                At::Timed(_) | At::Parked | At::Carried | At::Ended => true,
            };
            if !placed {
                let definition = entry.definition;
                drop(shard);
                self.ticket(definition, *saga, End::Front);
                audited.mended.push(*saga);
            }
        }
        audited
    }
}

/// The seat died between the pop and the claim.
struct Fenced;

/// What is left to do when a saga has moved.
enum Moved {
    No,
    Ready(End),
    Timed(Timestamp, ListenerId),
    Parked(Option<ListenerId>),
    /// The last one is evicted; it is dropped outside the lock.
    Ended(Option<ListenerId>, Option<Arc<Finished>>, Option<Box<Entry>>),
}

impl Entry {
    fn new(
        definition: DefinitionHash,
        records: &[Record],
        admission: Option<Arc<dyn Gate>>,
    ) -> Self {
        let reply_to = match records.first() {
            Some(Record::Started(started)) => started.reply_to.map(ListenerId),
            _ => None,
        };
        Self {
            definition,
            // A saga of three steps has eight.
            records: Vec::with_capacity(8),
            inbox: Vec::new(),
            at: At::Ready,
            crashed: Vec::new(),
            reply_to,
            admission,
        }
    }

    fn finished(&self) -> Option<Arc<Finished>> {
        match self.records.last().map(|stamped| &stamped.record) {
            Some(Record::Finished(finished)) => Some(Arc::clone(finished)),
            _ => None,
        }
    }

    fn admit(&mut self) {
        if let Some(gate) = self.admission.take() {
            gate.release();
        }
    }
}

/// Room for new sagas.
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

    fn wire(&self) -> Wire {
        Wire::Local
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let id = ListenerId(self.next_listener.fetch_add(1, Ordering::Relaxed));
        self.listeners.write().expect("no writer panics").insert(id, signals);
        Answer::ready(id)
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        let hash = definition.hash();
        self.definitions.write().expect("no writer panics").insert(hash, definition);
        Answer::ready(())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        Answer::ready(self.definitions.read().expect("no writer panics").get(&hash).cloned())
    }

    fn admit(&self) -> Answer<'_, Admission> {
        if let Ok(permit) = self.room.0.try_acquire() {
            permit.forget();
            return Answer::ready(Admission::new(self.room.clone()));
        }
        Answer::Later(Box::pin(async {
            let permit = self.room.0.acquire().await.expect("the room is never closed");
            permit.forget();
            Ok(Admission::new(self.room.clone()))
        }))
    }

    fn create(&self, new: NewSaga) -> Answer<'_, Created> {
        let mut shard = self.shards.of(new.id);
        if shard.sagas.contains_key(&new.id) {
            return Answer::ready(Created::Exists);
        }
        new.admission.consume();
        let mut entry = Entry::new(new.definition, &new.records, Some(self.room.clone()));
        let stamp = |record| Stamped { fence: Fence::NONE, at: new.at, record };
        entry.records.extend(new.records.into_iter().map(stamp));
        let (reply_to, finished) = (entry.reply_to, entry.finished());
        if new.place != Place::Ready {
            entry.admit();
        }
        entry.at = match new.place {
            Place::Ended => At::Ended,
            Place::Parked => At::Parked,
            _ => At::Ready,
        };
        shard.sagas.insert(new.id, Box::new(entry));
        let moved = match new.place {
            Place::Ended => Moved::Ended(reply_to, finished, shard.retire(new.id, self.retain)),
            Place::Parked => Moved::Parked(reply_to),
            _ => Moved::Ready(End::Back),
        };
        drop(shard);
        self.moved(new.id, new.definition, moved);
        Answer::ready(Created::Created)
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        Answer::ready(self.seats.enter(seat, listener, self.clock.now()))
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.claim_now(seat, from, limit).into()
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        let commit = |item| self.commit_item(batch.seat, item);
        let verdicts: SmallVec<[Verdict; 1]> = batch.items.into_iter().map(commit).collect();
        // A seat that was reaped on the way wrote what it wrote, and the rest was refused.
        let refused = verdicts.iter().all(|verdict| *verdict == Verdict::NotOwner);
        if refused && self.seats.get(batch.seat).is_none() {
            return Err(JournalError::Fenced(batch.seat)).into();
        }
        Answer::ready(Committed { verdicts })
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
        let owned = self.seats.get(seat).map_or(0, |seat| seat.owned.load(Ordering::Acquire));
        if owned > 0 {
            return Answer::ready(Left::Owns(owned));
        }
        self.seats.end(seat, None);
        lock(&self.ready).forget(seat);
        Answer::ready(Left::Left)
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

    fn list(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Vec<Listed>> {
        let mut rows = Vec::new();
        for id in self.sorted_ids(after).into_iter().take(limit) {
            if let Some(entry) = self.shards.of(id).sagas.get(&id) {
                rows.push(Listed { id, definition: entry.definition, place: entry.place() });
            }
        }
        Answer::ready(rows)
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
