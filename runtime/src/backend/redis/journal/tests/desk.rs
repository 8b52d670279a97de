//! A process of a schedule: its journal, a seat, and what it does with sagas.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use smallvec::smallvec;
use uuid::Uuid;

use super::super::RedisJournal;
use crate::{
    journal::{
        Batch, ClaimFrom, ClaimedSaga, Created, Item, Journal, JournalError, NewOwned, NewSaga,
        SeatId, Signal, Signals, Verdict,
    },
    kernel::{
        Definition, End, EntryId, Fence, Finish, Finished, Group, Host, Kind, Letter, Mail,
        OnExhausted, Place, Record, Retry, SagaId, Started, Step, Value, Way,
    },
};

pub(super) type Wrong = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Process {
    pub(super) journal: RedisJournal,
    pub(super) seat: SeatId,
    pub(super) definition: Arc<Definition>,
}

struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

/// Numbers that are not given out twice.
fn unique() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn definition() -> Definition {
    let step = |name: &'static str, stage, kind| Step {
        name: name.into(),
        host: Host::Worker,
        stage,
        group: None,
        await_all: false,
        kind,
        conditional: false,
        ephemeral: false,
        inputs: vec![],
        when_inputs: vec![],
        undo_inputs: vec![],
        probe_inputs: vec![],
        at_most_once: false,
        probe: false,
        on_exhausted: OnExhausted::Compensate,
        retry: Retry::DEFAULT,
        timeout: std::time::Duration::from_secs(60),
    };
    Definition {
        task: "order".into(),
        queue: "order".into(),
        steps: vec![step("reserve", 0, Kind::Compensable), step("ship", 1, Kind::Pivot)],
        timeout: None,
        cancellable: true,
    }
}

pub(super) fn done(step: usize) -> Record {
    let end = End::Done(Value::journaled("done".to_owned()));
    Record::Ended { step, generation: 0, attempt: 1, way: Way::Do, end }
}

pub(super) fn intended(step: usize) -> Record {
    Record::Intended { step, generation: 0, way: Way::Do }
}

impl Process {
    pub(super) async fn new(journal: RedisJournal) -> Self {
        let definition = Arc::new(definition());
        journal.define(Arc::clone(&definition)).await.expect("it can be written");
        let listener = journal.listen(Arc::new(Deaf)).await.expect("it listens");
        let seat = SeatId(unique());
        journal.enter(seat, listener).await.expect("it is taken");
        Self { journal, seat, definition }
    }

    fn first(&self) -> Group {
        let started = Started {
            definition: self.definition.hash(),
            request: Value::journaled("two cups".to_owned()),
            deadline: None,
            fingerprint: None,
            reply_to: None,
        };
        smallvec![Record::Started(Arc::new(started)), intended(0)]
    }

    pub(super) async fn create(&self) -> Result<SagaId, Wrong> {
        let hash = self.definition.hash();
        let new = NewSaga {
            id: SagaId(unique()),
            at: self.journal.now(),
            definition: hash,
            records: self.first(),
            place: Place::Ready,
            key: None,
            admission: self.journal.admit(hash).await?,
        };
        let id = new.id;
        match self.journal.create(new).await? {
            Created::Created => Ok(id),
            Created::Exists(_) => Err("it was there before".into()),
        }
    }

    pub(super) async fn claim(&self, limit: usize) -> Result<Vec<ClaimedSaga>, JournalError> {
        let from = [self.definition.hash()];
        Ok(self.journal.claim(self.seat, ClaimFrom::Definitions(&from), limit).await?.sagas)
    }

    /// Starts a saga that is owned from the beginning.
    pub(super) async fn begin(&self) -> Result<(), Wrong> {
        let at = self.journal.now();
        let create =
            Some(NewOwned { definition: self.definition.hash(), key: None, admission: None });
        let item = Item {
            saga: SagaId(unique()),
            fence: Fence(at.0),
            seq: 0,
            at,
            records: self.first(),
            folded: Vec::new(),
            place: Place::Owned,
            guarded: false,
            create,
        };
        let batch = Batch { seat: self.seat, items: smallvec![item] };
        let verdict = self.journal.commit(batch).await?.verdicts[0];
        ensure(verdict == Verdict::Written { mail: false }, format!("{verdict:?}"))
    }

    pub(super) async fn claim_one(&self) -> Result<ClaimedSaga, Wrong> {
        self.claim(1).await?.pop().ok_or_else(|| "there is nothing to claim".into())
    }

    pub(super) async fn owned(&self) -> Result<ClaimedSaga, Wrong> {
        self.create().await?;
        self.claim_one().await
    }

    pub(super) async fn write(
        &self,
        saga: &ClaimedSaga,
        seq: u64,
        records: Group,
        place: Place,
    ) -> Result<Verdict, JournalError> {
        let item = self.item(saga, seq, records, place);
        let batch = Batch { seat: self.seat, items: smallvec![item] };
        Ok(self.journal.commit(batch).await?.verdicts[0])
    }

    fn item(&self, saga: &ClaimedSaga, seq: u64, records: Group, place: Place) -> Item {
        Item {
            saga: saga.id,
            fence: saga.fence,
            seq,
            at: self.journal.now(),
            records,
            folded: Vec::new(),
            place,
            guarded: place != Place::Owned,
            create: None,
        }
    }

    pub(super) async fn records(&self, saga: SagaId) -> Result<usize, Wrong> {
        let history = self.journal.read(saga, 0).await?;
        Ok(history.map_or(0, |history| history.records.len()))
    }

    pub(super) fn word(&self) -> Mail {
        Mail { id: EntryId(unique()), letter: Letter::Unpark { by: "alice".into() } }
    }
}

/// Fails unless this is so.
pub(super) fn ensure(holds: bool, why: impl Into<String>) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(why.into().into()) }
}

impl Process {
    /// Folds a letter, in a group of two records.
    pub(super) async fn fold(
        &self,
        saga: &ClaimedSaga,
        mail: &Mail,
        seq: u64,
    ) -> Result<(), Wrong> {
        let received = Record::Received(Box::new(mail.clone()));
        let item = Item {
            folded: vec![mail.id],
            ..self.item(saga, seq, smallvec![received, done(0)], Place::Owned)
        };
        let batch = Batch { seat: self.seat, items: smallvec![item] };
        let verdict = self.journal.commit(batch).await?.verdicts[0];
        ensure(verdict == Verdict::Written { mail: false }, format!("{verdict:?}"))
    }

    /// Ends a saga well, in a group of two records.
    pub(super) async fn end(&self, saga: &ClaimedSaga, seq: u64) -> Result<(), Wrong> {
        let finish = Finish::Completed(Value::journaled("done".to_owned()));
        let finished = Finished { finish, residual: vec![], late_until: None };
        let records = smallvec![done(1), Record::Finished(Arc::new(finished))];
        let verdict = self.write(saga, seq, records, Place::Ended).await?;
        ensure(verdict == Verdict::Written { mail: false }, format!("{verdict:?}"))
    }

    /// Writes a record that fills a chunk.
    pub(super) async fn write_long(&self, saga: &ClaimedSaga, seq: u64) -> Result<(), Wrong> {
        let end = End::Done(Value::journaled("x".repeat(4_200)));
        let record = Record::Ended { step: 0, generation: 0, attempt: 1, way: Way::Do, end };
        let verdict = self.write(saga, seq, smallvec![record], Place::Owned).await?;
        ensure(verdict == Verdict::Written { mail: false }, format!("{verdict:?}"))
    }
}
