//! A journal in memory with one clause of its contract broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryJournal,
    journal::{
        Batch, ClaimFrom, Committed, Item, Journal, JournalError, Known, ListFilter, ListenerId,
        PlaceKind, SeatId, Signal, Signals,
    },
    kernel::{End, Mail, Record, SagaId, Timestamp},
};

use super::mutation::Mutation;

/// A journal with a mutation.
pub struct Broken {
    pub(super) journal: MemoryJournal,
    pub(super) mutation: Mutation,
    notes: Mutex<Notes>,
}

/// What mutations remember.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) listeners: BTreeMap<u64, Arc<dyn Signals>>,
    pub(super) seats: BTreeMap<SeatId, ListenerId>,
    /// A seat of nobody, which owns what is lost.
    ghost: Option<SeatId>,
    pub(super) struck: BTreeSet<SeatId>,
    pub(super) unwritten: Option<Batch>,
    pub(super) found: BTreeMap<SagaId, Known>,
    pub(super) late: Vec<(SagaId, Mail)>,
    pub(super) crash: Option<Timestamp>,
}

impl Broken {
    pub fn new(mutation: Mutation) -> Self {
        let journal = MemoryJournal::builder()
            .capacity(16)
            .lease(Duration::from_secs(10))
            .retain_ended(64)
            .retain_keys(Duration::from_secs(8))
            .build();
        Self { journal, mutation, notes: Mutex::default() }
    }

    pub(super) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == mutation
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("no critical section panics")
    }

    pub(super) async fn ghost(&self) -> Result<SeatId, JournalError> {
        if let Some(ghost) = self.notes().ghost {
            return Ok(ghost);
        }
        let id: SagaId = "f0000000-0000-0000-0000-000000000000".parse().expect("a valid id");
        let ghost = SeatId(id.0);
        let listener = self.journal.listen(Arc::new(Deaf)).await?;
        self.journal.enter(ghost, listener).await?;
        let mut notes = self.notes();
        notes.ghost = Some(ghost);
        notes.struck.insert(ghost);
        Ok(ghost)
    }

    /// Writes in the name of a seat that is gone.
    pub(super) async fn write_for_the_dead(&self, batch: Batch) -> Result<Committed, JournalError> {
        let ghost = self.ghost().await?;
        let mut items = Vec::new();
        for item in batch.items {
            let history = self.journal.read(item.saga, 0).await?;
            let definition = history.map(|history| history.definition);
            let from = definition.map(|of| (of, [item.saga]));
            let Some((definition, saga)) = from else { continue };
            let from = ClaimFrom::Sagas(definition, &saga);
            let claimed = self.journal.claim(ghost, from, 1).await?.sagas.pop();
            items.extend(claimed.map(|saga| Item { fence: saga.fence, ..item }));
        }
        if items.is_empty() {
            return Err(JournalError::Fenced(batch.seat));
        }
        self.journal.commit(Batch { seat: ghost, items: items.into_iter().collect() }).await
    }

    /// Commits, and signals each saga whose only record says that it is over.
    pub(super) async fn settle_aloud(&self, batch: Batch) -> Result<Committed, JournalError> {
        let mut settled = Vec::new();
        for item in &batch.items {
            if let [Record::Finished(finished)] = &item.records[..] {
                settled.push((item.saga, self.reply_to(item.saga).await?, finished.clone()));
            }
        }
        let committed = self.journal.commit(batch).await?;
        for (saga, reply_to, finished) in settled {
            let listener = reply_to.and_then(|id| self.notes().listeners.get(&id).cloned());
            if let Some(listener) = listener {
                listener.signal(Signal::Ended(saga, finished));
            }
        }
        Ok(committed)
    }

    async fn reply_to(&self, saga: SagaId) -> Result<Option<u64>, JournalError> {
        let history = self.journal.read(saga, 0).await?;
        Ok(history.and_then(|history| match &history.records.first()?.record {
            Record::Started(started) => started.reply_to,
            _ => None,
        }))
    }

    /// Whether the second step of the saga returned.
    pub(super) async fn returned(&self, saga: SagaId) -> Result<bool, JournalError> {
        let records = self.journal.read(saga, 0).await?.map(|history| history.records);
        Ok(records.into_iter().flatten().any(|stamped| {
            matches!(stamped.record, Record::Ended { step: 1, end: End::Done(_), .. })
        }))
    }

    /// Keeps so many tickets from everybody.
    pub(super) async fn lose(&self, tickets: usize) -> Result<(), JournalError> {
        let ghost = self.ghost().await?;
        let ready = ListFilter { place: Some(PlaceKind::Ready), definition: None };
        for row in self.journal.list(ready, None, tickets).await? {
            self.journal.claim(ghost, ClaimFrom::Sagas(row.definition, &[row.id]), 1).await?;
        }
        Ok(())
    }
}

/// Hears nothing.
struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _signal: Signal) {}
}

/// Hears nothing of definitions.
pub(super) struct DeafToDefinitions(pub(super) Arc<dyn Signals>);

impl Signals for DeafToDefinitions {
    fn signal(&self, signal: Signal) {
        if !matches!(signal, Signal::Defined(_)) {
            self.0.signal(signal);
        }
    }
}

/// Hears of each end once.
pub(super) struct EndsOnce(pub(super) Arc<dyn Signals>, pub(super) Mutex<BTreeSet<SagaId>>);

impl Signals for EndsOnce {
    fn signal(&self, signal: Signal) {
        let mut ended = self.1.lock().expect("no critical section panics");
        let again = matches!(&signal, Signal::Ended(saga, _) if !ended.insert(*saga));
        if !again {
            self.0.signal(signal);
        }
    }
}
