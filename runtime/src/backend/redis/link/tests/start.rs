//! What is looked at when a way is opened, and what servers say that cannot serve.

use distributed_task_test_servers::{Appends, wait_until};

use super::*;
use crate::journal::Durability;

async fn open_error(url: impl Into<String>) -> RedisOpenError {
    Link::open(LinkSettings::new(url)).await.err().expect("it is refused")
}

#[tokio::test]
async fn a_password_is_asked_for_checked_and_never_shown() {
    let server =
        RedisServer::start(RedisOptions { password: Some("secret"), ..RedisOptions::default() });
    Link::open(LinkSettings::new(server.url())).await.expect("it is the right one");
    let missing = open_error(server.url().replace(":secret@", "")).await;
    assert!(matches!(missing, RedisOpenError::Refused { .. }), "{missing}");
    assert!(missing.to_string().contains("redis://user:password@host"), "{missing}");
    let wrong = open_error(server.url().replace("secret", "hunter2")).await;
    assert!(matches!(wrong, RedisOpenError::Refused { .. }), "{wrong}");
    assert!(wrong.to_string().contains("user or password are wrong"), "{wrong}");
    for shown in [format!("{missing} {missing:?}"), format!("{wrong} {wrong:?}")] {
        assert!(!shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
        assert!(shown.contains(&server.port().to_string()), "{shown}");
    }
}

#[tokio::test]
async fn a_password_that_is_changed_is_an_error_that_says_so() {
    let server =
        RedisServer::start(RedisOptions { password: Some("secret"), ..RedisOptions::default() });
    let proxy = Proxy::start(&format!("127.0.0.1:{}", server.port()));
    let limit = Duration::from_secs(1);
    let settings = LinkSettings::new(server.url_at(proxy.port())).response_limit(limit);
    let link = Link::open(settings).await.expect("it is there");
    server.cli(&["CONFIG", "SET", "requirepass", "other"]);
    proxy.cut();
    // The broken connection may be seen by this call only.
    let _ = link.call(cmd("PING")).await;
    let error = link.call(cmd("PING")).await.expect_err("the password is another");
    assert!(error.to_string().contains("user or password are wrong"), "{error}");
    assert!(!error.is_worth_repeating(), "{error}");
}

#[tokio::test]
async fn servers_that_would_lose_what_is_written_are_refused() {
    for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
        let server =
            RedisServer::start(RedisOptions { policy: Some(policy), ..RedisOptions::default() });
        let error = open_error(server.url()).await;
        assert!(matches!(&error, RedisOpenError::Evicts { policy: found, .. } if found == policy));
        assert!(error.to_string().contains("set `maxmemory-policy noeviction`"), "{error}");
    }
    let primary = RedisServer::start(RedisOptions::default());
    let more = vec!["--replicaof".into(), "127.0.0.1".into(), primary.port().to_string()];
    let replica = RedisServer::start(RedisOptions { more, ..RedisOptions::default() });
    let error = open_error(replica.url()).await;
    assert!(matches!(error, RedisOpenError::Replica { .. }), "{error}");
    let more = vec!["--cluster-enabled".into(), "yes".into()];
    let cluster = RedisServer::start(RedisOptions { more, ..RedisOptions::default() });
    let error = open_error(cluster.url()).await;
    assert!(matches!(error, RedisOpenError::Cluster { .. }), "{error}");
}

#[tokio::test]
async fn the_class_of_durability_is_what_the_server_does() {
    for (appends, durability) in [
        (Appends::Always, Durability::Fsync),
        (Appends::EverySecond, Durability::Process),
        (Appends::No, Durability::Process),
    ] {
        let server = RedisServer::start(RedisOptions { appends, ..RedisOptions::default() });
        let link = open(&server).await;
        assert_eq!(link.server().durability, durability, "{appends:?}");
        server.cli(&["CONFIG", "SET", "no-appendfsync-on-rewrite", "yes"]);
        let link = open(&server).await;
        assert_eq!(link.server().durability, Durability::Process, "{appends:?}, not always");
    }
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_the_configuration_is_welcome() {
    let server = RedisServer::start(RedisOptions::default());
    let rules = ["ON", ">pw", "~*", "&*", "+@all", "-@admin", "-config", "-role", "+info"];
    let created = server.cli(&[&["ACL", "SETUSER", "app"][..], &rules].concat());
    assert_eq!(created, "OK");
    let url = server.url().replace("redis://", "redis://app:pw@");
    let link = Link::open(LinkSettings::new(url)).await.expect("it is let in");
    assert_eq!(link.server().durability, Durability::Process, "nobody knows");
    let error = link.call(cmd("CONFIG").arg("GET").arg("*").take()).await.expect_err("not allowed");
    assert!(error.to_string().contains("NOPERM"), "{error}");
    assert!(error.to_string().contains("ACL SETUSER"), "{error}");
    assert!(!error.is_worth_repeating());
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let error = open_error("redis://127.0.0.1:1").await;
    assert!(matches!(error, RedisOpenError::Unreachable { .. }), "{error}");
    let server = RedisServer::start(RedisOptions::default());
    server.pause();
    let settings = LinkSettings::new(server.url()).open_limit(Duration::from_millis(300));
    let error = Link::open(settings).await.err().expect("it is stopped");
    assert!(matches!(error, RedisOpenError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_write_its_data_takes_no_writes_until_it_can() {
    let server = RedisServer::start(RedisOptions::default());
    let link = open(&server).await;
    let folder = server.cli(&["CONFIG", "GET", "dir"]);
    let folder = std::path::Path::new(folder.lines().last().expect("a folder")).join("dump.rdb");
    std::fs::create_dir(&folder).expect("nothing is there");
    server.cli(&["CONFIG", "SET", "save", "3600 1"]);
    let saved = |status: &str| {
        server.cli(&["BGSAVE"]);
        wait_until("it has tried", || {
            let info = server.cli(&["INFO", "persistence"]);
            info.contains("rdb_bgsave_in_progress:0")
                && info.contains(&format!("rdb_last_bgsave_status:{status}"))
        });
    };
    saved("err");
    let set = || link.call(cmd("SET").arg("k").arg("v").take());
    let error = set().await.expect_err("it stops writes");
    assert_eq!(error.code(), Some("MISCONF"), "{error}");
    assert!(error.is_worth_repeating(), "{error}");
    std::fs::remove_dir(&folder).expect("it is empty");
    saved("ok");
    set().await.expect("it takes writes again");
}

#[tokio::test]
async fn a_server_that_reads_its_data_is_waited_for() {
    let mut server = RedisServer::start(RedisOptions {
        // 200 µs for each key that is read, and clients are heard every hundred.
        more: ["--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024"]
            .map(str::to_owned)
            .to_vec(),
        ..RedisOptions::default()
    });
    let fill = "for i = 1, 12000 do redis.call('SET', 'k' .. i, i) end";
    server.cli(&["EVAL", fill, "0"]);
    server.cli(&["BGREWRITEAOF"]);
    wait_until("the log is a snapshot", || {
        let info = server.cli(&["INFO", "persistence"]);
        info.contains("aof_rewrite_in_progress:0") && !info.contains("aof_last_rewrite_time_sec:-1")
    });
    let link = Link::open(LinkSettings::new(server.url()).response_limit(PATIENCE)).await;
    let link = link.expect("it is there");
    server.launch_again();
    let mut loading = false;
    wait_until("it loads", || {
        loading |= server.cli(&["PING"]).contains("LOADING");
        loading || server.cli(&["PING"]) == "PONG"
    });
    assert!(loading, "it is slow enough to be seen");
    let error = Link::open(LinkSettings::new(server.url()).open_limit(Duration::from_millis(800)))
        .await
        .err()
        .expect("it is not ready");
    assert!(matches!(error, RedisOpenError::Loading { .. }), "{error}");
    let patient = settings(&server).open_limit(PATIENCE);
    Link::open(patient).await.expect("it is waited for");
    let answer = link.call(cmd("GET").arg("k7").take()).await;
    assert_eq!(answer.expect("it is waited for"), Value::BulkString(b"7".to_vec()));
}

#[tokio::test]
async fn full_memory_and_a_primary_that_became_a_replica_say_what_to_do() {
    let server =
        RedisServer::start(RedisOptions { memory: Some("3mb"), ..RedisOptions::default() });
    let settings = LinkSettings::new(server.url()).response_limit(Duration::from_secs(1));
    let link = Link::open(settings).await.expect("it is there");
    let write = || cmd("APPEND").arg("k").arg(vec![b'x'; 300_000]).take();
    let error = loop {
        if let Err(error) = link.call(write()).await {
            break error;
        }
    };
    assert_eq!(error.code(), Some("OOM"), "{error}");
    assert!(error.is_worth_repeating() && !error.pause().is_zero(), "{error}");
    assert!(error.to_string().contains("raise `maxmemory`"), "{error}");
    server.cli(&["DEL", "k"]);
    link.call(write()).await.expect("there is room");

    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = link.call(write()).await.expect_err("it takes no writes");
    assert!(matches!(error, LinkError::Refused(_)), "{error}");
    assert!(error.is_worth_repeating(), "{error}");
    assert!(error.to_string().contains("takes no writes"), "{error}");
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    link.call(write()).await.expect("it takes writes again");
}

#[cfg(feature = "redis-tls")]
#[tokio::test]
async fn a_server_over_tls_is_believed_by_its_certificate() {
    let server = RedisServer::start(RedisOptions {
        tls: true,
        password: Some("secret"),
        ..RedisOptions::default()
    });
    let link = Link::open(LinkSettings::new(server.tls_url())).await.expect("it is vouched for");
    link.call(cmd("PING")).await.expect("it answers");
    let error = open_error(server.tls_url().replace("localhost", "127.0.0.1")).await;
    assert!(error.to_string().contains("certificate"), "another name: {error}");
    let error = open_error(server.tls_url().replace("certificate.pem", "missing.pem")).await;
    assert!(error.to_string().contains("missing.pem holds no certificates"), "{error}");
    let (url, _) =
        server.tls_url().split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("both");
    let error = open_error(url).await;
    assert!(
        matches!(error, RedisOpenError::Unreachable { .. } | RedisOpenError::Address { .. }),
        "{error}"
    );
}
