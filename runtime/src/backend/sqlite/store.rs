//! The index in memory, the file, and what is in the one and not yet in the other.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rusqlite::{Connection, ErrorCode};

use super::{
    file::Opened,
    rows::{self, GroupRow},
};
use crate::{
    backend::memory::MemoryJournal,
    journal::{Journal as _, ListFilter, Listed},
    kernel::{Definition, Fence, Mail, SagaId, Timestamp},
};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Rows that are read at once to be listed.
const PAGE: usize = 256;
/// Old sagas that one group takes out, at least.
const FORGOTTEN: usize = 64;

/// All of it. Open sagas are in the index, with their records; those that are over only in the
/// file.
pub(super) struct Store {
    pub(super) index: Arc<MemoryJournal>,
    pub(super) file: Opened,
    pub(super) retain: Duration,
    /// Some key was used again, after its first start was abandoned.
    pub(super) has_keys: bool,
    pub(super) changes: Changes,
}

/// What a group changes.
#[derive(Default)]
pub(super) struct Changes {
    /// Sagas that are somewhere else now.
    pub(super) moved: BTreeSet<SagaId>,
    pub(super) groups: Vec<GroupRow>,
    pub(super) definitions: Vec<Arc<Definition>>,
    pub(super) late: Vec<(SagaId, Mail)>,
    /// Sagas of which nothing is known any more.
    pub(super) forgotten: Vec<SagaId>,
    /// The highest that was given away.
    pub(super) fence: Option<Fence>,
    /// Sagas that are over, and were put into the index to be looked at.
    pub(super) visitors: Vec<SagaId>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.moved.is_empty()
            && self.groups.is_empty()
            && self.definitions.is_empty()
            && self.late.is_empty()
    }
}

/// Why a group is not on the disk.
pub(super) enum Unflushed {
    /// There was no room. It can be tried again.
    Full,
    Broken(String),
}

impl Store {
    /// Reads a saga that is over into the index, for whoever asks next, and the starts that came
    /// later under the same key.
    pub(super) fn fetch(&mut self, saga: SagaId) -> Result<(), BoxError> {
        if self.index.has(saga) && !self.has_keys {
            return Ok(());
        }
        let connection = &self.file.connection;
        let (now, oldest) = (self.index.now(), self.oldest());
        let mut found = rows::read_saga(connection, saga)?;
        if self.has_keys {
            found.extend(rows::read_later(connection, saga)?);
        }
        for (id, kept) in found {
            if self.index.has(id) {
                continue;
            }
            if kept.ended_at.is_some_and(|at| at < oldest) {
                // Its time is over, only nobody came by to take it out.
                self.changes.forgotten.push(id);
                continue;
            }
            self.index.put(id, kept, rows::read_records(connection, id)?, now);
            self.changes.visitors.push(id);
        }
        Ok(())
    }

    /// Rows of the file, with the place that the index knows for those that are not over: it is
    /// ahead where that need not survive.
    pub(super) fn list(
        &self,
        filter: ListFilter,
        mut after: Option<SagaId>,
        limit: usize,
    ) -> Result<Vec<Listed>, BoxError> {
        let mut listed = Vec::new();
        while listed.len() < limit {
            let page = rows::read_page(&self.file.connection, after, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            let known = page.into_iter().map(|(id, kept)| {
                let place = self.index.look(id).map_or(kept.place, |kept| kept.place);
                Listed { id, definition: kept.definition, place }
            });
            listed.extend(known.filter(|row| filter.fits(row)).take(limit - listed.len()));
        }
        Ok(listed)
    }

    /// What ended before this is not remembered.
    fn oldest(&self) -> Timestamp {
        let retain = u64::try_from(self.retain.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.index.now().0.saturating_sub(retain))
    }

    /// The same for a new saga, and for the first one under its key, if that is another one.
    pub(super) fn fetch_for(&mut self, saga: SagaId, key: Option<SagaId>) -> Result<(), BoxError> {
        if let Some(key) = key {
            self.has_keys = true;
            self.fetch(key)?;
        }
        self.fetch(saga)
    }

    /// Writes the changes. They stay what they are if that fails.
    pub(super) fn flush(&mut self) -> Result<(), Unflushed> {
        if !self.changes.is_empty() {
            let connection = &self.file.connection;
            let written = self.write(connection);
            if let Err(error) = written {
                // It may be rolled back already, and cannot be worse if this fails.
                let _ = connection.execute_batch("ROLLBACK");
                return Err(why(&*error));
            }
        }
        let Changes { moved, visitors, .. } = std::mem::take(&mut self.changes);
        for saga in moved.into_iter().chain(visitors) {
            self.index.take(saga);
        }
        Ok(())
    }

    fn write(&self, to: &Connection) -> Result<(), BoxError> {
        let changes = &self.changes;
        to.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        // First, so that there is room for the rest; and more than come, so that a shorter retention
        // is reached some time.
        rows::forget(to, self.oldest(), FORGOTTEN + 2 * changes.moved.len())?;
        for saga in &changes.forgotten {
            rows::delete(to, *saga)?;
        }
        for definition in &changes.definitions {
            rows::write_definition(to, definition)?;
        }
        for group in &changes.groups {
            rows::write_group(to, group)?;
        }
        for saga in &changes.moved {
            if let Some(kept) = self.index.look(*saga) {
                rows::write_saga(to, *saga, &kept)?;
            }
        }
        for (saga, mail) in &changes.late {
            rows::write_late(to, *saga, mail)?;
        }
        rows::write_store(to, self.index.now(), changes.fence.unwrap_or(Fence::NONE))?;
        to.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

fn why(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Unflushed {
    let sqlite =
        error.downcast_ref::<rusqlite::Error>().and_then(|error| error.sqlite_error_code());
    match sqlite {
        Some(ErrorCode::DiskFull) => Unflushed::Full,
        _ => Unflushed::Broken(error.to_string()),
    }
}
