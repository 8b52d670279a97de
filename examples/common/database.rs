//! A SQLite file that several processes share.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};

/// How long one process waits for what another one writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens it, and sees to its tables.
pub(crate) fn open(file: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    // Two who begin at the same moment: SQLite does not wait where one of them makes it a WAL.
    let (begun, schema) = (Instant::now(), format!("pragma journal_mode = wal;\n{schema}"));
    loop {
        match connection.execute_batch(&schema) {
            Err(error) if is_busy(&error) && begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done.map(|()| connection),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}
