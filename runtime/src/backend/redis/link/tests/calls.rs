//! Calls, scripts and messages while all is well.

use std::sync::{LazyLock, mpsc};

use distributed_task_test_servers::wait_until;

use super::*;

static DOUBLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("double", "return redis.call('INCRBY', KEYS[1], tonumber(ARGV[1]) * 2)")
});

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
    is_heard_again(&ears);
    server.cli(&["PUBLISH", "b", "3"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("b", "3")));
    subscription.remove(b"b".to_vec()).await;
    server.cli(&["PUBLISH", "b", "4"]);
    server.cli(&["PUBLISH", "a", "5"]);
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message("a", "5")));
}

#[tokio::test]
async fn many_calls_share_one_connection() {
    let world = World::new().await;
    let before = world.proxy.accepted();
    let calls = (0..500).map(|_| world.link.call(cmd("INCR").arg("k").take()));
    let answers = futures_util::future::try_join_all(calls).await.expect("answers");
    let mut numbers: Vec<i64> = answers
        .into_iter()
        .map(|answer| redis::from_redis_value(answer).expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>(), "each was done once");
    assert_eq!(world.proxy.accepted(), before);
}

#[tokio::test]
async fn an_idle_link_sends_nothing() {
    let world = World::new().await;
    let processed = || {
        let stats = world.server.cli(&["INFO", "stats"]);
        let mut lines = stats.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| *name == "total_commands_processed");
        found.and_then(|(_, count)| count.trim().parse::<u64>().ok()).expect("it counts")
    };
    let before = processed();
    sleep(Duration::from_millis(700)).await;
    assert_eq!(processed() - before, 1, "the first of the two questions");
}

#[tokio::test]
async fn a_script_that_fails_is_named_and_not_repeated() {
    static BAD: LazyLock<Script> =
        LazyLock::new(|| Script::new("bad", "return redis.call('INCR', KEYS[1])"));
    let server = RedisServer::start(RedisOptions::default());
    server.cli(&["SET", "k", "text"]);
    let link = open(&server).await;
    let error = link.script(&BAD, &[b"k"], &[]).await.expect_err("it is no number");
    assert!(error.to_string().contains("refused `bad`"), "{error}");
    assert!(!error.is_worth_repeating());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_may_begin_with_nothing_and_ends_when_it_is_dropped() {
    let server = RedisServer::start(RedisOptions::default());
    let settings = LinkSettings { listen_pulse: Duration::from_millis(20), ..settings(&server) };
    let link = Link::open(settings).await.expect("it is there");
    let (heard, ears) = mpsc::channel();
    let subscription = link.subscribe(Vec::new(), move |news| {
        let _ = heard.send(news);
    });
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(Heard::Gap));
    wait_until("it is asked whether it is there, and is", || {
        let stats = server.cli(&["INFO", "commandstats"]);
        let calls =
            stats.split("cmdstat_ping:calls=").nth(1).and_then(|rest| rest.split(',').next());
        calls.and_then(|calls| calls.parse::<u32>().ok()) > Some(5)
    });
    subscription.add(b"a".to_vec()).await;
    server.cli(&["PUBLISH", "a", "1"]);
    let message = Heard::Message { channel: b"a".to_vec(), payload: b"1".to_vec() };
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message), "and there was no gap");
    drop(subscription);
    assert_eq!(ears.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
    wait_until("the connection is closed", || server.cli(&["PUBLISH", "a", "2"]) == "0");
}
