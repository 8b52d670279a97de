//! The way to Redis against real servers.

use std::{
    sync::{LazyLock, mpsc},
    time::Duration,
};

use distributed_task_test_servers::{RedisOptions, RedisServer};
use redis::{Value, cmd};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

static DOUBLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("double", "return redis.call('INCRBY', KEYS[1], tonumber(ARGV[1]) * 2)")
});

async fn open(server: &RedisServer) -> Arc<Link> {
    Link::open(LinkSettings::new(server.url())).await.expect("it is there")
}

#[tokio::test]
async fn calls_and_scripts_are_answered() {
    let server = RedisServer::start(RedisOptions::default());
    let link = open(&server).await;
    let pong = link.call(cmd("PING")).await.expect("it answers");
    assert_eq!(pong, Value::SimpleString("PONG".into()));
    let two = [Bytes::from_static(b"21")];
    let answer = link.script(&DOUBLE, &[b"k"], &two).await.expect("it runs");
    assert_eq!(answer, Value::Int(42));
    server.cli(&["SCRIPT", "FLUSH"]);
    let answer = link.script(&DOUBLE, &[b"k"], &two).await.expect("it is loaded again");
    assert_eq!(answer, Value::Int(84));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_heard_and_gaps_are_told() {
    let mut server = RedisServer::start(RedisOptions::default());
    let link = open(&server).await;
    let (heard, ears) = mpsc::channel();
    let subscription = link.subscribe(vec![b"a".to_vec()], move |news| {
        let _ = heard.send(news);
    });
    let message = |channel: &str, payload: &str| Heard::Message {
        channel: channel.into(),
        payload: payload.into(),
    };
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(Heard::Gap));
    server.cli(&["PUBLISH", "a", "1"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("a", "1")));
    subscription.add(b"b".to_vec()).await;
    server.cli(&["PUBLISH", "b", "2"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("b", "2")));
    server.kill();
    server.restart();
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(Heard::Gap));
    server.cli(&["PUBLISH", "b", "3"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("b", "3")));
    subscription.remove(b"b".to_vec()).await;
    server.cli(&["PUBLISH", "b", "4"]);
    server.cli(&["PUBLISH", "a", "5"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("a", "5")));
}
