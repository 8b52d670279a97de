//! The journal in Redis keeps the contract of every journal.

use std::{
    panic::AssertUnwindSafe,
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
use futures_util::FutureExt as _;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_in_redis_keeps_the_contract() {
    keeps_the_contract(1).await;
}

/// Order, room and who is called are a matter of each partition: no other rule may be broken.
#[tokio::test(flavor = "multi_thread")]
async fn with_several_partitions_it_keeps_all_that_is_not_about_order() {
    const OF_EACH: [&str; 7] = [
        "new sagas queue at the back",
        "no more tickets are carried than asked for, of the definitions named",
        "`admit` waits while as many admitted sagas wait for their first claim",
        "each definition has room of its own",
        "a reaped seat's sagas are given back, with the dead owner noted",
        "a claim that leaves tickets signals the next idle seat",
        "a timer that is due before every other is signalled",
    ];
    let checked = AssertUnwindSafe(keeps_the_contract(3)).catch_unwind().await;
    let broken = checked.err().map(|panic| *panic.downcast::<String>().expect("text"));
    let broken = broken.unwrap_or_default();
    assert!(broken.is_empty() || broken.starts_with("broken rule: "), "{broken}");
    assert!(!broken.contains("because nothing happened"), "{broken}");
    let rules = broken.lines().filter_map(|line| line.strip_prefix("broken rule: "));
    let others: Vec<&str> = rules.filter(|rule| !OF_EACH.contains(rule)).collect();
    assert!(others.is_empty(), "{broken}");
}

async fn keeps_the_contract(partitions: usize) {
    let server = RedisServer::start(RedisOptions::default());
    let journals = AtomicUsize::new(0);
    conformance::journal::run_concurrently(8, async || {
        let number = journals.fetch_add(1, Ordering::Relaxed);
        let journal = RedisJournal::builder(server.url())
            .namespace(format!("rule-{number}"))
            .partitions(partitions)
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
