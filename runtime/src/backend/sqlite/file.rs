//! The file: who may have it open, what is in it, and which version that is.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::SqliteOpenError;
use crate::journal::Durability;

/// `dtsk` in ASCII: what `file` says the database is for.
const APPLICATION: i64 = 0x6474_736b;
/// What SQLite reads and writes at once, in bytes.
const PAGE: u64 = 4_096;
/// The format. A release reads every format up to its own.
const FORMAT: i64 = 1;

/// The tables.
///
/// Everything is text: what is in a journal can be asked in SQL. Of a journal that was closed, all of
/// it is in `saga`, one row each.
const SCHEMA: &str = "
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    time INTEGER NOT NULL,      -- the highest that was ever written, in microseconds since 1970
    fence INTEGER NOT NULL      -- the highest that was ever given away
) STRICT;
INSERT INTO store VALUES (1, 0, 0);
CREATE TABLE definition (
    hash BLOB PRIMARY KEY,
    definition TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What happened since the last checkpoint, a row for each transaction.
CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    changes TEXT NOT NULL
) STRICT;
-- Sagas as they were at the last checkpoint.
CREATE TABLE saga (
    id BLOB PRIMARY KEY,
    definition BLOB NOT NULL,
    key BLOB,                   -- the first id under its key, if this is not it
    place TEXT NOT NULL,        -- ready, owned, timed, parked, ended
    due INTEGER,                -- when timed
    fence INTEGER NOT NULL,     -- of the owner, when owned
    crashed TEXT,               -- fences of owners that died
    crashed_at INTEGER,
    starting INTEGER NOT NULL,  -- begun by its owner and not yet handed over
    inbox TEXT,                 -- what was told and not yet folded
    ended_at INTEGER,
    records TEXT NOT NULL       -- groups of them, with a comma before each: '[0' || records || ']'
) STRICT;
CREATE INDEX saga_open ON saga (id) WHERE ended_at IS NULL;
CREATE INDEX saga_ended ON saga (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX saga_key ON saga (key) WHERE key IS NOT NULL;
CREATE TABLE late (
    id BLOB PRIMARY KEY,
    saga BLOB NOT NULL,
    mail TEXT NOT NULL
) STRICT;
";

/// An open file that nobody else has open. Closed when it is dropped.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Held as long as the connection, and released after it.
    _lock: File,
}

pub(super) fn open(
    path: &Path,
    durability: Durability,
    max_size: Option<u64>,
) -> Result<Opened, SqliteOpenError> {
    // SQLite has meanings of its own for some words that are no absolute paths.
    let absolute = std::path::absolute(path)
        .map_err(|source| SqliteOpenError::Unreachable { path: path.into(), source })?;
    let lock = lock(path)?;
    let explain = |error| explain(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(absolute, flags).map_err(explain)?;
    // One process, so the index of the log can live in its memory instead of in a shared file.
    connection.pragma_update(None, "locking_mode", "exclusive").map_err(explain)?;
    let is_new = is_new(path, &connection)?;
    // A file that may only be read is found out here.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT").map_err(explain)?;
    settle(&connection, durability, max_size).map_err(explain)?;
    if is_new {
        let make = format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION};
             PRAGMA user_version = {FORMAT}; {SCHEMA} COMMIT;"
        );
        connection.execute_batch(&make).map_err(explain)?;
    }
    Ok(Opened { path: path.into(), connection, _lock: lock })
}

/// SQLite's own lock says `busy` in many words; this one says who is meant, and is gone with the
/// process however that ends. It is on a file beside the journal, because on some systems a lock on
/// the journal itself would keep SQLite out.
fn lock(path: &Path) -> Result<File, SqliteOpenError> {
    let unreachable = |source| SqliteOpenError::Unreachable { path: path.into(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(name).map_err(unreachable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SqliteOpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(unreachable(source)),
    }
}

/// Whether there is nothing in it yet. Reads only: what is not ours stays as it is.
fn is_new(path: &Path, connection: &Connection) -> Result<bool, SqliteOpenError> {
    let number = |name| {
        let number = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        number.map_err(|error| explain(path, error))
    };
    if number("schema_version")? == 0 {
        return Ok(true);
    }
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, FORMAT) => Ok(false),
        (APPLICATION, newer) => {
            Err(SqliteOpenError::Newer { path: path.into(), found: newer, known: FORMAT })
        }
        _ => {
            let what = "it is an SQLite database of another program".to_owned();
            Err(SqliteOpenError::NotAJournal { path: path.into(), what })
        }
    }
}

fn settle(
    connection: &Connection,
    durability: Durability,
    max_size: Option<u64>,
) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    let is_synchronous = durability == Durability::Fsync;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.pragma_update(
        None,
        "synchronous",
        if is_synchronous { "full" } else { "normal" },
    )?;
    // 16 MiB of log before it is folded into the file, and 16 MiB of cache.
    connection.pragma_update(None, "wal_autocheckpoint", 4_096)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    if let Some(bytes) = max_size {
        let pages = i64::try_from(bytes / PAGE).unwrap_or(i64::MAX).max(1);
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

fn explain(path: &Path, error: rusqlite::Error) -> SqliteOpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            SqliteOpenError::InUse { path }
        }
        Some(ErrorCode::NotADatabase) => {
            SqliteOpenError::NotAJournal { path, what: "it is not an SQLite database".to_owned() }
        }
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull,
        ) => SqliteOpenError::Unreachable { path, source: std::io::Error::other(error) },
        _ => SqliteOpenError::Damaged { path, source: error.into() },
    }
}
