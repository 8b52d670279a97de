//! The log: what each transaction changed since the last checkpoint, a row each. The next process
//! reads the sagas as they were at the checkpoint, and does with them what the log says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    rows::{self, number},
    store::BoxError,
};
use crate::{
    backend::memory::Kept,
    kernel::{Definition, Fence, Group, Mail, SagaId, Stamped, Timestamp},
};

/// One group of records, as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct GroupText {
    /// Of the first record in it.
    pub(super) seq: u64,
    pub(super) fence: Fence,
    pub(super) at: Timestamp,
    pub(super) records: Box<RawValue>,
}

impl GroupText {
    pub(super) fn has_records(&self) -> bool {
        self.records.get() != "[]"
    }

    /// Whether a saga begins with it. The id may have been that of another one under the same key,
    /// which is forgotten.
    fn is_first(&self) -> bool {
        self.seq == 0
    }

    /// Reads it; `None` if it does not follow these.
    pub(super) fn add_to(&self, records: &mut Vec<Stamped>) -> Option<serde_json::Result<()>> {
        let (fence, at) = (self.fence, self.at);
        if self.is_first() {
            records.clear();
        }
        (records.len() as u64 == self.seq).then(|| {
            let group: Group = serde_json::from_str(self.records.get())?;
            records.extend(group.into_iter().map(|record| Stamped { fence, at, record }));
            Ok(())
        })
    }
}

/// What a transaction changes.
#[derive(Default)]
pub(super) struct Changes {
    /// Sagas that are somewhere else now.
    pub(super) moved: BTreeSet<SagaId>,
    pub(super) groups: Vec<(SagaId, Box<RawValue>)>,
    pub(super) definitions: Vec<Arc<Definition>>,
    pub(super) late: Vec<(SagaId, Mail)>,
    /// The highest that was given away.
    pub(super) fence: Fence,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.moved.is_empty()
            && self.groups.is_empty()
            && self.definitions.is_empty()
            && self.late.is_empty()
    }
}

/// Groups and places of one transaction.
#[derive(Serialize)]
struct Entry<'a> {
    groups: &'a [(SagaId, Box<RawValue>)],
    sagas: &'a [(SagaId, Kept)],
}

#[derive(Deserialize)]
struct ReadEntry {
    groups: Vec<(SagaId, Box<RawValue>)>,
    sagas: Vec<(SagaId, Kept)>,
}

/// Adds what happened, and says how many bytes that took.
pub(super) fn append(
    to: &Connection,
    (time, fence): (Timestamp, Fence),
    groups: &[(SagaId, Box<RawValue>)],
    sagas: &[(SagaId, Kept)],
) -> Result<usize, BoxError> {
    let text = rows::json(&Entry { groups, sagas })?;
    to.prepare_cached("INSERT INTO log VALUES (NULL, ?1, ?2, ?3)")?.execute(params![
        number(time.0),
        number(fence.0),
        text
    ])?;
    Ok(text.len())
}

pub(super) fn empty(to: &Connection) -> Result<(), BoxError> {
    to.prepare_cached("DELETE FROM log")?.execute([])?;
    Ok(())
}

/// Sagas as they were when the last transaction was written.
#[derive(Default)]
pub(super) struct Replayed {
    pub(super) sagas: BTreeMap<SagaId, (Kept, Vec<Stamped>)>,
    /// What is in the log.
    pub(super) dirty: Dirty,
    pub(super) bytes: usize,
}

/// Sagas that changed since the last checkpoint, with the records that are not in their rows.
pub(super) type Dirty = BTreeMap<SagaId, Grown>;

/// What came to the records of a saga.
#[derive(Default)]
pub(super) struct Grown {
    /// Its row, if there is one, is that of another saga.
    pub(super) anew: bool,
    /// A comma before each group.
    pub(super) text: String,
}

impl Grown {
    pub(super) fn push(&mut self, group: &GroupText, text: &str) {
        if group.is_first() {
            self.anew = true;
            self.text.clear();
        }
        self.text.push(',');
        self.text.push_str(text);
    }
}

/// Every saga that is open, and those that ended since the checkpoint.
pub(super) fn replay(from: &Connection) -> Result<Replayed, BoxError> {
    let open = rows::read_open(from)?;
    let sagas = open.into_iter().map(|(id, kept, records)| (id, (kept, records))).collect();
    let mut replayed = Replayed { sagas, ..Replayed::default() };
    let mut all = from.prepare("SELECT changes FROM log ORDER BY number")?;
    let mut log = all.query([])?;
    while let Some(row) = log.next()? {
        let text = row.get_ref(0)?.as_str()?;
        replayed.bytes += text.len();
        replayed.apply(from, serde_json::from_str(text)?)?;
    }
    Ok(replayed)
}

impl Replayed {
    fn apply(&mut self, from: &Connection, entry: ReadEntry) -> Result<(), BoxError> {
        // A saga begins with its place, and what it holds comes behind that.
        for (saga, kept) in entry.sagas {
            self.fetch(from, saga)?;
            self.dirty.entry(saga).or_default();
            match self.sagas.get_mut(&saga) {
                Some((known, _)) => *known = kept,
                None => _ = self.sagas.insert(saga, (kept, Vec::new())),
            }
        }
        for (saga, group) in entry.groups {
            self.fetch(from, saga)?;
            let text = group;
            let group: GroupText = serde_json::from_str(text.get())?;
            self.dirty.entry(saga).or_default().push(&group, text.get());
            let (_, records) = self.sagas.get_mut(&saga).ok_or_else(|| rows::missing(saga))?;
            group.add_to(records).ok_or_else(|| rows::missing(saga))??;
        }
        Ok(())
    }

    /// Reads a saga that was over at the checkpoint: something came late.
    fn fetch(&mut self, from: &Connection, saga: SagaId) -> Result<(), BoxError> {
        if !self.sagas.contains_key(&saga) {
            let found = rows::read_saga(from, saga)?;
            self.sagas.extend(found.into_iter().map(|(id, kept, records)| (id, (kept, records))));
        }
        Ok(())
    }
}
