//! The store: a journal in memory, and what can be seen from there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use smallvec::SmallVec;
use tokio::sync::{Notify, futures::Notified};
use uuid::Uuid;

use super::{
    forwards::Forwards,
    mutation::Mutation,
    replica::{Numbers, Replica, again},
    scene::{Scene, lock},
    world::World,
};
use crate::{
    backend::memory::MemoryJournal,
    journal::{
        Admission, Answer, Batch, Carry, ClaimFrom, Claimed, Committed, Created, History, Item,
        Journal, JournalError, Lease, ListFilter, ListenerId, NewOwned, NewSaga, PlaceKind, Pulse,
        Reaped, SeatId, Told, Verdict,
    },
    kernel::{
        DefinitionHash, End, EntryId, Fence, Finish, Group, Letter, Mail, Place, Record, SagaId,
        Stamped, Timestamp, Way, idempotency_key,
    },
};

/// The store that all processes share.
pub(super) struct Store {
    replica: Replica,
    scene: Arc<Scene>,
    world: Arc<World>,
    /// Letters that were acknowledged.
    told: Mutex<BTreeSet<(SagaId, EntryId)>>,
    /// Groups that were acknowledged: how long the records of a saga were behind the last.
    lengths: Mutex<BTreeMap<SagaId, usize>>,
    changed: Notify,
    broken: Mutex<Broken>,
}

/// What a broken store remembers.
#[derive(Default)]
struct Broken {
    /// A seat of nobody, which owns what is lost.
    ghost: Option<SeatId>,
    /// Seats that nobody is told of any more.
    struck: BTreeSet<SeatId>,
    /// Seats that were reaped, and until when they write all the same.
    undead: BTreeMap<SeatId, Timestamp>,
}

/// A batch that can be sent more than once.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) seat: SeatId,
    pub(super) number: u64,
    claims: u64,
    items: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    saga: SagaId,
    fence: Fence,
    seq: u64,
    at: Timestamp,
    records: Group,
    folded: Vec<EntryId>,
    place: Place,
    guarded: bool,
    create: Option<(DefinitionHash, Option<SagaId>, Room)>,
}

/// The room for a new saga, taken once however often it is sent.
type Room = Arc<Mutex<Option<Admission>>>;

/// Which sagas a claim is for.
#[derive(Clone)]
pub(super) enum From {
    Definitions(Vec<DefinitionHash>),
    Sagas(DefinitionHash, Vec<SagaId>),
}

impl From {
    fn as_from(&self) -> ClaimFrom<'_> {
        match self {
            Self::Definitions(definitions) => ClaimFrom::Definitions(definitions),
            Self::Sagas(definition, sagas) => ClaimFrom::Sagas(*definition, sagas),
        }
    }
}

impl Part {
    fn item(self, journal: &MemoryJournal) -> Item {
        Item {
            saga: self.saga,
            fence: self.fence,
            seq: self.seq,
            at: self.at,
            records: self.records,
            folded: self.folded,
            place: self.place,
            guarded: self.guarded,
            create: self.create.map(|(definition, key, room)| NewOwned {
                definition,
                key,
                admission: take(&room, journal, definition),
            }),
        }
    }
}

impl Parcel {
    /// A batch of a seat that has heard of so many claims.
    pub(super) fn of(batch: Batch, claims: u64) -> Self {
        let part = |item: Item| Part {
            saga: item.saga,
            fence: item.fence,
            seq: item.seq,
            at: item.at,
            records: item.records,
            folded: item.folded,
            place: item.place,
            guarded: item.guarded,
            create: item.create.map(|NewOwned { definition, key, admission }| {
                (definition, key, Arc::new(Mutex::new(Some(admission))))
            }),
        };
        let items = batch.items.into_iter().map(part).collect();
        Self { seat: batch.seat, number: batch.number, claims, items }
    }

    /// The undo of what was done first for that of what was done last.
    pub(super) fn undoes_forwards(&mut self, store: &Store) {
        for part in &mut self.items {
            let forwards = store.forwards(part.saga, &part.records);
            part.records.iter_mut().for_each(|record| forwards.exchange(record));
        }
    }

    /// As if all of it were written.
    pub(super) fn is_written(&self) -> Committed {
        let verdicts = self.items.iter().map(|_| Verdict::Written { mail: false }).collect();
        Committed { verdicts }
    }
}

impl Store {
    pub(super) fn new(scene: &Arc<Scene>, world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            replica: Replica::new(scene),
            scene: Arc::clone(scene),
            world: Arc::clone(world),
            told: Mutex::default(),
            lengths: Mutex::default(),
            changed: Notify::new(),
            broken: Mutex::default(),
        })
    }

    /// To look at.
    pub(super) fn journal(&self) -> Arc<MemoryJournal> {
        self.replica.journal()
    }

    // ---- operations ----------------------------------------------------------------------------

    pub(super) fn create(&self, new: NewSaga) -> Result<Created, JournalError> {
        let NewSaga { id, at, definition, records, place, key, admission } = new;
        let (written, room) = (records.clone(), Mutex::new(Some(admission)));
        let created = self.replica.does(move |journal| {
            let (records, admission) = (records.clone(), take(&room, journal, definition));
            now(journal.create(NewSaga { id, at, definition, records, place, key, admission }))
        })?;
        self.scene.trace("store", || format!("create {}: {created:?}", short(id)));
        if created == Created::Created {
            self.written(id, 0, &written);
        }
        self.done();
        self.changed.notify_waiters();
        Ok(created)
    }

    pub(super) fn commit(&self, parcel: &Parcel) -> Result<Committed, JournalError> {
        let numbers = self.replica.numbers(parcel.seat);
        if let Some(answer) = self.out_of_turn(parcel, &numbers) {
            return answer;
        }
        let parts: Vec<_> =
            parcel.items.iter().cloned().map(|part| self.as_mutated(part)).collect();
        let (seat, number) = (parcel.seat, parcel.number);
        let committed = self.replica.does(move |journal| {
            let items = parts.iter().cloned().map(|part| part.item(journal)).collect();
            now(journal.commit(Batch { seat, number, items }))
        });
        let committed = match committed {
            Err(JournalError::Fenced(_)) if self.is_undead(parcel.seat) => {
                Ok(self.write_for_the_dead(parcel))
            }
            committed => committed.map(|committed| self.unowned(parcel, committed)),
        };
        if let Ok(committed) = &committed
            && self.is_numbered()
        {
            let reply = Some(committed.clone());
            self.replica.number(seat, Numbers { batch: number, reply, ..numbers });
        }
        if let Err(JournalError::Fenced(_)) = &committed {
            self.scene.count("stale commits refused");
        }
        self.scene.trace("store", || {
            let parts = parcel.items.iter().map(|part| {
                let records: Vec<String> = part.records.iter().map(tell).collect();
                format!(
                    "{} at {} [{}] to {:?}{}",
                    short(part.saga),
                    part.seq,
                    records.join(", "),
                    part.place,
                    if part.guarded { ", guarded" } else { "" },
                )
            });
            let parts: Vec<String> = parts.collect();
            let answer = match &committed {
                Ok(committed) => format!("{:?}", committed.verdicts),
                Err(error) => error.to_string(),
            };
            format!("commit by {}: {}: {answer}", short(parcel.seat), parts.join("; "))
        });
        if let Ok(committed) = &committed {
            for (part, verdict) in parcel.items.iter().zip(&committed.verdicts) {
                match verdict {
                    Verdict::Written { .. } => {
                        self.written(part.saga, part.seq as usize, &part.records);
                    }
                    Verdict::Mail => self.scene.count("guarded commits refused"),
                    Verdict::NotOwner => self.scene.count("stale commits refused"),
                }
            }
        }
        self.done();
        self.changed.notify_waiters();
        committed
    }

    pub(super) fn claim(
        &self,
        (seat, number): (SeatId, u64),
        from: &From,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        let numbers = self.replica.numbers(seat);
        if self.is_numbered() && !self.is_gone(seat) {
            if number == numbers.claim {
                return Ok(again(&numbers.taken));
            }
            if number != numbers.claim + 1 && !self.scene.is(Mutation::NoClaimNumber) {
                self.scene.count("claims out of turn");
                return Err(JournalError::Diverged(seat));
            }
        }
        let of = from.clone();
        let claimed =
            self.replica.does(move |journal| now(journal.claim(seat, of.as_from(), limit)));
        if claimed.is_err() && self.scene.is(Mutation::ClaimPopsFirst) {
            // Its tickets are gone, and nobody has them.
            let _ = now(self.journal().claim(self.ghost(), from.as_from(), limit));
        }
        if let Ok(claimed) = &claimed
            && self.is_numbered()
        {
            let taken = Arc::new(again(claimed));
            self.replica.number(seat, Numbers { claim: number, taken, ..numbers });
        }
        if let Ok(claimed) = &claimed {
            for saga in &claimed.sagas {
                self.scene.count("claims");
                self.scene.count_if("take-overs", saga.crashes > 0);
                self.scene.trace("store", || {
                    let (crashes, mail) = (saga.crashes, saga.mail.len());
                    let saga = short(saga.id);
                    format!("claim by {}: {saga}, crashes {crashes}, mail {mail}", short(seat))
                });
            }
        }
        self.done();
        claimed
    }

    pub(super) fn pulse(
        &self,
        seat: SeatId,
        (batch, claim): (u64, u64),
        carry: Option<(Vec<DefinitionHash>, usize)>,
    ) -> Result<Pulse, JournalError> {
        let numbers = self.replica.numbers(seat);
        let knows = (batch <= numbers.batch || self.scene.is(Mutation::NoBatchNumber))
            && (claim <= numbers.claim || self.scene.is(Mutation::NoClaimNumber));
        if self.is_numbered() && !knows && !self.scene.is(Mutation::NoNumbersInThePulse) {
            self.scene.count("pulses out of turn");
            self.scene.trace("store", || format!("pulse of {}: diverged", short(seat)));
            return Err(JournalError::Diverged(seat));
        }
        let mut pulse = self.replica.does(move |journal| {
            let carry = carry.as_ref();
            let carry = carry.map(|(definitions, limit)| Carry { definitions, limit: *limit });
            now(journal.pulse(seat, carry))
        });
        let mut broken = lock(&self.broken);
        if let Ok(pulse) = &mut pulse {
            pulse.dead.retain(|dead| !broken.struck.contains(dead));
        } else if self.scene.is(Mutation::RenewalRecreatesTheSeat) {
            let until = self.journal().now().plus(self.scene.plan.store.lease);
            broken.undead.insert(seat, until);
            pulse = Ok(Pulse { deadline: Some(until), ..Pulse::default() });
        }
        drop(broken);
        self.scene.trace("store", || match &pulse {
            Ok(pulse) => format!(
                "pulse of {}: {} dead, {} carried",
                short(seat),
                pulse.dead.len(),
                pulse.carried.len()
            ),
            Err(error) => format!("pulse of {}: {error}", short(seat)),
        });
        self.done();
        pulse
    }

    pub(super) fn reap(&self, dead: SeatId) -> Result<Reaped, JournalError> {
        match self.scene.mutation {
            Mutation::NoRecovery => return Ok(Reaped::Reaped(0)),
            Mutation::ReapEndsTheSeatLast => {
                // The reaper dies in between, and after a lease there is another one.
                let until = self.journal().now().plus(self.scene.plan.store.lease);
                lock(&self.broken).undead.insert(dead, until);
            }
            _ => {}
        }
        let before = self.scene.is(Mutation::ReapStrikesTheSeatFirst).then(|| self.ready());
        let reaped = self.replica.does(move |journal| now(journal.reap(dead)))?;
        if let Some(before) = before {
            self.orphan_all_but_one(&before);
        }
        self.scene.trace("store", || format!("reap {}: {reaped:?}", short(dead)));
        self.scene.count_if("seats reaped", matches!(reaped, Reaped::Reaped(_)));
        self.done();
        Ok(reaped)
    }

    pub(super) fn enter(&self, seat: SeatId, listener: ListenerId) -> Result<Lease, JournalError> {
        self.scene.trace("store", || format!("enter {}", short(seat)));
        self.replica.does(move |journal| now(journal.enter(seat, listener)))
    }

    /// An operation that only changes the journal.
    pub(super) fn does<T>(
        &self,
        operation: impl Fn(&MemoryJournal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.replica.does(operation)
    }

    pub(super) fn tell(&self, saga: SagaId, mail: Mail) -> Result<Told, JournalError> {
        let id = mail.id;
        match mail.letter {
            Letter::Unpark { .. } => self.world.licensed(saga),
            Letter::Late { .. } => self.scene.count("late successes told"),
            _ => {}
        }
        let what = self.scene.is_traced().then(|| tell_letter(&mail.letter));
        let told = match self.scene.is(Mutation::LosesLetters) {
            true => Told::Told,
            false => self.replica.does(move |journal| now(journal.tell(saga, mail.clone())))?,
        };
        self.scene.trace("store", || {
            format!("tell {} {}: {told:?}", short(saga), what.unwrap_or_default())
        });
        if told == Told::Told {
            lock(&self.told).insert((saga, id));
        }
        self.done();
        Ok(told)
    }

    /// The store loses what was done this short ago.
    pub(super) fn fail_over(&self, loses: Duration) {
        let lost = self.replica.fail_over(loses);
        self.scene.count("fail-overs");
        self.scene.count_if("lossy fail-overs", lost > 0);
        self.scene.trace("store", || format!("fails over and has lost {lost} operations"));
        self.changed.notify_waiters();
    }

    /// A remote client repeats what was not answered, so what it sends has numbers.
    fn is_numbered(&self) -> bool {
        self.scene.plan.store.remote
    }

    /// Numbers mean nothing any more: the seat was reaped, and what it says is refused.
    fn is_gone(&self, seat: SeatId) -> bool {
        let nothing = Batch { seat, number: 0, items: SmallVec::new() };
        now(self.journal().commit(nothing)).is_err()
    }

    /// The answer to a batch that is not the next one of its seat (A4).
    fn out_of_turn(
        &self,
        parcel: &Parcel,
        numbers: &Numbers,
    ) -> Option<Result<Committed, JournalError>> {
        let again = parcel.number == numbers.batch;
        let answers_the_dead = again && self.scene.is(Mutation::AnswersTheDead);
        let is_gone = || self.is_gone(parcel.seat) && !answers_the_dead;
        if !self.is_numbered() || is_gone() {
            return None;
        }
        if again && !self.scene.is(Mutation::DoesItAgain) {
            return Some(numbers.reply.clone().ok_or(JournalError::Diverged(parcel.seat)));
        }
        let any = [Mutation::NoBatchNumber, Mutation::AnyNumber].contains(&self.scene.mutation);
        let next = again || any || parcel.number == numbers.batch + 1;
        let knows = parcel.claims <= numbers.claim || self.scene.is(Mutation::NoClaimNumber);
        if next && knows {
            return None;
        }
        self.scene.count("commits out of turn");
        self.scene.trace("store", || format!("commit by {}: diverged", short(parcel.seat)));
        Some(Err(JournalError::Diverged(parcel.seat)))
    }

    // ---- what is broken ------------------------------------------------------------------------

    fn as_mutated(&self, mut part: Part) -> Part {
        match self.scene.mutation {
            Mutation::UnguardedRelease => part.guarded &= part.place == Place::Owned,
            // Only seats and numbers are looked at.
            Mutation::ReapEndsTheSeatLast
            | Mutation::RenewalRecreatesTheSeat
            | Mutation::NoBatchNumber
            | Mutation::NoClaimNumber
                if part.create.is_none() =>
            {
                part.seq = self.records(part.saga).len() as u64;
            }
            _ => {}
        }
        part
    }

    /// Where only seats and numbers are looked at, what they let through is written.
    fn unowned(&self, parcel: &Parcel, mut committed: Committed) -> Committed {
        if matches!(self.scene.mutation, Mutation::NoBatchNumber | Mutation::NoClaimNumber) {
            for (part, verdict) in parcel.items.iter().zip(&mut committed.verdicts) {
                if *verdict == Verdict::NotOwner {
                    self.journal().append_anyway(part.saga, part.fence, part.records.to_vec());
                    *verdict = Verdict::Written { mail: false };
                }
            }
        }
        committed
    }

    /// What is undone instead of what, when these records are written.
    fn forwards(&self, saga: SagaId, more: &[Record]) -> Forwards {
        let records = self.records(saga);
        let records = records.iter().map(|stamped| &stamped.record).chain(more);
        Forwards::of(&self.scene.plan.definition, records)
    }

    /// The engine reads what it has said.
    pub(super) fn read_forwards(&self, saga: SagaId, records: &mut [Stamped]) {
        if self.scene.is(Mutation::UndoesForwards) {
            let forwards = self.forwards(saga, &[]);
            records.iter_mut().for_each(|stamped| forwards.exchange(&mut stamped.record));
        }
    }

    /// The step that is to be undone when the engine says this one, and the generations of both: as it
    /// is written.
    pub(super) fn undone_instead_of(&self, saga: SagaId, step: usize) -> Option<(usize, [u32; 2])> {
        if !self.scene.is(Mutation::UndoesForwards) {
            return None;
        }
        let instead = self.forwards(saga, &[]).instead_of(step);
        let records = self.records(saga);
        let generation = |of: Way| {
            records.iter().rev().find_map(|stamped| match stamped.record {
                Record::Intended { step, generation, way } if (step, way) == (instead, of) => {
                    Some(generation)
                }
                _ => None,
            })
        };
        Some((instead, [generation(Way::Do)?, generation(Way::Undo)?]))
    }

    fn is_undead(&self, seat: SeatId) -> bool {
        let until = lock(&self.broken).undead.get(&seat).copied();
        until.is_some_and(|until| self.journal().now() < until)
    }

    fn write_for_the_dead(&self, parcel: &Parcel) -> Committed {
        let write = |part: &Part| {
            if part.create.is_some() {
                return Verdict::NotOwner;
            }
            self.journal().append_anyway(part.saga, part.fence, part.records.to_vec());
            Verdict::Written { mail: false }
        };
        Committed { verdicts: parcel.items.iter().map(write).collect() }
    }

    /// Sagas that wait for an owner.
    fn ready(&self) -> BTreeSet<SagaId> {
        let ready = ListFilter { place: Some(PlaceKind::Ready), definition: None };
        let listed = now(self.journal().list(ready, None, usize::MAX)).expect("it answers");
        listed.iter().map(|saga| saga.id).collect()
    }

    /// The reaper dies behind the first saga that it gave back. The seat is struck by then, so that
    /// nobody is told of the rest.
    fn orphan_all_but_one(&self, before: &BTreeSet<SagaId>) {
        let ghost = self.ghost();
        let given_back: Vec<SagaId> = self.ready().difference(before).copied().collect();
        let rest = given_back.get(1..).unwrap_or_default();
        let from = ClaimFrom::Sagas(self.scene.plan.definition.hash(), rest);
        now(self.journal().claim(ghost, from, rest.len())).expect("the ghost lives");
    }

    fn ghost(&self) -> SeatId {
        let mut broken = lock(&self.broken);
        if let Some(ghost) = broken.ghost {
            return ghost;
        }
        let ghost = SeatId(Uuid::from_u128(0xdead));
        let _ = now(self.journal().enter(ghost, ListenerId(0)));
        broken.struck.insert(ghost);
        *broken.ghost.insert(ghost)
    }

    // ---- what is seen --------------------------------------------------------------------------

    fn written(&self, saga: SagaId, seq: usize, records: &[Record]) {
        let definition = &self.scene.plan.definition;
        for record in records {
            if let Record::Intended { step, generation, way } = record {
                let name = &definition.steps[*step].name;
                let key = idempotency_key(&definition.task, saga, name, *generation, *way);
                self.world.intended(key);
                self.scene.count_if("undos begun", *way == Way::Undo);
            }
            if let Record::Ended { end: End::Late(_), .. } = record {
                self.scene.count("late successes undone");
            }
        }
        let mut lengths = lock(&self.lengths);
        let length = lengths.entry(saga).or_default();
        *length = (*length).max(seq + records.len());
    }

    /// After each operation.
    fn done(&self) {
        if self.scene.plan.store.audited {
            self.audit();
        }
    }

    /// Every open saga is in a place (J7).
    pub(super) fn audit(&self) {
        let audited = now(self.journal().audit(None, usize::MAX)).expect("it answers");
        for saga in audited.mended {
            self.scene.note(format!("J7: {} was in no place", short(saga)));
        }
    }

    /// Resolves when a saga may have moved.
    pub(super) fn changes(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn places(&self) -> Vec<(SagaId, Place)> {
        let listed = now(self.journal().list(ListFilter::default(), None, usize::MAX));
        listed.expect("it answers").iter().map(|saga| (saga.id, saga.place)).collect()
    }

    pub(super) fn records(&self, saga: SagaId) -> Vec<Stamped> {
        self.read(saga).map(|history| history.records).unwrap_or_default()
    }

    pub(super) fn read(&self, saga: SagaId) -> Option<History> {
        now(self.journal().read(saga, 0)).expect("it answers")
    }

    /// What the saga is called in the plan.
    pub(super) fn name(&self, saga: SagaId) -> Option<u64> {
        match &self.records(saga).first()?.record {
            Record::Started(started) => started.request.get().copied(),
            _ => None,
        }
    }

    /// Letters that were acknowledged, by saga.
    pub(super) fn told(&self) -> Vec<(SagaId, EntryId)> {
        lock(&self.told).iter().copied().collect()
    }

    /// So many records of a saga were acknowledged.
    pub(super) fn length(&self, saga: SagaId) -> usize {
        lock(&self.lengths).get(&saga).copied().unwrap_or_default()
    }
}

/// The room for a new saga; what is repeated behind a loss had it before, and there is always some.
fn take(
    room: &Mutex<Option<Admission>>,
    journal: &MemoryJournal,
    definition: DefinitionHash,
) -> Admission {
    let first = lock(room).take();
    first.unwrap_or_else(|| now(journal.admit(definition)).expect("there is room"))
}

/// A journal in memory answers at once.
pub(super) fn now<T>(answer: Answer<'_, T>) -> Result<T, JournalError> {
    answer.now_or_never().expect("it answers at once")
}

/// The beginning of an id that was drawn.
pub(super) fn short(id: impl ToString) -> String {
    id.to_string().chars().rev().take(4).collect()
}

/// A record in a word or two.
pub(super) fn tell(record: &Record) -> String {
    match record {
        Record::Started(_) => "started".to_owned(),
        Record::Evaluated { step, verdict, .. } => format!("when {step}: {verdict}"),
        Record::Intended { step, way, generation } => {
            format!("intent {way:?} {step} g{generation}")
        }
        Record::Ended { step, way, end, attempt, .. } => {
            format!("end {way:?} {step} #{attempt} {end:?}")
        }
        Record::Received(mail) => format!("received {}", tell_letter(&mail.letter)),
        Record::Compensating(cause) => format!("back: {cause:?}"),
        Record::Parked(reason) => format!("parked: {reason:?}"),
        Record::Finished(finished) => {
            let how = match &finished.finish {
                Finish::Completed(_) => "completed".to_owned(),
                finish => format!("{finish:?}"),
            };
            format!("finished {how}, residual {:?}", finished.residual)
        }
    }
}

fn tell_letter(letter: &Letter) -> String {
    format!("{letter:?}").chars().take(60).collect()
}
