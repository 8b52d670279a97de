//! The books of the world, for people: read and set without the journal.

use std::{fmt, path::Path};

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;

use super::SCHEMA;
use crate::database;

/// The books, beside whoever else has them open.
pub(crate) struct Books(Connection);

/// What there is of an item.
#[derive(Serialize)]
struct Stock {
    item: String,
    pieces: i64,
    cents: i64,
}

/// What the world did for one order, less what it took back.
#[derive(Serialize)]
struct Account {
    order: String,
    reserved: i64,
    cents: i64,
    /// So often it was charged, whatever was given back.
    charges: i64,
    /// So often the bank was asked again for what it had charged.
    repeats: i64,
    parcels: i64,
}

impl Books {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        database::open(path, SCHEMA).map(Self)
    }

    /// All of it, in lines.
    pub(crate) fn in_words(&self) -> rusqlite::Result<Vec<String>> {
        let stock = self.stock()?.into_iter().map(|stock| stock.to_string());
        Ok(stock.chain(self.accounts()?.iter().map(Account::to_string)).collect())
    }

    /// The same for programs.
    pub(crate) fn in_json(&self) -> rusqlite::Result<Vec<String>> {
        let stock = self.stock()?.into_iter().map(|stock| json!(stock).to_string());
        Ok(stock.chain(self.accounts()?.iter().map(|order| json!(order).to_string())).collect())
    }

    fn stock(&self) -> rusqlite::Result<Vec<Stock>> {
        let mut rows = self.0.prepare("SELECT item, pieces, cents FROM stock ORDER BY item")?;
        let rows = rows.query_map([], |row| {
            Ok(Stock { item: row.get(0)?, pieces: row.get(1)?, cents: row.get(2)? })
        })?;
        rows.collect()
    }

    /// The orders, the oldest first.
    fn accounts(&self) -> rusqlite::Result<Vec<Account>> {
        let select = "
            SELECT saga,
                sum(CASE what WHEN 'reserve' THEN amount WHEN 'release' THEN -amount ELSE 0 END),
                sum(CASE what WHEN 'charge' THEN amount WHEN 'refund' THEN -amount ELSE 0 END),
                count(CASE what WHEN 'charge' THEN 1 END),
                count(CASE what WHEN 'repeat' THEN 1 END),
                sum(CASE what WHEN 'ship' THEN 1 WHEN 'recall' THEN -1 ELSE 0 END)
            FROM book GROUP BY saga ORDER BY min(number)";
        let mut rows = self.0.prepare(select)?;
        let rows = rows.query_map([], |row| {
            Ok(Account {
                order: row.get(0)?,
                reserved: row.get(1)?,
                cents: row.get(2)?,
                charges: row.get(3)?,
                repeats: row.get(4)?,
                parcels: row.get(5)?,
            })
        })?;
        rows.collect()
    }

    /// More of an item.
    pub(crate) fn deliver(&self, item: &str, pieces: u32) -> rusqlite::Result<()> {
        let insert = "INSERT INTO stock VALUES (?1, ?2, 500)
                      ON CONFLICT (item) DO UPDATE SET pieces = pieces + ?2";
        self.0.execute(insert, params![item, pieces]).map(drop)
    }

    /// The bank gives money back to this card again.
    pub(crate) fn reopen(&self, card: &str) -> rusqlite::Result<()> {
        self.0.execute("INSERT OR IGNORE INTO reopened VALUES (?1)", [card]).map(drop)
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { item, pieces, cents } = self;
        write!(f, "stock: {pieces} {item} at {}", Money(*cents))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, reserved, cents, charges, repeats, parcels } = self;
        write!(f, "{order}: reserved {reserved}, charged {charges} x")?;
        if *repeats > 0 {
            write!(f, " (asked again {repeats} x)")?;
        }
        write!(f, ", paid {}, shipped {parcels}", Money(*cents))
    }
}

/// Cents as people write them.
pub(crate) struct Money(pub(crate) i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}
