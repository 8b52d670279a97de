//! The journal in Redis keeps the contract of every journal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::redis::RedisJournal,
    conformance::{self, journal::Subject},
};
use distributed_task_test_servers::{RedisOptions, RedisServer};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_in_redis_keeps_the_contract() {
    let server = RedisServer::start(RedisOptions::default());
    let journals = AtomicUsize::new(0);
    conformance::journal::run_concurrently(8, async || {
        let number = journals.fetch_add(1, Ordering::Relaxed);
        let journal = RedisJournal::builder(server.url())
            .namespace(format!("rule-{number}"))
            .capacity(16)
            .lease(SECOND)
            .retain(SECOND)
            .carry_timeout(SECOND)
            .open()
            .await
            .expect("the server is there");
        Subject {
            journal: Arc::new(journal),
            capacity: 16,
            lease: SECOND,
            keys: SECOND,
            carried: SECOND,
            advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
        }
    })
    .await;
}
