//! What every check needs: sagas to start, seats to own them, groups to commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use smallvec::{SmallVec, smallvec};
use tokio::time::timeout;
use uuid::Uuid;

pub(super) use crate::conformance::rule::Failure;

use super::{
    Advance, Subject,
    heard::Heard,
    pace::Pace,
    samples::{completed, done, intended, kinds, order, parked},
};
use crate::{
    conformance::rule::Verdict,
    journal::{
        Batch, ClaimFrom, Claimed, ClaimedSaga, Created, History, Item, Journal, JournalError,
        ListenerId, NewSaga, SeatId, Signal, Signals, Verdict as Ruling,
    },
    kernel::{
        Definition, EntryId, Fingerprint, Group, Letter, Mail, Place, Record, SagaId, Started,
        Timestamp, Value,
    },
};

/// What is signalled comes within this, however busy the machine is.
const SIGNALLED: Duration = Duration::from_secs(30);

/// A journal on a desk.
pub(super) struct Desk {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) capacity: usize,
    pub(super) keys: Duration,
    pub(super) carried: Duration,
    /// The shortest time in which something comes to its end by itself.
    shortest: Duration,
    advance: Advance,
    pub(super) pace: Arc<Pace>,
    /// `reserve`, then the pivot `charge`.
    pub(super) definition: Arc<Definition>,
    /// Another one that nobody asks for unless a check says so.
    pub(super) other: Arc<Definition>,
    /// The first half of the ids of its seats, which are like no others.
    place: u64,
    ids: AtomicU64,
}

/// A seat that lives, and what was signalled to it.
pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) heard: Arc<Heard>,
    pub(super) listener: ListenerId,
    pub(super) deadline: Timestamp,
}

impl Desk {
    pub(super) async fn around(subject: Subject) -> Self {
        let (definition, other) = (Arc::new(order("order")), Arc::new(order("return")));
        for definition in [&definition, &other] {
            let defined = subject.journal.define(Arc::clone(definition)).await;
            defined.expect("the journal can be written to");
        }
        let Subject { journal, capacity, lease, keys, carried, advance } = subject;
        let shortest = lease.min(keys).min(carried);
        // Rules leave at least twice as much.
        let pace = Arc::new(Pace::new(Arc::clone(&journal), shortest / 16));
        #[allow(clippy::disallowed_methods, reason = "no rule depends on which it is")]
        let place = Uuid::new_v4().as_u64_pair().0;
        Self {
            journal,
            capacity,
            keys,
            carried,
            shortest,
            advance,
            pace,
            definition,
            other,
            place,
            ids: AtomicU64::new(1),
        }
    }

    /// A number that was not given out before.
    fn unique(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))
    }

    // ---- time ------------------------------------------------------------------------------

    /// By how much the store's time may differ from what is known of it here. What happens by
    /// itself, and what travels, is there after this.
    pub(super) fn blur(&self) -> Duration {
        self.shortest / 20
    }

    /// When timers are due that a check waits for: not before it has looked at them.
    pub(super) fn soon(&self) -> Timestamp {
        self.journal.now().plus(self.a_while())
    }

    /// When timers are due that no check waits for: `times` such times from now.
    pub(super) fn far(&self, times: u32) -> Timestamp {
        self.journal.now().plus(times * Duration::from_secs(1_000_000))
    }

    /// Less than anything takes that comes to its end by itself.
    pub(super) fn a_while(&self) -> Duration {
        self.shortest / 2
    }

    pub(super) async fn pass(&self, time: Duration) {
        self.pace.passes(time);
        (self.advance)(time).await;
    }

    /// Lets time pass until it is later than this in the store, too.
    pub(super) async fn pass_until(&self, time: Timestamp) {
        let until = time.plus(self.blur());
        loop {
            match until.since(self.journal.now()) {
                Duration::ZERO => return,
                rest => self.pass(rest).await,
            }
        }
    }

    /// Lets the seat's deadline pass.
    pub(super) async fn outlive(&self, seat: &Seat) {
        // The store may have counted from a little later.
        self.pass_until(seat.deadline.plus(self.shortest / 50)).await;
    }

    // ---- signals ---------------------------------------------------------------------------

    /// What is signalled next. Signals may come some time after what they tell of.
    pub(super) async fn hears(&self, heard: &Heard) -> Result<Signal, Failure> {
        self.comes(heard.next()).await
    }

    /// What comes with a signal.
    pub(super) async fn comes<T>(&self, what: impl Future<Output = T>) -> Result<T, Failure> {
        match timeout(SIGNALLED, what).await {
            Ok(came) => Ok(came),
            Err(_) => {
                self.pace.passes(SIGNALLED);
                Err(format!("nothing was signalled within {SIGNALLED:?}").into())
            }
        }
    }

    /// Nothing more is signalled, also not somewhat later.
    pub(super) async fn hears_nothing(&self, heard: &Heard) -> Verdict {
        match self.within_a_blur(heard.next()).await {
            None => Ok(()),
            Some(signal) => Err(format!("{signal:?} was signalled").into()),
        }
    }

    /// What is there at once or as good as at once.
    pub(super) async fn within_a_blur<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let came = timeout(self.blur(), what).await.ok();
        if came.is_none() {
            self.pace.passes(self.blur());
        }
        came
    }

    // ---- seats -----------------------------------------------------------------------------

    pub(super) async fn listen(&self) -> Result<(Arc<Heard>, ListenerId), JournalError> {
        let known = [&self.definition, &self.other].map(|known| known.hash()).to_vec();
        let heard = Arc::new(Heard::but_of(known));
        let listener = self.journal.listen(Arc::clone(&heard) as Arc<dyn Signals>).await?;
        Ok((heard, listener))
    }

    pub(super) async fn seat(&self) -> Result<Seat, Failure> {
        let (heard, listener) = self.listen().await?;
        let id = SeatId(Uuid::from_u64_pair(self.place, self.unique().as_u64_pair().1));
        let lease = self.journal.enter(id, listener).await?;
        let deadline = lease.deadline.ok_or("the subject's seats have no lease")?;
        Ok(Seat { id, heard, listener, deadline })
    }

    /// A seat that was reaped.
    pub(super) async fn reaped_seat(&self) -> Result<Seat, Failure> {
        let seat = self.seat().await?;
        self.outlive(&seat).await;
        self.journal.reap(seat.id).await?;
        Ok(seat)
    }

    // ---- sagas -----------------------------------------------------------------------------

    /// A saga that is about to be created, `ready` and with nobody to reply to.
    pub(super) async fn new_saga(&self) -> Result<NewSaga, JournalError> {
        Ok(NewSaga {
            id: SagaId(self.unique()),
            at: self.journal.now(),
            definition: self.definition.hash(),
            records: smallvec![self.started(None), intended(0)],
            place: Place::Ready,
            key: None,
            admission: self.journal.admit(self.definition.hash()).await?,
        })
    }

    /// Another id under the key of a saga.
    pub(super) fn id_beside(&self, first: SagaId) -> SagaId {
        SagaId(Uuid::from_u64_pair(self.unique().as_u64_pair().1, 0)).beside(first)
    }

    /// The id of a saga that nobody started.
    pub(super) fn unknown_saga(&self) -> SagaId {
        SagaId(self.unique())
    }

    pub(super) fn started(&self, reply_to: Option<ListenerId>) -> Record {
        Record::Started(Arc::new(Started {
            definition: self.definition.hash(),
            request: Value::journaled("two cups".to_owned()),
            deadline: None,
            fingerprint: None,
            reply_to: reply_to.map(|listener| listener.0),
        }))
    }

    /// The first record of a saga that is started under a key.
    pub(super) fn started_with(&self, fingerprint: Fingerprint) -> Record {
        Record::Started(Arc::new(Started {
            definition: self.definition.hash(),
            request: Value::journaled("two cups".to_owned()),
            deadline: None,
            fingerprint: Some(fingerprint),
            reply_to: None,
        }))
    }

    /// Creates a saga of the usual definition; it waits for its first claim.
    pub(super) async fn create(&self) -> Result<SagaId, Failure> {
        self.create_as(self.new_saga().await?).await
    }

    pub(super) async fn create_as(&self, saga: NewSaga) -> Result<SagaId, Failure> {
        let id = saga.id;
        match self.journal.create(saga).await? {
            Created::Created => Ok(id),
            Created::Exists(_) => Err(format!("saga {id} is there before it was created").into()),
        }
    }

    /// Creates a saga that is over at once.
    pub(super) async fn create_over(&self, first: Record, last: Record) -> Result<SagaId, Failure> {
        let (records, place) = (smallvec![first, last], Place::Ended);
        self.create_as(NewSaga { records, place, ..self.new_saga().await? }).await
    }

    /// Ends sagas, for a part of the retention, until the records of this one, which is over, are
    /// gone. Whether they are: a journal may keep them for longer.
    pub(super) async fn bury(&self, saga: SagaId) -> Result<bool, Failure> {
        let until = self.journal.now().plus(self.keys / 8);
        for _ in 0..1_000 {
            if self.journal.read(saga, 0).await?.is_none() {
                return Ok(true);
            }
            if self.journal.now() > until {
                break;
            }
            self.create_over(self.started(None), completed()).await?;
        }
        Ok(false)
    }

    /// Creates so many sagas, claiming none.
    pub(super) async fn create_many(&self, sagas: usize) -> Result<Vec<SagaId>, Failure> {
        let mut created = Vec::new();
        for _ in 0..sagas {
            created.push(self.create().await?);
        }
        Ok(created)
    }

    /// Creates a saga and lets the seat claim it.
    pub(super) async fn owned(&self, seat: &Seat) -> Result<ClaimedSaga, Failure> {
        let id = self.create().await?;
        self.claim_this(seat, id).await
    }

    /// Creates a saga and leaves it in a place, which is not `Owned`.
    pub(super) async fn placed(&self, seat: &Seat, place: Place) -> Result<SagaId, Failure> {
        let saga = self.owned(seat).await?;
        let records: Group = match place {
            Place::Ended => smallvec![done(0), completed()],
            Place::Parked => smallvec![parked()],
            _ => smallvec![done(0), intended(1)],
        };
        self.write(seat, &saga, records, place).await?;
        Ok(saga.id)
    }

    // ---- operations ------------------------------------------------------------------------

    pub(super) async fn claim(&self, seat: &Seat, limit: usize) -> Result<Claimed, JournalError> {
        let definitions = [self.definition.hash()];
        self.journal.claim(seat.id, ClaimFrom::Definitions(&definitions), limit).await
    }

    /// Claims everything there is, and answers the ids in the order of the claim.
    pub(super) async fn claim_all(&self, seat: &Seat) -> Result<Vec<SagaId>, JournalError> {
        let claimed = self.claim(seat, 1_000).await?;
        Ok(claimed.sagas.iter().map(|saga| saga.id).collect())
    }

    /// Claims one saga from the ready list, which must be this one.
    pub(super) async fn claim_this(&self, seat: &Seat, id: SagaId) -> Result<ClaimedSaga, Failure> {
        let claimed = self.claim(seat, 1).await?.sagas.pop();
        match claimed {
            Some(saga) if saga.id == id => Ok(saga),
            other => Err(format!("saga {id} was to be claimed, and {other:?} was").into()),
        }
    }

    pub(super) async fn commit(&self, seat: &Seat, item: Item) -> Result<Ruling, Failure> {
        let verdicts = self.commit_all(seat, smallvec![item]).await?;
        verdicts.first().copied().ok_or_else(|| "there is no verdict".into())
    }

    pub(super) async fn commit_all(
        &self,
        seat: &Seat,
        items: SmallVec<[Item; 1]>,
    ) -> Result<SmallVec<[Ruling; 1]>, JournalError> {
        Ok(self.journal.commit(Batch { seat: seat.id, items }).await?.verdicts)
    }

    /// What a claimed saga writes next.
    pub(super) fn item(&self, saga: &ClaimedSaga, records: Group, place: Place) -> Item {
        Item {
            saga: saga.id,
            fence: saga.fence,
            seq: saga.records.len() as u64,
            at: self.journal.now(),
            records,
            folded: Vec::new(),
            place,
            guarded: place != Place::Owned,
            create: None,
        }
    }

    /// Commits a group that must be written.
    pub(super) async fn write(
        &self,
        seat: &Seat,
        saga: &ClaimedSaga,
        records: Group,
        place: Place,
    ) -> Result<(), Failure> {
        match self.commit(seat, self.item(saga, records, place)).await? {
            Ruling::Written { .. } => Ok(()),
            refused => Err(format!("an owner's group was refused: {refused:?}").into()),
        }
    }

    pub(super) fn letter(&self, letter: Letter) -> Mail {
        Mail { id: EntryId(self.unique()), letter }
    }

    pub(super) fn cancel(&self) -> Mail {
        self.letter(Letter::Cancel { reason: "changed my mind".into() })
    }

    pub(super) async fn history(&self, saga: SagaId) -> Result<History, Failure> {
        let history = self.journal.read(saga, 0).await?;
        history.ok_or_else(|| format!("saga {saga} is not there").into())
    }

    /// The records of a saga by their kinds, and where it is.
    pub(super) async fn told(&self, saga: SagaId) -> Result<(String, Place), Failure> {
        let history = self.history(saga).await?;
        Ok((kinds(&history.records), history.place))
    }
}
