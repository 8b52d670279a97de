//! Writing: new sagas, groups of records, and where they leave a saga.

use std::sync::{Arc, atomic::Ordering};

use smallvec::SmallVec;

use super::{
    super::{
        ready::End,
        shard::{At, Entry, Shard, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{
        Admission, Batch, Committed, Created, Gate, Item, JournalError, ListenerId, NewSaga,
        SeatId, Signal, Verdict,
    },
    kernel::{
        Cause, DefinitionHash, Fence, Fingerprint, Finished, Mail, Place, Record, SagaId, Stamped,
        Started, Timestamp,
    },
};

impl MemoryJournal {
    pub(super) fn create_now(&self, new: NewSaga) -> Created {
        let mut shard = self.shards.of(new.id);
        let keyed = (key(&new.records).is_some(), new.key);
        if let Some(known) = self.taken(&mut shard, new.id, keyed) {
            return Created::Exists(known);
        }
        let gate = new.admission.into_gate();
        let mut entry = Entry::new((new.definition, new.key), &new.records, gate);
        let stamp = |record| Stamped { fence: Fence::NONE, at: new.at, record };
        entry.records.extend(new.records.into_iter().map(stamp));
        let (reply_to, over) = (entry.reply_to, entry.over().cloned());
        if new.place != Place::Ready {
            entry.admit();
        }
        entry.at = match new.place {
            Place::Ended => At::Ended,
            Place::Parked => At::Parked,
            _ => At::Ready,
        };
        self.insert(&mut shard, new.id, entry);
        let moved = match new.place {
            Place::Ended => Moved::Ended(self.retire(&mut shard, new.id)),
            Place::Parked => Moved::Parked(reply_to),
            _ => Moved::Ready(self.ticket(new.definition, new.id, End::Back)),
        };
        drop(shard);
        self.moved(new.id, moved);
        self.tell_the_end(new.id, reply_to, over);
        Created::Created
    }

    pub(super) fn commit_now(&self, mut batch: Batch) -> Result<Committed, JournalError> {
        let commit = |item| self.commit_item(batch.seat, item);
        let verdicts: SmallVec<[Verdict; 1]> = batch.items.iter_mut().map(commit).collect();
        // A seat that was reaped on the way wrote what it wrote, and the rest was refused.
        let refused = verdicts.iter().all(|verdict| *verdict == Verdict::NotOwner);
        if refused && self.seats.get(batch.seat).is_none() {
            return Err(JournalError::Fenced(batch.seat));
        }
        Ok(Committed { verdicts })
    }

    fn commit_item(&self, seat: SeatId, item: &mut Item) -> Verdict {
        let mut shard = self.shards.of(item.saga);
        let create = item.create.take();
        let created = create.is_some();
        if let Some(create) = create {
            // A seat that lives now is reaped after this shard is released, and finds the saga.
            let keyed = (key(&item.records).is_some(), create.key);
            let taken = self.taken(&mut shard, item.saga, keyed).is_some();
            let new = item.seq == 0 && !taken;
            let Some(seat) = self.seats.get(seat).filter(|_| new) else {
                return Verdict::NotOwner;
            };
            let starting = create.admission.is_some();
            let gate = create.admission.and_then(Admission::into_gate);
            self.fences.fetch_max(item.fence.0, Ordering::AcqRel);
            let mut entry = Entry::new((create.definition, create.key), &item.records, gate);
            seat.owned.fetch_add(1, Ordering::Relaxed);
            entry.at = At::Owned { seat, fence: item.fence };
            entry.starting = starting;
            self.insert(&mut shard, item.saga, entry);
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
        entry.starting &= !hands_over(entry, item);
        let over = ends(entry, &item.records);
        let reply_to = entry.reply_to;
        entry.records.extend(item.records.drain(..).map(|record| Stamped { fence, at, record }));
        let moved = match item.place {
            Place::Owned => Moved::No,
            place => self.place(&mut shard, item.saga, place),
        };
        drop(shard);
        self.moved(item.saga, moved);
        self.tell_the_end(item.saga, reply_to, over);
        Verdict::Written { mail }
    }

    /// Takes a saga out of its owner's hands.
    fn place(&self, shard: &mut Shard, saga: SagaId, place: Place) -> Moved {
        let entry = shard.sagas.get_mut(&saga).expect("the caller holds it");
        let At::Owned { seat, .. } = std::mem::replace(&mut entry.at, At::Ready) else {
            unreachable!("only an owner commits");
        };
        seat.owned.fetch_sub(1, Ordering::Relaxed);
        match place {
            Place::Owned => unreachable!("the saga leaves its owner"),
            Place::Ready => {
                // Still admitted: it comes from the API phase, and no worker has seen it.
                let end = if entry.admission.is_some() { End::Back } else { End::Front };
                Moved::Ready(self.ticket(entry.definition, saga, end))
            }
            Place::Timed(due) => {
                entry.at = At::Timed(due);
                entry.admit();
                let first = lock(&self.timers).set(due, saga);
                Moved::Timed(first.then_some((seat.listener, due)))
            }
            Place::Parked => {
                entry.at = At::Parked;
                entry.admit();
                Moved::Parked(entry.reply_to)
            }
            Place::Ended => {
                entry.at = At::Ended;
                entry.admit();
                Moved::Ended(self.retire(shard, saga))
            }
        }
    }

    /// What a move out of an owner's hands, or a creation, leaves to do outside the shard's lock.
    fn moved(&self, saga: SagaId, moved: Moved) {
        match moved {
            Moved::No | Moved::Timed(None) => {}
            Moved::Ready(idle) => self.wake(idle),
            Moved::Timed(Some((owner, due))) => self.signal(owner, Signal::Timer(due)),
            Moved::Parked(Some(reply_to)) => self.signal(reply_to, Signal::Parked(saga)),
            Moved::Parked(None) => {}
            Moved::Ended(_evicted) => {}
        }
    }

    fn tell_the_end(
        &self,
        saga: SagaId,
        reply_to: Option<ListenerId>,
        over: Option<Arc<Finished>>,
    ) {
        if let (Some(reply_to), Some(finished)) = (reply_to, over) {
            self.signal(reply_to, Signal::Ended(saga, finished));
        }
    }
}

/// What is left to do when a saga has moved.
enum Moved {
    No,
    /// This idle seat is to be woken.
    Ready(Option<ListenerId>),
    /// Its timer is due before every other one.
    Timed(Option<(ListenerId, Timestamp)>),
    Parked(Option<ListenerId>),
    /// This one is evicted, if any; it is dropped outside the lock.
    Ended(Option<Box<Entry>>),
}

impl Entry {
    fn new(
        (definition, first): (DefinitionHash, Option<SagaId>),
        records: &[Record],
        admission: Option<Arc<dyn Gate>>,
    ) -> Self {
        let started = started(records);
        Self {
            definition,
            // A saga of three steps has eight.
            records: Vec::with_capacity(8),
            inbox: Vec::new(),
            at: At::Ready,
            crashed: Vec::new(),
            crashed_at: None,
            reply_to: started.and_then(|started| started.reply_to.map(ListenerId)),
            fingerprint: key(records),
            key: first,
            starting: false,
            admission,
        }
    }

    fn admit(&mut self) {
        if let Some(gate) = self.admission.take() {
            gate.release();
        }
    }
}

fn started(records: &[Record]) -> Option<&Started> {
    match records.first() {
        Some(Record::Started(started)) => Some(started),
        _ => None,
    }
}

/// What a saga is asked for, if it is asked for under a key.
fn key(records: &[Record]) -> Option<Fingerprint> {
    started(records)?.fingerprint
}

/// Whether its first owner hands the saga over with this group: it goes on to workers, goes back,
/// waits for somebody, or ends. What that owner only gives back in the middle of its API phase was
/// not accepted; nor was what others move after it died (A6).
fn hands_over(entry: &Entry, item: &Item) -> bool {
    let is_first = entry.records.first().is_none_or(|first| first.fence == item.fence);
    let has = |what: fn(&Record) -> bool| item.records.iter().any(what);
    let turn = item.records.iter().find_map(|record| match record {
        Record::Compensating(cause) => Some(&**cause),
        _ => None,
    });
    let accepted = match (turn, item.place) {
        (Some(cause), _) => !matches!(cause, Cause::Abandoned),
        (None, Place::Parked | Place::Ended) => true,
        (None, _) if has(|record| matches!(record, Record::Parked(_))) => true,
        (None, Place::Owned) => false,
        (None, _) => has(|record| matches!(record, Record::Intended { .. })),
    };
    is_first && accepted
}

/// How the saga ends with this group. A group that only says again that it is over, now for good,
/// ends nothing: its listener heard of it (C8).
fn ends(entry: &Entry, records: &[Record]) -> Option<Arc<Finished>> {
    let Some(Record::Finished(finished)) = records.last() else { return None };
    let quiet = |record| matches!(record, &Record::Finished(_) | &Record::Received(_));
    let again = entry.over().is_some() && records.iter().all(quiet);
    (!again).then(|| Arc::clone(finished))
}
