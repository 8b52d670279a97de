//! The journals keep their contract.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::memory::MemoryJournal,
    conformance::{self, journal::Subject},
};

#[tokio::test(start_paused = true)]
async fn the_journal_in_memory_keeps_the_contract() {
    conformance::journal::run(async || Subject {
        journal: Arc::new(
            MemoryJournal::builder()
                .capacity(16)
                .lease(Duration::from_secs(10))
                // Few, so that the records of ended sagas go and only their tombstones stay.
                .retain_ended(64)
                .retain_keys(Duration::from_secs(8))
                .build(),
        ),
        capacity: 16,
        keys: Duration::from_secs(8),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    })
    .await;
}
