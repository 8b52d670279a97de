//! The journal in a file keeps the contract of every journal.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::sqlite::{SqliteJournal, SqliteJournalBuilder},
    conformance::{self, journal::Subject},
    journal::Durability,
};
use futures_util::FutureExt;

const CAPACITY: usize = 16;

/// A journal in the next new file of a folder.
fn next(
    folder: &Path,
    files: &AtomicUsize,
    [lease, keys, carried]: [Duration; 3],
) -> SqliteJournalBuilder {
    let file = files.fetch_add(1, Ordering::Relaxed);
    SqliteJournal::builder(folder.join(format!("{file}.db")))
        .capacity(CAPACITY)
        .lease(lease)
        .retain(keys)
        .carry_timeout(carried)
}

#[tokio::test(start_paused = true)]
async fn the_journal_in_a_file_keeps_the_contract() {
    let (folder, files) = (tempfile::tempdir().expect("a folder"), AtomicUsize::new(0));
    let times @ [lease, keys, carried] = [2, 8, 60].map(Duration::from_secs);
    conformance::journal::run(async || Subject {
        journal: Arc::new(next(folder.path(), &files, times).open().expect("a new file")),
        capacity: CAPACITY,
        lease,
        keys,
        carried,
        advance: Box::new(|time| tokio::time::advance(time).boxed()),
    })
    .await;
}

#[tokio::test]
async fn the_journal_in_a_file_keeps_the_contract_in_real_time() {
    const SECOND: Duration = Duration::from_secs(1);
    let (folder, files) = (tempfile::tempdir().expect("a folder"), AtomicUsize::new(0));
    conformance::journal::run_concurrently(8, async || {
        // Every flush of every rule takes its time on a disk that all of them share.
        let journal = next(folder.path(), &files, [SECOND; 3]).durability(Durability::Process);
        Subject {
            journal: Arc::new(journal.open().expect("a new file")),
            capacity: CAPACITY,
            lease: SECOND,
            keys: SECOND,
            carried: SECOND,
            advance: Box::new(|time| tokio::time::sleep(time).boxed()),
        }
    })
    .await;
}
