//! The journal in a file: sagas survive the process, and with [`Durability::Fsync`] the machine.
//!
//! ```text
//!  calls ──▶ Writer ──▶ index: MemoryJournal      decides, as in memory
//!              │             │
//!              │             ▼
//!              └────────▶ log: a row of SQLite     one transaction and one flush a group,
//!                            │       │             and then the answers and the signals
//!                            ▼       ▼
//!                         answers  sagas: rows     now and then, in the place of the log
//! ```

mod error;
mod file;
mod log;
mod rows;
mod settings;
mod signals;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use smallvec::SmallVec;

pub use self::{error::SqliteOpenError, settings::SqliteJournalBuilder};
use self::{
    error::Trouble,
    log::GroupText,
    signals::Outbox,
    store::{BoxError, Store},
    writer::{Writer, unavailable},
};
use super::memory::MemoryJournal;
use crate::{
    codec::{Json, encode},
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Item, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told, Verdict,
    },
    kernel::{
        Definition, DefinitionHash, Fence, Group, Mail, Place, Record, SagaId, Timestamp, Value,
    },
};

/// A [`Journal`] in an SQLite file, for one process at a time: sagas survive the process, and with
/// [`Durability::Fsync`], the default, the loss of power.
///
/// Every call is answered when what it did is on the disk. Calls that come while the last ones are
/// written share the next transaction and its flush. Open sagas are in memory as well; those that
/// are over are soon in the file only, until their retention ends.
///
/// Beside the file `orders.db` there are `orders.db-wal`, which belongs to it and must go where it
/// goes, and `orders.db.lock`, which keeps a second process out.
///
/// While the disk is full, new sagas are refused with an error that says so, and what runs waits
/// until there is room. After any other failure of the file nothing is written any more, and every
/// call is an error: what is in the file is as it was after the last group, for the next process to
/// go on with.
///
/// ```
/// use std::sync::Arc;
/// use distributed_task::backend::sqlite::SqliteJournal;
///
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("orders.db");
/// let journal = Arc::new(SqliteJournal::open(&path).expect("nobody else has it open"));
/// assert!(SqliteJournal::open(&path).is_err(), "one process has it at a time");
/// # drop(journal);
/// ```
pub struct SqliteJournal {
    index: Arc<MemoryJournal>,
    writer: Writer,
    outbox: Arc<Outbox>,
    durability: Durability,
}

impl SqliteJournal {
    /// Changes something, for which about so many bytes are written.
    fn call<T: Send + 'static>(
        &self,
        bytes: usize,
        job: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'_, T> {
        self.writer.call(bytes, job)
    }

    /// Looks at one saga, which may be over and in the file only.
    fn about<T: Send + 'static>(
        &self,
        saga: SagaId,
        job: impl FnOnce(&MemoryJournal) -> Answer<'_, T> + Send + 'static,
    ) -> Answer<'_, T> {
        self.writer.look(move |store| {
            store.fetch(saga).map_err(unreadable)?;
            now(job(&store.index))
        })
    }
}

/// The index answers at once.
fn now<T>(answer: Answer<'_, T>) -> Result<T, JournalError> {
    match answer {
        Answer::Ready(Some(answer)) => answer,
        _ => unreachable!("a journal in memory answers at once"),
    }
}

fn unreadable(error: BoxError) -> JournalError {
    unavailable(&Arc::new(Trouble::Unreadable(error)))
}

/// Gives a value its bytes, which it keeps: it may be written once more.
fn keep(value: &mut Value) -> Result<(), BoxError> {
    if value.as_encoded().is_none() {
        let encoded = encode(&Json, value)?;
        *value = value.clone().with_encoding(encoded);
    }
    Ok(())
}

/// Whether a start that stays with its first owner may be accepted with this (A6).
fn may_hand_over(record: &Record) -> bool {
    matches!(record, Record::Compensating(_) | Record::Parked(_))
}

/// A group as it will be written.
fn written(records: &mut Group) -> Result<Box<RawValue>, JournalError> {
    let kept = records.iter_mut().try_for_each(|record| record.each_value(&mut keep));
    let text = kept.and_then(|()| Ok(to_raw_value(records)?));
    text.map_err(|error| unavailable(&Arc::new(Trouble::Unwritable(error))))
}

impl Journal for SqliteJournal {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn now(&self) -> Timestamp {
        self.index.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        self.index.listen(self.outbox.before(signals))
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.index.unlisten(listener)
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.call(0, |store| {
            store.changes.definitions.push(Arc::clone(&definition));
            now(store.index.define(definition))
        })
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.writer.look(|store| now(store.index.definitions()))
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.writer.look(move |store| now(store.index.definition(hash)))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        match self.writer.trouble() {
            Ok(()) => self.index.admit(definition),
            Err(error) => Err(error).into(),
        }
    }

    fn create(&self, mut saga: NewSaga) -> Answer<'_, Created> {
        let records = match written(&mut saga.records) {
            Ok(records) => records,
            Err(error) => return Err(error).into(),
        };
        self.call(records.get().len(), move |store| {
            store.fetch_for(saga.id, saga.key, &saga.records).map_err(unreadable)?;
            let (id, at) = (saga.id, saga.at.max(store.index.now()));
            let created = now(store.index.create(NewSaga { at, ..saga }))?;
            if created == Created::Created {
                store.moved(id);
                store.grown(id, &GroupText { seq: 0, fence: Fence::NONE, at, records });
            }
            Ok(created)
        })
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.about(saga, move |index| index.find(saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.call(0, move |store| now(store.index.enter(seat, listener)))
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        let (carried, definitions, sagas) = match from {
            ClaimFrom::Definitions(definitions) => (None, definitions.to_vec(), Vec::new()),
            ClaimFrom::Sagas(of, sagas) => (Some(of), Vec::new(), sagas.to_vec()),
        };
        self.call(0, move |store| {
            let from = match carried {
                Some(definition) => ClaimFrom::Sagas(definition, &sagas),
                None => ClaimFrom::Definitions(&definitions),
            };
            let claimed = now(store.index.claim(seat, from, limit))?;
            for saga in &claimed.sagas {
                store.moved(saga.id);
                store.changes.fence = store.changes.fence.max(saga.fence);
            }
            Ok(claimed)
        })
    }

    fn commit(&self, mut batch: Batch) -> Answer<'_, Committed> {
        let groups = batch.items.iter_mut().map(|item| written(&mut item.records));
        let groups: SmallVec<[Box<RawValue>; 1]> = match groups.collect() {
            Ok(groups) => groups,
            Err(error) => return Err(error).into(),
        };
        let bytes = groups.iter().map(|records| records.get().len()).sum();
        self.call(bytes, move |store| {
            let mut notes = SmallVec::<[_; 1]>::new();
            for (item, records) in batch.items.iter_mut().zip(groups) {
                if let Some(create) = &item.create {
                    store.fetch_for(item.saga, create.key, &item.records).map_err(unreadable)?;
                }
                item.at = item.at.max(store.index.now());
                let moves = item.place != Place::Owned
                    || !item.folded.is_empty()
                    || item.create.is_some()
                    || item.records.iter().any(may_hand_over);
                let Item { saga, seq, fence, at, .. } = *item;
                store.changes.fence = store.changes.fence.max(fence);
                notes.push((saga, moves, GroupText { seq, fence, at, records }));
            }
            let committed = now(store.index.commit(batch))?;
            for ((saga, moves, group), verdict) in notes.into_iter().zip(&committed.verdicts) {
                if let Verdict::Written { .. } = verdict {
                    if moves {
                        store.moved(saga);
                    }
                    if group.has_records() {
                        store.grown(saga, &group);
                    }
                }
            }
            Ok(committed)
        })
    }

    fn tell(&self, saga: SagaId, mut mail: Mail) -> Answer<'_, Told> {
        let mut bytes = 0;
        let kept = mail.each_value(&mut |value| {
            keep(value)?;
            bytes += value.as_encoded().map_or(0, |encoded| encoded.bytes.len());
            Ok(())
        });
        if let Err(error) = kept {
            return Err(unavailable(&Arc::new(Trouble::Unwritable(error)))).into();
        }
        self.call(bytes, move |store| {
            store.fetch(saga).map_err(unreadable)?;
            let told = now(store.index.tell(saga, mail.clone()))?;
            match told {
                Told::Told => store.moved(saga),
                Told::Already => {}
                Told::TooLate(_) | Told::NoSuch => {
                    let late = now(store.index.late())?;
                    if late.last().is_some_and(|(_, last)| last.id == mail.id) {
                        store.changes.late.push((saga, mail));
                    }
                }
            }
            Ok(told)
        })
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.about(saga, move |index| index.inbox(saga))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        let carry = carry.map(|carry| (carry.definitions.to_vec(), carry.limit));
        self.call(0, move |store| {
            let carry =
                carry.as_ref().map(|(definitions, limit)| Carry { definitions, limit: *limit });
            now(store.index.pulse(seat, carry))
        })
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        // The file still says who owned its sagas, which is what the next process has to know.
        self.call(0, move |store| now(store.index.reap(dead)))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.call(0, move |store| now(store.index.leave(seat)))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.about(saga, move |index| index.read(saga, from))
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.writer.look(move |store| store.list(filter, after, limit).map_err(unreadable))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.writer.look(|store| now(store.index.late()))
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.call(0, move |store| now(store.index.audit(after, limit)))
    }
}
