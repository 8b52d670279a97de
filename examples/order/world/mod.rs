//! The world outside: a warehouse, a bank and a carrier, played by one SQLite file.
//!
//! They know nothing of the journal, and nothing of what they did is lost when this process is
//! killed. Each behaves as a good participant does: it tells a repeated call by its key, and an undo
//! that comes before its action keeps the action from coming later (C6). Both stand in the table
//! `barrier`, in the transaction that has the effect. What had an effect stands in the table `book`,
//! which only grows.
//!
//! ```text
//!            ── far ──▶  one transaction  ── slow ──▶
//! request                 of the world                answer
//! ```

mod bank;
mod books;
mod carrier;
mod warehouse;

use std::{path::Path, sync::Arc, time::Duration};

use distributed_task::Refusal;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::{sync::Mutex, time::sleep};

pub(crate) use self::{
    bank::{Bank, Receipt},
    books::{Books, Money},
    carrier::Carrier,
    warehouse::{Reservation, Warehouse},
};
use crate::database;

const SCHEMA: &str = "
    PRAGMA synchronous = normal;
    CREATE TABLE IF NOT EXISTS stock (
        item TEXT PRIMARY KEY, pieces INTEGER NOT NULL, cents INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO stock VALUES ('tea', 100, 350), ('coffee', 100, 420), ('cake', 3, 1200);
    CREATE TABLE IF NOT EXISTS reopened (card TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS barrier (
        key TEXT, way TEXT, PRIMARY KEY (key, way)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS book (
        number INTEGER PRIMARY KEY,
        what TEXT NOT NULL,         -- reserve, release, charge, refund, ship, recall; or repeat
        saga TEXT NOT NULL,
        key TEXT NOT NULL,
        item TEXT NOT NULL,         -- what it was about: goods, a card, an address
        amount INTEGER NOT NULL     -- pieces, cents, parcels
    ) STRICT;
    CREATE INDEX IF NOT EXISTS book_key ON book (key);";

/// Who asks, and under which key.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) order: String,
    pub(crate) key: String,
}

/// How far away the world is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// How long a request is on its way.
    pub(crate) far: Duration,
    /// How long an answer takes.
    pub(crate) slow: Duration,
}

/// Why there is no answer. Whether the call had an effect is open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("the connection was reset")]
    Lost,
    #[error("the books cannot be written: {0}")]
    Books(#[from] rusqlite::Error),
    #[error("this process ends")]
    Ending,
}

/// What the other side says.
pub(crate) type Answer<T> = Result<Result<T, Refusal>, NoAnswer>;

/// The line to all three.
#[derive(Clone)]
pub(crate) struct World {
    books: Arc<Mutex<Connection>>,
    pace: Pace,
}

impl World {
    pub(crate) fn open(path: &Path, pace: Pace) -> rusqlite::Result<Self> {
        Ok(Self { books: Arc::new(Mutex::new(database::open(path, SCHEMA)?)), pace })
    }

    /// One call. What is refused has no effect.
    ///
    /// Who stops waiting either was never heard, or holds the books until the effect is in them: a
    /// later call sees it. Over a real line nobody would know, and a probe should not say that a call
    /// did not happen while it may still arrive.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, Refusal>> + Send + 'static,
    ) -> Answer<T> {
        sleep(self.pace.far).await;
        let mut books = Arc::clone(&self.books).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let transaction = books.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            match &answer {
                Ok(_) => transaction.commit()?,
                Err(_) => transaction.rollback()?,
            }
            Ok(answer)
        });
        let answer: rusqlite::Result<_> = done.await.map_err(|_| NoAnswer::Ending)?;
        let answer = answer?;
        sleep(self.pace.slow).await;
        Ok(answer)
    }
}

impl Call {
    /// Whether this way of the key is gone for the first time.
    fn is_first(&self, to: &Transaction<'_>, way: &str) -> rusqlite::Result<bool> {
        let insert = "INSERT OR IGNORE INTO barrier VALUES (?1, ?2)";
        Ok(to.execute(insert, params![self.key, way])? == 1)
    }

    /// Whether there is an effect to undo now: it happened, and was not undone. From now on it does
    /// not happen any more.
    fn is_to_be_undone(&self, to: &Transaction<'_>) -> rusqlite::Result<bool> {
        let never_came = self.is_first(to, "do")?;
        Ok(self.is_first(to, "undo")? && !never_came)
    }

    fn note(
        &self,
        to: &Transaction<'_>,
        what: &str,
        item: &str,
        amount: i64,
    ) -> rusqlite::Result<i64> {
        let insert = "INSERT INTO book (what, saga, key, item, amount) VALUES (?1, ?2, ?3, ?4, ?5)";
        to.execute(insert, params![what, self.order, self.key, item, amount])?;
        Ok(to.last_insert_rowid())
    }

    /// What stands in the book under the key: number, item and amount.
    fn noted(
        &self,
        to: &Transaction<'_>,
        what: &str,
    ) -> rusqlite::Result<Option<(i64, String, i64)>> {
        let select = "SELECT number, item, amount FROM book WHERE key = ?1 AND what = ?2";
        let mut rows = to.prepare_cached(select)?;
        let mut rows = rows.query(params![self.key, what])?;
        let row = rows.next()?;
        row.map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).transpose()
    }

    /// The same, unless it was undone: it does not come again under this key.
    fn stands(
        &self,
        to: &Transaction<'_>,
        what: &str,
    ) -> rusqlite::Result<Option<(i64, String, i64)>> {
        let undone = "SELECT 1 FROM barrier WHERE key = ?1 AND way = 'undo'";
        match to.prepare_cached(undone)?.exists([&self.key])? {
            true => Ok(None),
            false => self.noted(to, what),
        }
    }
}

/// For a call that was undone, before it came or since.
fn void() -> Refusal {
    Refusal::new("void", "it was undone")
}
