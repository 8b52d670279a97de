//! Sentinels say where the primary is.

use std::sync::mpsc;

use distributed_task_test_servers::{Sentinels, wait_until};

use super::*;
use crate::journal::Durability;

/// Repeats until it is done, as the journal does.
async fn write(link: &Link, key: &str) -> Duration {
    let start = Instant::now();
    loop {
        match link.call(cmd("SET").arg(key).arg("v").take()).await {
            Ok(_) => return start.elapsed(),
            Err(error) => {
                assert!(error.is_worth_repeating(), "{error}");
                assert!(start.elapsed() < PATIENCE, "{error}");
                sleep(error.pause()).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_messages_follow_the_primary() {
    let mut sentinels =
        Sentinels::start(RedisOptions { password: Some("secret"), ..RedisOptions::default() });
    let link = Link::open(LinkSettings::new(sentinels.url())).await.expect("they name it");
    assert_eq!(link.server().durability, Durability::Process, "a replica may lack the last writes");
    let (heard, ears) = mpsc::channel();
    let _subscription = link.subscribe(vec![b"a".to_vec()], move |news| {
        let _ = heard.send(news);
    });
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(Heard::Gap));
    write(&link, "before").await;

    let first = sentinels.primary_port();
    sentinels.kill_primary();
    sentinels.kill_sentinel(0);
    write(&link, "after").await;
    assert_ne!(sentinels.wait_for_another(first), first);
    assert_eq!(sentinels.primary().cli(&["EXISTS", "after"]), "1");
    // The gap may be told more than once.
    sentinels.primary().cli(&["PUBLISH", "a", "1"]);
    let message = Heard::Message { channel: b"a".to_vec(), payload: b"1".to_vec() };
    while ears.recv_timeout(Duration::from_millis(200)) != Ok(message.clone()) {
        sentinels.primary().cli(&["PUBLISH", "a", "1"]);
    }
}

#[tokio::test]
async fn a_primary_that_is_demoted_is_left() {
    let mut sentinels = Sentinels::start(RedisOptions::default());
    let link = Link::open(LinkSettings::new(sentinels.url())).await.expect("they name it");
    let first = sentinels.primary_port();
    assert_eq!(sentinels.failover(), "OK");
    sentinels.wait_for_another(first);
    // Until it is told, the old one takes writes, which will be lost.
    wait_until("the old one is a replica", || {
        sentinels.replica().cli(&["ROLE"]).starts_with("slave")
    });
    write(&link, "after").await;
    assert_eq!(sentinels.primary().cli(&["EXISTS", "after"]), "1");
}

#[tokio::test]
async fn sentinels_that_are_silent_or_know_another_name_are_errors_with_what_they_say() {
    let sentinels = Sentinels::start(RedisOptions::default());
    let wrong = sentinels.url().replace("/tests", "/orders");
    let soon = |url: String| LinkSettings::new(url).open_limit(Duration::from_millis(300));
    let error = Link::open(soon(wrong)).await.err().expect("nobody has that name");
    assert!(matches!(error, RedisOpenError::NoPrimary { .. }), "{error}");
    assert!(error.to_string().contains("no primary of the name `orders`"), "{error}");
    let nobody = "redis+sentinel://127.0.0.1:1/tests".to_owned();
    let error = Link::open(soon(nobody)).await.err().expect("nobody is there");
    assert!(error.to_string().contains("no sentinel answers; 127.0.0.1:1"), "{error}");
}
