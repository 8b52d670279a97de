//! The store: a journal in memory, and what can be seen from there.

mod broken;
mod parcel;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use smallvec::SmallVec;
use tokio::sync::{Notify, futures::Notified};

pub(super) use self::parcel::{From, Parcel};
use self::{broken::Broken, parcel::take};
use super::{
    mutation::Mutation,
    replica::{Numbers, Replica, again},
    scene::{Scene, lock},
    show::{short, tell, tell_letter},
    world::World,
};
use crate::{
    backend::memory::MemoryJournal,
    journal::{
        Answer, Batch, Carry, Claimed, Committed, Created, History, Journal, JournalError, Lease,
        ListFilter, ListenerId, NewSaga, Pulse, Reaped, SeatId, Told, Verdict,
    },
    kernel::{
        DefinitionHash, End, EntryId, Letter, Mail, Place, Record, SagaId, Stamped, Way,
        idempotency_key,
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

    pub(super) fn commit(&self, number: u64, parcel: &Parcel) -> Result<Committed, JournalError> {
        let numbers = self.replica.numbers(parcel.seat);
        if let Some(answer) = self.out_of_turn(number, parcel, &numbers) {
            return answer;
        }
        let parts: Vec<_> =
            parcel.items.iter().cloned().map(|part| self.as_mutated(part)).collect();
        let seat = parcel.seat;
        let committed = self.replica.does(move |journal| {
            let items = parts.iter().cloned().map(|part| part.item(journal)).collect();
            now(journal.commit(Batch { seat, items }))
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
        let nothing = Batch { seat, items: SmallVec::new() };
        now(self.journal().commit(nothing)).is_err()
    }

    /// The answer to a batch that is not the next one of its seat (A4).
    fn out_of_turn(
        &self,
        number: u64,
        parcel: &Parcel,
        numbers: &Numbers,
    ) -> Option<Result<Committed, JournalError>> {
        let again = number == numbers.batch;
        let answers_the_dead = again && self.scene.is(Mutation::AnswersTheDead);
        let is_gone = || self.is_gone(parcel.seat) && !answers_the_dead;
        if !self.is_numbered() || is_gone() {
            return None;
        }
        if again && !self.scene.is(Mutation::DoesItAgain) {
            return Some(numbers.reply.clone().ok_or(JournalError::Diverged(parcel.seat)));
        }
        let any = [Mutation::NoBatchNumber, Mutation::AnyNumber].contains(&self.scene.mutation);
        let next = again || any || number == numbers.batch + 1;
        let knows = parcel.claims <= numbers.claim || self.scene.is(Mutation::NoClaimNumber);
        if next && knows {
            return None;
        }
        self.scene.count("commits out of turn");
        self.scene.trace("store", || format!("commit by {}: diverged", short(parcel.seat)));
        Some(Err(JournalError::Diverged(parcel.seat)))
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

/// A journal in memory answers at once.
pub(super) fn now<T>(answer: Answer<'_, T>) -> Result<T, JournalError> {
    answer.now_or_never().expect("it answers at once")
}
