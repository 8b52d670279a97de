//! The index in memory, the file, and what is in the one and not yet in the other.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use rusqlite::{Connection, ErrorCode};
use serde_json::value::to_raw_value;

use super::{
    file::Opened,
    log::{self, Changes, Dirty, GroupText},
    rows,
};
use crate::{
    backend::memory::{Kept, MemoryJournal},
    journal::{Journal as _, ListFilter, Listed, PlaceKind},
    kernel::{Record, SagaId, Timestamp},
};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows that are read at once to be listed.
const PAGE: usize = 256;
/// The log is emptied when it has so many bytes.
const LOG: usize = 4 << 20;
/// Old sagas that one checkpoint takes out, at least.
const FORGOTTEN: usize = 64;

/// All of it. In the index are the open sagas and those that changed since the last checkpoint;
/// the others that are over are in the file only.
pub(super) struct Store {
    pub(super) index: Arc<MemoryJournal>,
    pub(super) file: Opened,
    pub(super) retain: Duration,
    /// Some key was used again, after its first start was abandoned.
    pub(super) has_keys: bool,
    /// Since the last transaction.
    pub(super) changes: Changes,
    /// Of those sagas the rows, if they have any, are behind.
    pub(super) dirty: Dirty,
    /// Bytes in the log.
    pub(super) logged: usize,
    /// Sagas that are over, and were put into the index to be looked at.
    pub(super) visitors: Vec<SagaId>,
}

/// Why a transaction is not on the disk.
pub(super) enum Unflushed {
    /// There was no room. It can be tried again.
    Full,
    Broken(String),
}

impl Store {
    /// Reads a saga that is over into the index, for whoever asks next, and the starts that came
    /// later under the same key.
    pub(super) fn fetch(&mut self, saga: SagaId) -> Result<(), BoxError> {
        let oldest = self.oldest();
        if let Some(kept) = self.index.look(saga) {
            // One that is not written yet must be.
            if is_before(&kept, oldest) && !self.changes.moved.contains(&saga) {
                self.index.take(saga);
            }
            if !self.has_keys {
                return Ok(());
            }
        }
        let connection = &self.file.connection;
        let mut found = rows::read_saga(connection, saga)?;
        if self.has_keys {
            found.extend(rows::read_later(connection, saga)?);
        }
        for (id, kept, records) in found {
            if !self.index.has(id) && !self.dirty.contains_key(&id) && !is_before(&kept, oldest) {
                self.index.put(id, kept, records, self.index.now());
                self.visitors.push(id);
            }
        }
        Ok(())
    }

    /// What was started before under the key of a new saga: `key` is the first one, if that is another
    /// one. Without a key nobody asks twice for the same.
    pub(super) fn fetch_for(
        &mut self,
        saga: SagaId,
        key: Option<SagaId>,
        records: &[Record],
    ) -> Result<(), BoxError> {
        if let Some(key) = key {
            self.has_keys = true;
            self.fetch(key)?;
        }
        match records.first() {
            Some(Record::Started(started)) if started.fingerprint.is_none() => Ok(()),
            _ => self.fetch(saga),
        }
    }

    /// Rows of the file, and what the index knows better.
    pub(super) fn list(
        &self,
        filter: ListFilter,
        mut after: Option<SagaId>,
        limit: usize,
    ) -> Result<Vec<Listed>, BoxError> {
        let mut listed = Vec::new();
        let open = filter.place.is_some_and(|place| place != PlaceKind::Ended);
        while listed.len() < limit {
            let page = rows::read_page(&self.file.connection, after, PAGE, open)?;
            let last = page.last().map(|(id, _)| *id).filter(|_| page.len() == PAGE);
            let fits = |id: &&SagaId| {
                after.is_none_or(|after| **id > after) && last.is_none_or(|last| **id <= last)
            };
            let row = |(id, kept)| (id, (!self.dirty.contains_key(&id)).then_some(kept));
            let mut rows: BTreeMap<SagaId, Option<Kept>> = page.into_iter().map(row).collect();
            rows.extend(self.dirty.keys().filter(fits).map(|id| (*id, None)));
            for (id, row) in rows {
                let Some(kept) = self.index.look(id).or(row) else { continue };
                let row = Listed { id, definition: kept.definition, place: kept.place };
                if filter.fits(&row) {
                    listed.push(row);
                }
                if listed.len() == limit {
                    return Ok(listed);
                }
            }
            if last.is_none() {
                return Ok(listed);
            }
            after = last;
        }
        Ok(listed)
    }

    /// A saga is somewhere else now.
    pub(super) fn moved(&mut self, saga: SagaId) {
        self.changes.moved.insert(saga);
        self.dirty.entry(saga).or_default();
    }

    /// A saga has more records.
    pub(super) fn grown(&mut self, saga: SagaId, group: &GroupText) {
        let text = to_raw_value(group).expect("numbers, and what is written already");
        self.dirty.entry(saga).or_default().push(group, text.get());
        self.changes.groups.push((saga, text));
    }

    /// What ended before this is not remembered.
    pub(super) fn oldest(&self) -> Timestamp {
        let retain = u64::try_from(self.retain.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.index.now().0.saturating_sub(retain))
    }

    /// Writes the changes. They stay what they are if that fails.
    pub(super) fn flush(&mut self) -> Result<(), Unflushed> {
        if self.changes.is_empty() {
            self.leave();
            return Ok(());
        }
        let is_short = self.logged < LOG;
        match if is_short { self.append() } else { self.checkpoint() } {
            // What is too old makes room.
            Err(Unflushed::Full) if is_short => self.checkpoint(),
            Err(Unflushed::Full) => self.append(),
            written => written,
        }
    }

    /// The changes become the next row of the log.
    fn append(&mut self) -> Result<(), Unflushed> {
        let bytes = self.transaction(|store, to| {
            let moved = store.changes.moved.iter();
            let sagas: Vec<(SagaId, Kept)> =
                moved.filter_map(|saga| Some((*saga, store.index.look(*saga)?))).collect();
            let stamp = (store.index.now(), store.changes.fence);
            log::append(to, stamp, &store.changes.groups, &sagas)
        })?;
        self.logged += bytes;
        self.changes = Changes::default();
        self.leave();
        Ok(())
    }

    /// Every saga that changed becomes a row, in the place of the log.
    pub(super) fn checkpoint(&mut self) -> Result<(), Unflushed> {
        self.transaction(|store, to| {
            // First, so that there is room for the rest; and more than come, so that a shorter
            // retention is reached some time.
            let oldest = store.oldest();
            rows::forget(to, oldest, FORGOTTEN + 2 * store.dirty.len())?;
            rows::write_store(to, store.index.now(), store.changes.fence)?;
            log::empty(to)?;
            for (saga, more) in &store.dirty {
                match store.index.look(*saga).filter(|kept| !is_before(kept, oldest)) {
                    Some(kept) => rows::write_saga(to, *saga, &kept, more)?,
                    None => rows::delete(to, *saga)?,
                }
            }
            Ok(())
        })?;
        (self.logged, self.changes) = Default::default();
        for (saga, _) in mem::take(&mut self.dirty) {
            self.index.take(saga);
        }
        self.leave();
        Ok(())
    }

    fn transaction<R>(
        &self,
        write: impl FnOnce(&Self, &Connection) -> Result<R, BoxError>,
    ) -> Result<R, Unflushed> {
        let connection = &self.file.connection;
        let all = || {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for definition in &self.changes.definitions {
                rows::write_definition(connection, definition)?;
            }
            for (saga, mail) in &self.changes.late {
                rows::write_late(connection, *saga, mail)?;
            }
            let written = write(self, connection)?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(written)
        };
        all().map_err(|error: BoxError| {
            // It may be rolled back already, and cannot be worse if this fails.
            let _ = connection.execute_batch("ROLLBACK");
            why(&*error)
        })
    }

    /// Whoever only came to be looked at goes.
    fn leave(&mut self) {
        for saga in mem::take(&mut self.visitors) {
            if !self.dirty.contains_key(&saga) {
                self.index.take(saga);
            }
        }
    }
}

/// Of a journal that is closed, every saga is a row.
impl Drop for Store {
    fn drop(&mut self) {
        if self.changes.is_empty() && !self.dirty.is_empty() && !std::thread::panicking() {
            // The log says it all, if not.
            let _ = self.checkpoint();
        }
    }
}

fn is_before(kept: &Kept, oldest: Timestamp) -> bool {
    kept.ended_at.is_some_and(|at| at < oldest)
}

fn why(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Unflushed {
    let sqlite =
        error.downcast_ref::<rusqlite::Error>().and_then(|error| error.sqlite_error_code());
    match sqlite {
        Some(ErrorCode::DiskFull) => Unflushed::Full,
        _ => Unflushed::Broken(error.to_string()),
    }
}
