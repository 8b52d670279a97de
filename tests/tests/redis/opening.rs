//! What a journal in Redis refuses when it is opened.

use std::time::Duration;

use distributed_task::backend::redis::{RedisJournal, RedisOpenError};
use distributed_task_test_servers::{RedisOptions, RedisServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

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

/// A server that says the same to every command, and where it is.
async fn parrot(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let place = listener.local_addr().expect("it has one").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 4096];
            while let Ok(1..) = stream.read(&mut heard).await {
                let commands = heard.iter().filter(|byte| **byte == b'*').count();
                heard.fill(0);
                if stream.write_all(&answer.repeat(commands)).await.is_err() {
                    break;
                }
            }
        }
    });
    place
}

#[tokio::test]
async fn what_is_not_redis_is_called_so() {
    const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    const MAIL: &[u8] = b"+OK the mail is here\r\n";
    const TLS: &[u8] = b"\x15\x03\x03\x00\x02\x02\x0a";
    const NOISE: &[u8] = b"\x00\xfe\x07 of no meaning \xff\r\n";
    for (answer, login) in [(HTTP, "user:secret@"), (MAIL, ""), (TLS, ""), (NOISE, "")] {
        let place = parrot(answer).await;
        let error = RedisJournal::builder(format!("redis://{login}{place}/")).open().await;
        let error = error.expect_err("it is something else");
        assert!(matches!(error, RedisOpenError::NotRedis { .. }), "{answer:?}: {error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("what answers at {place} is not Redis")), "{text}");
        assert!(text.contains("rediss://") && !text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_sentinel_is_called_so() {
    let place = parrot(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let error = RedisJournal::builder(format!("redis+sentinel://{place}/shop")).open().await;
    let text = error.expect_err("it is something else").to_string();
    assert!(text.contains(&format!("{place}: what answers there is not Redis")), "{text}");
}
