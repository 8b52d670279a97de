//! What is in the journal that a killed process left.

use std::{collections::BTreeMap, fs, path::Path};

use rusqlite::Connection;
use serde_json::Value;

/// What a kill interrupted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Interrupted {
    /// Orders that were not over and did not wait for an operator.
    pub(crate) open: usize,
    /// Steps that were intended, and whose end nobody wrote down.
    pub(crate) steps: usize,
    /// The same for undos.
    pub(crate) undos: usize,
}

/// Reads a copy, so that the next process finds what the last one left.
pub(crate) fn interrupted(folder: &Path) -> Interrupted {
    let copy = tempfile::tempdir().expect("there is room");
    for name in ["journal.db", "journal.db-wal"] {
        let from = folder.join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).expect("there is room");
        }
    }
    let journal = Connection::open(copy.path().join("journal.db")).expect("it can be opened");
    let mut found = Interrupted::default();
    let is_made = "SELECT count(*) FROM sqlite_schema WHERE name = 'log'";
    if journal.query_row(is_made, [], |row| row.get::<_, i64>(0)).expect("it can be read") == 0 {
        return found;
    }
    for Seen { place, last } in sagas(&journal).into_values() {
        let is_at_rest = matches!(place.as_str(), Some("ended" | "parked"));
        // Only a late success would open one again that is finished and not settled.
        if is_at_rest || last["finished"].is_object() {
            continue;
        }
        found.open += 1;
        match last["intended"]["way"].as_str() {
            Some("undo") if place == "owned" => found.undos += 1,
            Some(_) if place == "owned" => found.steps += 1,
            _ => {}
        }
    }
    found
}

/// Where a saga is, and the last of its records.
#[derive(Default)]
struct Seen {
    place: Value,
    last: Value,
}

impl Seen {
    fn read(&mut self, group: &Value) {
        let records = group["records"].as_array().expect("a group has records");
        self.last = records.last().expect("no group is empty").clone();
    }
}

/// The sagas of the last checkpoint, and what the log says of them since.
fn sagas(journal: &Connection) -> BTreeMap<String, Seen> {
    let mut sagas = BTreeMap::<String, Seen>::new();
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
    let select = "SELECT lower(hex(id)), place, '[0' || records || ']' FROM saga";
    let mut rows = journal.prepare(select).expect("it has these tables");
    let mut rows = rows.query([]).expect("it can be read");
    while let Some(row) = rows.next().expect("it can be read") {
        let text = |column| row.get::<_, String>(column).expect("it is text");
        let seen = sagas.entry(text(0)).or_default();
        seen.place = Value::String(text(1));
        let groups = parse(&text(2));
        groups.as_array().into_iter().flatten().skip(1).for_each(|group| seen.read(group));
    }
    let mut log = journal.prepare("SELECT changes FROM log ORDER BY number").expect("it has a log");
    let mut log = log.query([]).expect("it can be read");
    while let Some(row) = log.next().expect("it can be read") {
        let changes = parse(&row.get::<_, String>(0).expect("it is text"));
        let id = |of: &Value| of[0].as_str().expect("an id is text").replace('-', "");
        for moved in changes["sagas"].as_array().into_iter().flatten() {
            sagas.entry(id(moved)).or_default().place = moved[1]["place"].clone();
        }
        for group in changes["groups"].as_array().into_iter().flatten() {
            sagas.entry(id(group)).or_default().read(&group[1]);
        }
    }
    sagas
}
