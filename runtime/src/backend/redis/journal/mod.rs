//! The journal in Redis: every operation of the protocol, for many processes.
//!
//! ```text
//!  create ──▶ Creates ─┐                        ┌─ j  records      t  timers
//!  commit ──▶ Seat ────┼─▶ Partition ─▶ script ─┼─ o  owners       r: w:  ready lists
//!  claim, pulse, … ────┘       ▲                └─ in letters      d: what is over
//!                              └── messages: hints, on a connection of their own
//! ```
//!
//! A script is atomic, and every call of one can be made again: starts and letters by their ids,
//! batches and claims by their numbers. A seat keeps what it needs to write the next group of each saga
//! that it owns; that it owns it follows from its numbers, so no script looks at the owner of a saga
//! that is written to.

mod batch;
mod chunk;
mod claim;
mod clock;
mod commit;
mod create;
mod ears;
mod gather;
mod look;
mod messages;
mod owned;
mod partition;
mod pulse;
mod reply;
mod scripts;
mod seat;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use redis::Value;
use smallvec::SmallVec;

pub use self::settings::RedisJournalBuilder;
use self::{
    clock::StoreClock,
    ears::Ears,
    look::read_definition,
    messages::EVERYBODY,
    partition::{Partition, text, unavailable},
    pulse::PATIENCE,
    reply::List,
    scripts::Call,
    seat::Seat,
    settings::Settings,
};
use super::{
    link::{Link, RedisOpenError, Subscription},
    progress::RedisProgress,
    queue::RedisQueue,
};
use crate::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Item, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told, Verdict,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
};

/// A [`Journal`] in Redis 7.0 or later, for many processes: any of them goes on with the sagas of one
/// that dies.
///
/// What survives the loss of the server's machine is up to its settings: with `appendonly yes` and
/// `appendfsync always` its class is [`Durability::Fsync`], else [`Durability::Process`].
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::backend::redis::RedisJournal;
///
/// let journal = RedisJournal::builder("redis://127.0.0.1/").namespace("shop").open().await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisJournal {
    inner: Arc<Inner>,
    _subscription: Subscription,
}

struct Inner {
    settings: Settings,
    clock: Arc<StoreClock>,
    ears: Arc<Ears>,
    partitions: Vec<Arc<Partition>>,
    durability: Durability,
    definitions: RwLock<HashMap<DefinitionHash, Arc<Definition>>>,
    /// Where the next claim begins.
    next_first: AtomicUsize,
}

impl RedisJournal {
    /// A journal at this address, with settings of your own.
    pub fn builder(url: impl Into<String>) -> RedisJournalBuilder {
        RedisJournalBuilder::new(url.into())
    }

    /// A tracker of progress over the connection and in the namespace of this journal. One is enough
    /// for a process: each has a connection for messages.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::redis::RedisJournal;
    ///
    /// let journal = RedisJournal::builder("redis://127.0.0.1/").open().await?;
    /// let progress = journal.progress();
    /// # let _ = progress;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn progress(&self) -> RedisProgress {
        let link = Arc::clone(self.inner.partitions[0].link());
        RedisProgress::on(link, &self.inner.settings.namespace)
    }

    /// A carrier of tickets over the connection and in the namespace of this journal.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::redis::RedisJournal;
    ///
    /// let journal = RedisJournal::builder("redis://127.0.0.1/").open().await?;
    /// let queue = journal.queue();
    /// # let _ = queue;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn queue(&self) -> RedisQueue {
        let link = Arc::clone(self.inner.partitions[0].link());
        RedisQueue::on(link, &self.inner.settings.namespace)
    }
}

impl Inner {
    fn new(
        settings: Settings,
        clock: Arc<StoreClock>,
        ears: Arc<Ears>,
        partitions: Vec<Arc<Partition>>,
        durability: Durability,
    ) -> Self {
        let (definitions, next_first) = (RwLock::default(), AtomicUsize::new(0));
        Self { settings, clock, ears, partitions, durability, definitions, next_first }
    }

    /// Asks the server what time it is.
    async fn set_clock(&self, link: &Link) -> Result<(), RedisOpenError> {
        if let Ok(answer) = link.call(redis::cmd("TIME")).await
            && let Ok(mut time) = List::of(answer)
            && let (Ok(seconds), Ok(micros)) = (time.number(), time.number())
        {
            self.clock.heard(Timestamp(seconds * 1_000_000 + micros));
        }
        Ok(())
    }

    /// All ids under a key have the same second half, and so the same partition.
    fn partition(&self, saga: SagaId) -> &Arc<Partition> {
        let (_, low) = saga.0.as_u64_pair();
        &self.partitions[low as usize % self.partitions.len()]
    }

    fn known_definition(&self, hash: DefinitionHash) -> Option<Arc<Definition>> {
        self.definitions.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }

    fn remember(&self, definition: &Arc<Definition>) {
        let mut known = self.definitions.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(definition.hash(), Arc::clone(definition));
    }

    async fn define(&self, definition: Arc<Definition>) -> Result<(), JournalError> {
        let hash = definition.hash();
        let json = serde_json::to_vec(&*definition).map_err(unavailable)?;
        for (number, partition) in self.partitions.iter().enumerate() {
            let mut command = redis::cmd("HSETNX");
            command.arg(partition.key(b"defs", b"")).arg(&hash.0).arg(&json);
            let answer = partition.call(command).await.map_err(unavailable)?;
            if number == 0 && answer == Value::Int(1) {
                let mut command = redis::cmd("PUBLISH");
                let message = [&b"d"[..], &hash.0].concat();
                command.arg(partition.key(EVERYBODY, b"")).arg(message);
                partition.call(command).await.map_err(unavailable)?;
            }
        }
        self.remember(&definition);
        Ok(())
    }

    async fn definitions(&self) -> Result<Vec<Arc<Definition>>, JournalError> {
        let mut command = redis::cmd("HVALS");
        command.arg(self.partitions[0].key(b"defs", b""));
        let answer = self.partitions[0].call(command).await.map_err(unavailable)?;
        let mut list = List::of(answer).map_err(unavailable)?;
        let mut all = BTreeMap::new();
        while !list.is_empty() {
            let text = list.bytes().map_err(unavailable)?;
            let definition = read_definition(&text).map_err(unavailable)?;
            self.remember(&definition);
            all.insert(definition.hash(), definition);
        }
        Ok(all.into_values().collect())
    }

    async fn definition(
        &self,
        hash: DefinitionHash,
    ) -> Result<Option<Arc<Definition>>, JournalError> {
        if let Some(known) = self.known_definition(hash) {
            return Ok(Some(known));
        }
        let mut command = redis::cmd("HGET");
        command.arg(self.partitions[0].key(b"defs", b"")).arg(&hash.0);
        match self.partitions[0].call(command).await.map_err(unavailable)? {
            Value::Nil => Ok(None),
            text => {
                let text = reply::bytes(text).map_err(unavailable)?;
                let definition = read_definition(&text).map_err(unavailable)?;
                self.remember(&definition);
                Ok(Some(definition))
            }
        }
    }

    async fn enter(&self, id: SeatId, listener: ListenerId) -> Result<Lease, JournalError> {
        let mut first: Option<Timestamp> = None;
        for partition in &self.partitions {
            let (sent, sent_at) = (self.clock.local(), self.clock.now());
            let lease = u64::try_from(self.settings.lease.as_micros()).unwrap_or(u64::MAX);
            let args = vec![
                Bytes::copy_from_slice(id.0.as_bytes()),
                Bytes::copy_from_slice(&listener.0.to_be_bytes()),
                text(lease),
            ];
            let answer = self.ask(partition, Call::Enter, args).await?;
            let mut answer = List::of(answer).map_err(unavailable)?;
            self.clock.heard(Timestamp(answer.number().map_err(unavailable)?));
            // By the clock here, which goes on when that of the server is set back.
            let deadline = sent_at.plus(self.settings.lease);
            first = Some(first.map_or(deadline, |first| first.min(deadline)));
            let seat = Seat::new(id, listener, sent.plus(self.settings.lease));
            partition.seats().insert(id, Arc::new(seat));
        }
        Ok(Lease { deadline: first })
    }

    /// From every partition, the fullest promise first; each starts with another one.
    async fn claim_all(
        &self,
        seat: SeatId,
        from: ClaimFrom<'_>,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        if let ClaimFrom::Sagas(definition, sagas) = from {
            let mut all = Claimed { at: self.clock.now(), ..Claimed::default() };
            for partition in &self.partitions {
                let here = |saga: &&SagaId| Arc::ptr_eq(self.partition(**saga), partition);
                let sagas: Vec<SagaId> = sagas.iter().filter(here).copied().collect();
                if sagas.is_empty() {
                    continue;
                }
                let from = ClaimFrom::Sagas(definition, &sagas);
                let claimed = self.claim(partition, &*partition.seat(seat)?, from, limit).await?;
                all.at = claimed.at;
                all.sagas.extend(claimed.sagas);
            }
            return Ok(all);
        }
        let mut all = Claimed { at: self.clock.now(), ..Claimed::default() };
        let first = self.next_first.fetch_add(1, Ordering::Relaxed);
        for number in 0..self.partitions.len() {
            let partition = &self.partitions[(first + number) % self.partitions.len()];
            let left = limit - all.sagas.len();
            if left == 0 && limit > 0 {
                break;
            }
            match self.claim(partition, &*partition.seat(seat)?, from, left).await {
                Ok(claimed) => {
                    all.at = claimed.at;
                    all.sagas.extend(claimed.sagas);
                }
                // What another partition gave has an owner now, who must hear of it.
                Err(JournalError::Unavailable(error)) if !all.sagas.is_empty() => {
                    tracing::warn!(%error, "a partition does not answer");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn commit_all(self: Arc<Self>, batch: Batch) -> Result<Committed, JournalError> {
        let mut verdicts: SmallVec<[Verdict; 1]> =
            batch.items.iter().map(|_| Verdict::NotOwner).collect();
        let mut by_partition: Vec<(Vec<usize>, Vec<Item>)> =
            self.partitions.iter().map(|_| Default::default()).collect();
        for (index, item) in batch.items.into_iter().enumerate() {
            let (_, low) = item.saga.0.as_u64_pair();
            let (indices, items) = &mut by_partition[low as usize % self.partitions.len()];
            indices.push(index);
            items.push(item);
        }
        let is_empty = by_partition.iter().all(|(_, items)| items.is_empty());
        for (number, (indices, items)) in by_partition.into_iter().enumerate() {
            if items.is_empty() && !(is_empty && number == 0) {
                continue;
            }
            let partition = &self.partitions[number];
            let seat = partition.seat(batch.seat)?;
            let committed = Arc::clone(&self).commit(Arc::clone(partition), seat, items).await?;
            for (index, verdict) in indices.into_iter().zip(committed.verdicts) {
                verdicts[index] = verdict;
            }
        }
        Ok(Committed { verdicts })
    }

    async fn pulse_all(
        self: Arc<Self>,
        id: SeatId,
        carry: Option<Carry<'_>>,
    ) -> Result<Pulse, JournalError> {
        let mut all: Option<Pulse> = None;
        for partition in &self.partitions {
            let seat = partition.seat(id)?;
            let mut pulse = self.pulse(partition, &seat).await?;
            if let Some(carry) = carry {
                let left = carry.limit - all.as_ref().map_or(0, |all| all.carried.len());
                let carry = Carry { limit: left, ..carry };
                pulse.carried = self.carry(partition, &seat, carry).await?;
            }
            all = Some(match all {
                None => pulse,
                Some(mut all) => {
                    all.deadline = all.deadline.min(pulse.deadline);
                    all.next = all.next.min(pulse.next);
                    all.next_due = [all.next_due, pulse.next_due].into_iter().flatten().min();
                    all.dead.extend(pulse.dead);
                    all.carried.extend(pulse.carried);
                    all
                }
            });
        }
        let mut all = all.unwrap_or_default();
        all.dead.sort_unstable();
        all.dead.dedup();
        Ok(all)
    }

    async fn reap_all(&self, dead: SeatId) -> Result<Reaped, JournalError> {
        let until = self.clock.local().plus(PATIENCE);
        let (mut given_back, mut alive) = (0, 0);
        for partition in &self.partitions {
            match self.reap(partition, dead, until).await? {
                Reaped::Reaped(sagas) => {
                    given_back += sagas;
                    if let Some(seat) = partition.seats().remove(&dead) {
                        seat.lose(false);
                        self.ears.forget(seat.listener);
                    }
                }
                Reaped::Alive => alive += 1,
            }
        }
        Ok(if alive == self.partitions.len() { Reaped::Alive } else { Reaped::Reaped(given_back) })
    }

    async fn leave_all(&self, id: SeatId) -> Result<Left, JournalError> {
        let mut owns = 0;
        for partition in &self.partitions {
            let args = vec![Bytes::copy_from_slice(id.0.as_bytes())];
            let answer = self.ask(partition, Call::Leave, args).await?;
            let mut answer = List::of(answer).map_err(unavailable)?;
            if &*answer.bytes().map_err(unavailable)? == b"N" {
                owns +=
                    usize::try_from(answer.number().map_err(unavailable)?).unwrap_or(usize::MAX);
            } else if let Some(seat) = partition.seats().remove(&id) {
                seat.lose(false);
                self.ears.forget(seat.listener);
            }
        }
        Ok(if owns > 0 { Left::Owns(owns) } else { Left::Left })
    }
}

impl Journal for RedisJournal {
    fn durability(&self) -> Durability {
        self.inner.durability
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        Answer::ready(self.inner.ears.listen(signals))
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.inner.ears.forget(listener);
        Answer::ready(())
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        later(self.inner.define(definition))
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        later(self.inner.definitions())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        later(self.inner.definition(hash))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        // Any of them: it is about how much waits, not where.
        let partition = &self.inner.partitions[0];
        let capacity = self.inner.settings.capacity;
        match partition.admit_now(definition, capacity) {
            Some(admission) => Answer::ready(admission),
            None => later(Arc::clone(partition).admit(definition, capacity)),
        }
    }

    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        let partition = Arc::clone(self.inner.partition(saga.id));
        later(Arc::clone(&self.inner).create(partition, saga))
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        later(self.inner.find(saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        later(self.inner.enter(seat, listener))
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        later(self.inner.claim_all(seat, from, limit))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        later(Arc::clone(&self.inner).commit_all(batch))
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        later(self.inner.tell(saga, mail))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        later(self.inner.inbox(saga))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        later(Arc::clone(&self.inner).pulse_all(seat, carry))
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        later(self.inner.reap_all(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        later(self.inner.leave_all(seat))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        later(async move {
            let read = self.inner.read_in(self.inner.partition(saga), saga).await?;
            Ok(read.map(|mut history| {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(history.records.len());
                history.records.drain(..from);
                history
            }))
        })
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        later(self.inner.list(filter, after, limit))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        later(self.inner.late())
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        later(self.inner.audit(after, limit))
    }
}

fn later<'a, T>(
    answer: impl Future<Output = Result<T, JournalError>> + Send + 'a,
) -> Answer<'a, T> {
    Answer::Later(Box::pin(answer))
}

impl fmt::Debug for RedisJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisJournal")
            .field("namespace", &self.inner.settings.namespace)
            .finish_non_exhaustive()
    }
}
