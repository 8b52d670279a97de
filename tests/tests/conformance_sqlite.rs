//! The journal in a file keeps the contract of every journal.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::sqlite::SqliteJournal,
    conformance::{self, journal::Subject},
};

#[tokio::test(start_paused = true)]
async fn the_journal_in_a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = 0;
    conformance::journal::run(async || {
        files += 1;
        let path = folder.path().join(format!("{files}.db"));
        let journal = SqliteJournal::builder(path)
            .capacity(16)
            .lease(Duration::from_secs(2))
            .retain(Duration::from_secs(8))
            .open()
            .expect("a new file");
        Subject {
            journal: Arc::new(journal),
            capacity: 16,
            keys: Duration::from_secs(8),
            advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
        }
    })
    .await;
}
