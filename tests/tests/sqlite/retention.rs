//! What is over goes, and its room is used again.

use std::{fs, sync::Arc, time::Duration};

use distributed_task::{StatusError, backend::sqlite::SqliteJournal, prelude::*};

#[distributed_task(request = u32, response = u32)]
struct Square;

#[steps]
impl Square {
    #[step(read_only)]
    async fn square(&self, request: &u32) -> u32 {
        request * request
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_kept_for_its_time_and_the_file_does_not_grow_beyond_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::builder(&path).retain(Duration::from_secs(60));
    let journal = Arc::new(
        journal
            .durability(distributed_task::journal::Durability::Process)
            .open()
            .expect("it is new"),
    );
    let task = Square::builder().use_in_process_mode().override_journal(Arc::clone(&journal));
    let task = task.build().await.expect("a task");
    let mut sizes = Vec::new();
    let mut earlier = None;
    for _ in 0..12 {
        let mut last = None;
        for _ in 0..200 {
            let saga = task.submit(7).await.expect("it is taken");
            saga.outcome().await.expect("it ends");
            last = Some(saga.id());
        }
        if let Some(saga) = earlier.replace(last.expect("there are some")) {
            assert!(task.saga(saga).await.is_ok(), "it is young");
        }
        tokio::time::sleep(Duration::from_secs(25)).await;
        let log = path.with_extension("db-wal");
        sizes.push(
            fs::metadata(&path).expect("it is there").len()
                + fs::metadata(log).map_or(0, |log| log.len()),
        );
    }
    let oldest = earlier.expect("there are some");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(matches!(task.saga(oldest).await, Err(StatusError::NoSuch { .. })), "its time is over");
    let grown = sizes[11] as f64 / sizes[5] as f64;
    assert!(grown < 2.5, "{sizes:?}");
}
