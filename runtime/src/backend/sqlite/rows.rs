//! Rows of the file: sagas, definitions, late successes, and how far the store's time has come.

use rusqlite::{Connection, Row, params};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    log::{GroupText, Grown},
    store::BoxError,
};
use crate::{
    backend::memory::Kept,
    kernel::{Definition, DefinitionHash, Fence, Mail, Place, SagaId, Stamped, Timestamp},
};

/// So many late successes are kept.
const LATE: u64 = 1_000;

/// Times and fences beyond this are never reached.
pub(super) fn number(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

fn natural(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|of| u64::try_from(of).unwrap_or_default())
}

pub(super) fn json<T: Serialize + ?Sized>(of: &T) -> Result<String, BoxError> {
    Ok(serde_json::to_string(of)?)
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, BoxError> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str()?)?)
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

/// Nothing is written for an empty list.
fn list<T: Serialize>(of: &[T]) -> Result<Option<String>, BoxError> {
    if of.is_empty() { Ok(None) } else { json(of).map(Some) }
}

/// Where a saga is now, and what came to its records. One whose records begin anew is another saga
/// under the same key.
pub(super) fn write_saga(
    to: &Connection,
    saga: SagaId,
    kept: &Kept,
    more: &Grown,
) -> Result<(), BoxError> {
    if more.anew {
        delete(to, saga)?;
    }
    let (place, due) = word(kept.place);
    to.prepare_cached(
        "INSERT INTO saga VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (id) DO UPDATE SET definition = ?2, key = ?3, place = ?4, due = ?5, fence = ?6, crashed = ?7,
        crashed_at = ?8, starting = ?9, inbox = ?10, ended_at = ?11, records = records || ?12",
    )?
    .execute(params![
        saga.0.as_bytes(),
        kept.definition.0,
        kept.key.as_ref().map(|key| key.0.as_bytes()),
        place,
        due,
        number(kept.fence.0),
        list(&kept.crashed)?,
        kept.crashed_at.map(|at| number(at.0)),
        kept.starting,
        list(&kept.inbox)?,
        kept.ended_at.map(|at| number(at.0)),
        more.text,
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
    to.prepare_cached(
        "UPDATE store SET time = max(time, ?1, (SELECT ifnull(max(time), 0) FROM log)),
        fence = max(fence, ?2, (SELECT ifnull(max(fence), 0) FROM log))",
    )?
    .execute(params![number(time.0), number(fence.0)])?;
    Ok(())
}

/// How far time and fences have come.
pub(super) fn read_store(from: &Connection) -> Result<(Timestamp, Fence), BoxError> {
    let query = "SELECT max(time), max(fence) FROM
        (SELECT time, fence FROM store UNION ALL SELECT time, fence FROM log)";
    Ok(from
        .query_row(query, [], |row| Ok((Timestamp(natural(row, 0)?), Fence(natural(row, 1)?))))?)
}

pub(super) fn read_definitions(from: &Connection) -> Result<Vec<Definition>, BoxError> {
    let mut definitions = Vec::new();
    let mut all = from.prepare("SELECT hash, definition FROM definition")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let definition: Definition = parsed(row, 1)?;
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
        late.push((id(row)?, parsed(row, 1)?));
    }
    Ok(late)
}

fn id(row: &Row<'_>) -> rusqlite::Result<SagaId> {
    Ok(SagaId(Uuid::from_bytes(row.get(0)?)))
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
    Ok((id(row)?, kept))
}

fn read_list<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Vec<T>, BoxError> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(Vec::new()),
    }
}

/// A saga with its records.
pub(super) type Whole = (SagaId, Kept, Vec<Stamped>);

fn whole(row: &Row<'_>) -> Result<Whole, BoxError> {
    let (id, kept) = kept(row)?;
    let mut records = Vec::new();
    let text = row.get_ref(11)?.as_str()?;
    let groups: Vec<GroupText> =
        serde_json::from_str(&format!("[{}]", text.strip_prefix(',').unwrap_or(text)))?;
    for group in groups {
        group.add_to(&mut records).ok_or_else(|| missing(id))??;
    }
    Ok((id, kept, records))
}

pub(super) fn missing(saga: SagaId) -> BoxError {
    format!("records of the saga {saga} are missing").into()
}

fn read_where(
    from: &Connection,
    condition: &str,
    of: impl rusqlite::Params,
) -> Result<Vec<Whole>, BoxError> {
    let query = format!("SELECT {COLUMNS}, records FROM saga WHERE {condition}");
    let mut find = from.prepare_cached(&query)?;
    let rows = find.query_map(of, |row| Ok(whole(row)))?;
    rows.map(|row| row?).collect()
}

pub(super) fn read_saga(from: &Connection, id: SagaId) -> Result<Vec<Whole>, BoxError> {
    read_where(from, "id = ?1", [id.0.as_bytes()])
}

/// The later starts under this first id of a key.
pub(super) fn read_later(from: &Connection, id: SagaId) -> Result<Vec<Whole>, BoxError> {
    read_where(from, "key = ?1", [id.0.as_bytes()])
}

/// Every saga that was not settled at the last checkpoint.
pub(super) fn read_open(from: &Connection) -> Result<Vec<Whole>, BoxError> {
    read_where(from, "ended_at IS NULL", [])
}

/// Whether a key was used again, at the last checkpoint.
pub(super) fn has_keys(from: &Connection) -> Result<bool, BoxError> {
    let query = "SELECT EXISTS (SELECT 1 FROM saga WHERE key IS NOT NULL)";
    Ok(from.query_row(query, [], |row| row.get(0))?)
}

/// So many rows, or so many that were open, in the order of their ids.
pub(super) fn read_page(
    from: &Connection,
    after: Option<SagaId>,
    limit: usize,
    open: bool,
) -> Result<Vec<(SagaId, Kept)>, BoxError> {
    let is = if open { "AND ended_at IS NULL" } else { "" };
    let query = format!("SELECT {COLUMNS} FROM saga WHERE id > ?1 {is} ORDER BY id LIMIT ?2");
    let after = after.as_ref().map_or([].as_slice(), |after| after.0.as_bytes());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut page = from.prepare_cached(&query)?;
    let rows = page.query_map(params![after, limit], |row| Ok(kept(row)))?;
    rows.map(|row| row?).collect()
}

/// Deletes up to `limit` sagas that ended before that time: such a saga never changes again.
pub(super) fn forget(to: &Connection, before: Timestamp, limit: usize) -> Result<(), BoxError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    to.prepare_cached(
        "DELETE FROM saga WHERE rowid IN
            (SELECT rowid FROM saga WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
    )?
    .execute(params![number(before.0), limit])?;
    Ok(())
}

pub(super) fn delete(to: &Connection, saga: SagaId) -> Result<(), BoxError> {
    to.prepare_cached("DELETE FROM saga WHERE id = ?1")?.execute([saga.0.as_bytes()])?;
    Ok(())
}
