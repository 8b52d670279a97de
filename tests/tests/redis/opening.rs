//! What a journal in Redis refuses when it is opened.

use std::time::Duration;

use distributed_task::backend::redis::{RedisJournal, RedisOpenError};
use distributed_task_test_servers::{RedisOptions, RedisServer};

#[tokio::test]
async fn processes_of_one_namespace_agree() {
    let server = RedisServer::start(RedisOptions::default());
    let builder = || RedisJournal::builder(server.url()).namespace("shop");
    builder().open().await.expect("it is the first");
    builder().open().await.expect("it says the same");
    for (builder, what) in [
        (builder().partitions(2), "with partitions 1, and this process says 2"),
        (
            builder().retain(Duration::from_secs(60)),
            "with retention in ms 86400000, and this process says 60000",
        ),
    ] {
        let error = builder.open().await.expect_err("others said something else").to_string();
        assert!(error.contains(what), "{error}");
        assert!(error.contains("namespace `shop`"), "{error}");
    }
    builder().namespace("bakery").partitions(2).open().await.expect("it is another namespace");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    // Nobody is asked.
    let builder = || RedisJournal::builder("redis://127.0.0.1:1/");
    for (builder, what) in [
        (builder().namespace(""), "the namespace"),
        (builder().namespace("a{b}"), "`a{b}` is empty or has a brace"),
        (builder().partitions(0), "the number of partitions"),
        (builder().lease(Duration::from_millis(1)), "1ms is shorter than 100ms"),
        (builder().retain(Duration::ZERO), "the retention"),
    ] {
        let error = builder.open().await.expect_err("it makes no sense");
        assert!(matches!(error, RedisOpenError::Setting { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
}
