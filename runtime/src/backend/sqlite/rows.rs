//! Sagas as rows: what is written for a change, and what is read at the start.

use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    backend::memory::Kept,
    kernel::{
        Definition, DefinitionHash, Fence, Group, Mail, Place, Record, SagaId, Stamped, Timestamp,
    },
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// So many late successes are kept.
const LATE: u64 = 1_000;

/// One group of records, as it is written.
pub(super) struct GroupRow {
    pub(super) saga: SagaId,
    pub(super) seq: u64,
    pub(super) fence: Fence,
    pub(super) at: Timestamp,
    pub(super) records: String,
}

impl GroupRow {
    pub(super) fn has_records(&self) -> bool {
        self.records != "[]"
    }
}

/// Times and fences beyond this are never reached.
fn number(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

fn natural(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|of| u64::try_from(of).unwrap_or_default())
}

fn json<T: serde::Serialize>(of: &T) -> Result<String, BoxError> {
    Ok(serde_json::to_string(of)?)
}

/// Nothing is written for an empty list.
fn list<T: serde::Serialize>(of: &[T]) -> Result<Option<String>, BoxError> {
    if of.is_empty() { Ok(None) } else { json(&of).map(Some) }
}

fn word(place: Place) -> (&'static str, Option<i64>) {
    match place {
        Place::Owned => ("owned", None),
        Place::Ready => ("ready", None),
        Place::Timed(due) => ("timed", Some(number(due.0))),
        Place::Parked => ("parked", None),
        Place::Ended => ("ended", None),
    }
}

fn place(word: &str, due: Option<u64>) -> Result<Place, BoxError> {
    Ok(match (word, due) {
        ("owned", _) => Place::Owned,
        ("ready", _) => Place::Ready,
        ("timed", Some(due)) => Place::Timed(Timestamp(due)),
        ("parked", _) => Place::Parked,
        ("ended", _) => Place::Ended,
        _ => return Err(format!("a saga is in the place `{word}`").into()),
    })
}

pub(super) fn write_saga(to: &Connection, saga: SagaId, row: &Kept) -> Result<(), BoxError> {
    let (place, due) = word(row.place);
    to.prepare_cached("REPLACE INTO saga VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute(params![
        saga.0.as_bytes(),
        row.definition.0,
        row.key.as_ref().map(|key| key.0.as_bytes()),
        place,
        due,
        number(row.fence.0),
        list(&row.crashed)?,
        row.crashed_at.map(|at| number(at.0)),
        row.starting,
        list(&row.inbox)?,
        row.ended_at.map(|at| number(at.0)),
    ])?;
    Ok(())
}

pub(super) fn write_group(to: &Connection, group: &GroupRow) -> Result<(), BoxError> {
    to.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        group.saga.0.as_bytes(),
        number(group.seq),
        number(group.fence.0),
        number(group.at.0),
        group.records,
    ])?;
    Ok(())
}

pub(super) fn write_definition(to: &Connection, definition: &Definition) -> Result<(), BoxError> {
    to.prepare_cached("INSERT OR IGNORE INTO definition VALUES (?1, ?2)")?
        .execute(params![definition.hash().0, json(definition)?])?;
    Ok(())
}

pub(super) fn write_late(to: &Connection, saga: SagaId, mail: &Mail) -> Result<(), BoxError> {
    to.prepare_cached("INSERT OR IGNORE INTO late (id, saga, mail) VALUES (?1, ?2, ?3)")?
        .execute(params![mail.id.0.as_bytes(), saga.0.as_bytes(), json(mail)?])?;
    to.prepare_cached("DELETE FROM late WHERE rowid <= (SELECT max(rowid) FROM late) - ?1")?
        .execute([number(LATE)])?;
    Ok(())
}

pub(super) fn write_store(to: &Connection, time: Timestamp, fence: Fence) -> Result<(), BoxError> {
    to.prepare_cached("UPDATE store SET time = max(time, ?1), fence = max(fence, ?2)")?
        .execute(params![number(time.0), number(fence.0)])?;
    Ok(())
}

pub(super) fn read_store(from: &Connection) -> Result<(Timestamp, Fence), BoxError> {
    Ok(from.query_row("SELECT time, fence FROM store", [], |row| {
        Ok((Timestamp(natural(row, 0)?), Fence(natural(row, 1)?)))
    })?)
}

pub(super) fn read_definitions(from: &Connection) -> Result<Vec<Definition>, BoxError> {
    let mut definitions = Vec::new();
    let mut all = from.prepare("SELECT hash, definition FROM definition")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let definition: Definition = serde_json::from_str(row.get_ref(1)?.as_str()?)?;
        if definition.hash().0 != row.get::<_, [u8; 16]>(0)? {
            return Err(
                format!("the definition of `{}` is not what it was", definition.task).into()
            );
        }
        definitions.push(definition);
    }
    Ok(definitions)
}

pub(super) fn read_late(from: &Connection) -> Result<Vec<(SagaId, Mail)>, BoxError> {
    let mut late = Vec::new();
    let mut all = from.prepare("SELECT saga, mail FROM late ORDER BY rowid")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        late.push((saga(row, 0)?, serde_json::from_str(row.get_ref(1)?.as_str()?)?));
    }
    Ok(late)
}

fn saga(row: &Row<'_>, column: usize) -> rusqlite::Result<SagaId> {
    Ok(SagaId(Uuid::from_bytes(row.get(column)?)))
}

const COLUMNS: &str =
    "id, definition, key, place, due, fence, crashed, crashed_at, starting, inbox, ended_at";

fn kept(row: &Row<'_>) -> Result<(SagaId, Kept), BoxError> {
    let optional = |column| {
        let number: rusqlite::Result<Option<i64>> = row.get(column);
        number.map(|of| of.map(|of| u64::try_from(of).unwrap_or_default()))
    };
    let due = optional(4)?;
    let kept = Kept {
        definition: DefinitionHash(row.get(1)?),
        key: row.get::<_, Option<[u8; 16]>>(2)?.map(|key| SagaId(Uuid::from_bytes(key))),
        place: place(row.get_ref(3)?.as_str()?, due)?,
        fence: Fence(natural(row, 5)?),
        crashed: read_list(row, 6)?,
        crashed_at: optional(7)?.map(Timestamp),
        starting: row.get(8)?,
        inbox: read_list(row, 9)?,
        ended_at: optional(10)?.map(Timestamp),
    };
    Ok((saga(row, 0)?, kept))
}

fn read_list<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Vec<T>, BoxError> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(Vec::new()),
    }
}

pub(super) fn read_saga(from: &Connection, id: SagaId) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    read_where(from, "id", id)
}

/// The later starts under this first id of a key.
pub(super) fn read_later(from: &Connection, id: SagaId) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    read_where(from, "key", id)
}

fn read_where(
    from: &Connection,
    column: &str,
    id: SagaId,
) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    let mut find =
        from.prepare_cached(&format!("SELECT {COLUMNS} FROM saga WHERE {column} = ?1"))?;
    let rows = find.query_map([id.0.as_bytes()], |row| Ok(kept(row)))?;
    rows.map(|row| row?).collect()
}

/// Whether a key was ever used again.
pub(super) fn has_keys(from: &Connection) -> Result<bool, BoxError> {
    let query = "SELECT EXISTS (SELECT 1 FROM saga WHERE key IS NOT NULL)";
    Ok(from.query_row(query, [], |row| row.get(0))?)
}

/// Every saga that is not settled.
pub(super) fn read_open(from: &Connection) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    let mut all = from.prepare(&format!("SELECT {COLUMNS} FROM saga WHERE ended_at IS NULL"))?;
    let rows = all.query_map([], |row| Ok(kept(row)))?;
    rows.map(|row| row?).collect()
}

/// So many rows in the order of their ids.
pub(super) fn read_page(
    from: &Connection,
    after: Option<SagaId>,
    limit: usize,
) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    let mut page = from.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM saga WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?;
    let after = after.as_ref().map_or([].as_slice(), |after| after.0.as_bytes());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = page.query_map(params![after, limit], |row| Ok(kept(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn read_records(from: &Connection, id: SagaId) -> Result<Vec<Stamped>, BoxError> {
    let mut records = Vec::new();
    let mut all = from.prepare_cached(
        "SELECT seq, fence, at, records FROM record WHERE saga = ?1 ORDER BY seq",
    )?;
    let mut rows = all.query(params![id.0.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let (fence, at) = (Fence(natural(row, 1)?), Timestamp(natural(row, 2)?));
        if natural(row, 0)? != records.len() as u64 {
            return Err(format!("records of the saga {id} are missing").into());
        }
        let group: Vec<Record> = serde_json::from_str(row.get_ref(3)?.as_str()?)?;
        records.extend(group.into_iter().map(|record| Stamped { fence, at, record }));
    }
    Ok(records)
}

/// Deletes up to `limit` sagas that ended before that time.
pub(super) fn forget(to: &Connection, before: Timestamp, limit: usize) -> Result<(), BoxError> {
    let mut old =
        to.prepare_cached("SELECT id FROM saga WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = old.query_map(params![number(before.0), limit], |row| saga(row, 0))?;
    let ids: Vec<SagaId> = ids.collect::<Result<_, _>>()?;
    ids.iter().try_for_each(|id| delete(to, *id))
}

pub(super) fn delete(to: &Connection, saga: SagaId) -> Result<(), BoxError> {
    to.prepare_cached("DELETE FROM record WHERE saga = ?1")?.execute([saga.0.as_bytes()])?;
    to.prepare_cached("DELETE FROM saga WHERE id = ?1")?.execute([saga.0.as_bytes()])?;
    Ok(())
}

/// A group as text, if its values are encoded.
pub(super) fn text(records: &Group) -> Result<String, BoxError> {
    json(records)
}
