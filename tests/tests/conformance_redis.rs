//! The journal in Redis keeps the contract of every journal.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::redis::RedisJournal,
    conformance::{self, journal::Subject},
};
use distributed_task_test_servers::{RedisOptions, RedisServer};

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_in_redis_keeps_the_contract() {
    let server = RedisServer::start(RedisOptions::default());
    let mut journals = 0;
    conformance::journal::run(async || {
        journals += 1;
        let journal = RedisJournal::builder(server.url())
            .namespace(format!("test-{journals}"))
            .capacity(16)
            .lease(Duration::from_millis(1000))
            .retain(Duration::from_secs(5))
            .carried(Duration::from_millis(1000))
            .open()
            .await
            .expect("the server is there");
        Subject {
            journal: Arc::new(journal),
            capacity: 16,
            keys: Duration::from_secs(5),
            advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
        }
    })
    .await;
}
