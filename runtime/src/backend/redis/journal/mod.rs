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
mod definitions;
mod draft;
mod ears;
mod gather;
mod look;
mod messages;
mod owned;
mod partition;
mod presence;
mod pulse;
mod reply;
mod scripts;
mod seat;
mod settings;
mod spread;
mod stuck;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
};

pub use self::settings::RedisJournalBuilder;
use self::{clock::StoreClock, ears::Ears, partition::Partition, settings::Settings, stuck::Watch};
use super::{lease::RedisLeases, link::Subscription, progress::RedisProgress, queue::RedisQueue};
use crate::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
};

/// A [`Journal`] in Redis 7.0 or later, for many processes: any of them goes on with the sagas of one
/// that dies.
///
/// What survives the loss of the server's machine is up to its settings: with `appendonly yes` and
/// `appendfsync always`, also while the log is rewritten, its class is [`Durability::Fsync`], else
/// [`Durability::Process`].
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
    _watch: Watch,
}

struct Inner {
    settings: Settings,
    clock: Arc<StoreClock>,
    ears: Arc<Ears>,
    partitions: Vec<Arc<Partition>>,
    durability: Durability,
    definitions: RwLock<HashMap<DefinitionHash, Arc<Definition>>>,
}

impl RedisJournal {
    /// A journal at this address, with settings of your own: `redis://`, `rediss://`, `unix://` or
    /// `redis+sentinel://`, as [`docs::redis`](crate::docs::redis) says.
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

    /// Leases over the connection and in the namespace of this journal.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::redis::RedisJournal;
    ///
    /// let journal = RedisJournal::builder("redis://127.0.0.1/").open().await?;
    /// let leases = journal.leases();
    /// # let _ = leases;
    /// # Ok(())
    /// # }
    /// ```
    pub fn leases(&self) -> RedisLeases {
        let link = Arc::clone(self.inner.partitions[0].link());
        RedisLeases::on(link, &self.inner.settings.namespace)
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
        let definitions = RwLock::default();
        Self { settings, clock, ears, partitions, durability, definitions }
    }

    /// All ids under a key have the same second half, and so the same partition.
    fn partition(&self, saga: SagaId) -> &Arc<Partition> {
        &self.partitions[self.number_of(saga)]
    }

    fn number_of(&self, saga: SagaId) -> usize {
        let (_, low) = saga.0.as_u64_pair();
        low as usize % self.partitions.len()
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
        // Any of them: as much waits in each.
        let (partition, many) = (&self.inner.partitions[0], self.inner.partitions.len());
        let capacity = self.inner.settings.capacity;
        match partition.admit_now(definition, capacity, many) {
            Some(admission) => Answer::ready(admission),
            None => later(Arc::clone(partition).admit(definition, capacity, many)),
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
        match self.inner.commit_all(batch) {
            Ok(answer) => later(answer),
            Err(error) => Err(error).into(),
        }
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
