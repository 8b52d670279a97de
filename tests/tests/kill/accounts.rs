//! The books of the world.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags};

/// What the world did for one order, less what it took back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) reserved: i64,
    pub(crate) cents: i64,
    pub(crate) parcels: i64,
    /// So often the card was charged, and the bank asked again for a charge.
    pub(crate) charges: u32,
    pub(crate) repeats: u32,
}

/// The accounts of all orders, by id.
pub(crate) fn accounts(folder: &Path) -> BTreeMap<String, Account> {
    let path = folder.join("world.db");
    let world = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let world = world.expect("there is a world");
    let mut rows = world.prepare("SELECT saga, what, amount FROM book").expect("it has a book");
    let mut rows = rows.query([]).expect("it can be read");
    let mut accounts = BTreeMap::<String, Account>::new();
    while let Some(row) = rows.next().expect("it can be read") {
        let get = |column| row.get::<_, String>(column).expect("it is text");
        let amount = row.get::<_, i64>(2).expect("it is a number");
        let account = accounts.entry(get(0)).or_default();
        match &*get(1) {
            "reserve" => account.reserved += amount,
            "release" => account.reserved -= amount,
            "charge" => {
                account.cents += amount;
                account.charges += 1;
            }
            "repeat" => account.repeats += 1,
            "refund" => account.cents -= amount,
            "ship" => account.parcels += amount,
            "recall" => account.parcels -= amount,
            other => panic!("the world does not know `{other}`"),
        }
    }
    accounts
}
