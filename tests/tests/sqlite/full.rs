//! A journal that has no room takes nothing new, and loses nothing that it took.

use std::{sync::Arc, time::Duration};

use distributed_task::{backend::sqlite::SqliteJournal, prelude::*};

#[distributed_task(request = String, response = usize)]
struct Count;

#[steps]
impl Count {
    #[step(read_only)]
    async fn count(&self, request: &str) -> usize {
        request.len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_without_room_refuses_what_is_new_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = SqliteJournal::builder(folder.path().join("journal.db"))
        .max_size(400 * 1024)
        .retain(Duration::from_secs(60))
        .durability(distributed_task::journal::Durability::Process);
    let journal = Arc::new(journal.open().expect("it is new"));
    let task = Count::builder().use_in_process_mode().override_journal(journal);
    let task = task.build().await.expect("a task");
    let text = "x".repeat(8_000);
    let (mut taken, mut waiting) = (Vec::new(), 0);
    let error = loop {
        assert!(taken.len() < 100 && waiting < 2, "it is never full");
        // The one for which there is no room waits; the next one is refused.
        let submit = tokio::time::timeout(Duration::from_secs(5), task.submit(text.clone()));
        match submit.await {
            Ok(Ok(saga)) => {
                // Most end, and make room later; for the end of the last there may be none.
                let _ended = tokio::time::timeout(Duration::from_secs(5), saga.outcome()).await;
                taken.push(saga);
            }
            Ok(Err(error)) => break error,
            Err(_) => waiting += 1,
        }
    };
    let error = std::error::Error::source(&error).map_or(error.to_string(), |source| {
        std::error::Error::source(source).map_or(source.to_string(), ToString::to_string)
    });
    assert!(error.contains("the disk is full"), "{error}");
    assert!(taken.len() > 10, "{}", taken.len());
    // What is over goes after a minute, and then there is room.
    tokio::time::sleep(Duration::from_secs(70)).await;
    for saga in taken {
        let outcome = saga.outcome().await;
        assert!(matches!(outcome, Ok(SagaOutcome::Completed(8_000))), "{outcome:?}");
    }
    let saga = task.submit(text).await.expect("there is room again");
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(8_000))));
}
