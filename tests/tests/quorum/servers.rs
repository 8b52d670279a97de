//! Over real servers.

use std::time::Duration;

use distributed_task::{
    backend::{
        quorum::{QuorumLeases, QuorumLeasesBuilder, QuorumOpenError},
        redis::RedisLeases,
    },
    lease::{Acquired, LeaseStore as _, Owner, Renewed},
};
use distributed_task_test_servers::{
    Appends, Connections, Flow, Proxy, RedisOptions, RedisServer, Way, wait_until,
};

use crate::NAME;

/// Long enough that none runs out while a busy machine makes a few calls.
const LEASE: Duration = Duration::from_secs(6);

fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

async fn redis(url: String) -> RedisLeases {
    RedisLeases::builder(url).open().await.expect("the server is there")
}

/// With limits that a busy machine keeps.
async fn over(servers: &[RedisServer]) -> QuorumLeasesBuilder {
    let mut builder = QuorumLeases::builder();
    for server in servers {
        builder = builder.node(redis(server.url()).await);
    }
    builder.max_lease(LEASE).node_timeout(Duration::from_secs(1))
}

async fn open(builder: QuorumLeasesBuilder) -> QuorumLeases {
    builder.open().await.expect("they can vote")
}

async fn acquire(leases: &QuorumLeases, owner: &Owner) -> Acquired {
    leases.try_acquire(NAME, owner, LEASE).await.expect("most answer")
}

fn is_granted(acquired: &Acquired) -> bool {
    matches!(acquired, Acquired::Granted(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_data_does_not_let_a_second_owner_in() {
    let mut servers: Vec<_> = (0..5).map(|_| server()).collect();
    // Until each of them counts.
    let uptime = |server: &RedisServer| {
        let info = server.cli(&["INFO", "server"]);
        let line = info.lines().find_map(|line| line.strip_prefix("uptime_in_seconds:"));
        line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0)
    };
    wait_until("the servers are old enough", || {
        servers.iter().all(|server| uptime(server) > LEASE.as_secs() + 1)
    });
    let (ours, first) = (Owner::draw(), open(over(&servers).await).await);
    let key = format!("distributed-task:{{{NAME}}}:l");
    // One that is not asked before the others have decided does not have it yet.
    while servers.iter().any(|server| server.cli(&["EXISTS", &key]) == "0") {
        assert!(is_granted(&acquire(&first, &ours).await));
        first.finished().await;
    }
    // Three of five have it, and one of them starts again and knows nothing.
    for server in &servers[3..] {
        assert_eq!(server.cli(&["DEL", &key]), "1");
    }
    servers[2].kill();
    servers[2].restart();
    let second = open(over(&servers).await).await;
    let refused = acquire(&second, &Owner::draw()).await;
    assert!(!is_granted(&refused), "{refused:?}");
    second.finished().await;
    let trusting = open(over(&servers).await.servers_forget_nothing()).await;
    let theirs = acquire(&trusting, &Owner::draw()).await;
    assert!(is_granted(&theirs), "without the guard there are two owners: {theirs:?}");
    assert!(first.inspect(NAME).await.is_ok(), "it is a second majority");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_stays_without_one_of_three_servers_and_not_without_two() {
    let mut servers: Vec<_> = (0..3).map(|_| server()).collect();
    let leases = open(over(&servers).await.servers_forget_nothing()).await;
    let ours = Owner::draw();
    assert!(is_granted(&acquire(&leases, &ours).await));
    servers[0].kill();
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    servers[1].kill();
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("one cannot decide");
    for server in &servers[..2] {
        assert!(error.to_string().contains(&server.port().to_string()), "{error}");
    }
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_all_of_three_servers_have_to_grant_comes_and_goes_with_each_of_them() {
    let mut servers: Vec<_> = (0..3).map(|_| server()).collect();
    let builder = over(&servers).await.min_store_nodes(3).servers_forget_nothing();
    let (leases, ours) = (open(builder).await, Owner::draw());
    assert!(is_granted(&acquire(&leases, &ours).await));
    servers[0].kill();
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("two are too few");
    assert!(error.to_string().contains("2 of 3 servers agreed, and 3 are needed"), "{error}");
    assert!(error.to_string().contains(&servers[0].port().to_string()), "{error}");
    leases.release(NAME, &ours).await.expect("most answer");
    leases.try_acquire(NAME, &ours, LEASE).await.expect_err("two are too few");
    let key = format!("distributed-task:{{{NAME}}}:l");
    for server in &servers[1..] {
        wait_until("it is freed", || server.cli(&["EXISTS", &key]) == "0");
    }
    servers[0].restart();
    let comes = async {
        while !leases.try_acquire(NAME, &ours, LEASE).await.is_ok_and(|it| is_granted(&it)) {}
    };
    tokio::time::timeout(Duration::from_secs(30), comes).await.expect("all of them are there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_black_hole_is_not_waited_for_and_is_put_right_later() {
    let servers: Vec<_> = (0..3).map(|_| server()).collect();
    let proxy = Proxy::start(&format!("127.0.0.1:{}", servers[2].port()));
    let builder = QuorumLeases::builder()
        .node(redis(servers[0].url()).await)
        .node(redis(servers[1].url()).await)
        .node(redis(servers[2].url_at(proxy.port())).await)
        .servers_forget_nothing()
        // Who waits for it waits for longer than this test may last.
        .node_timeout(Duration::from_secs(600));
    let (leases, ours) = (open(builder).await, Owner::draw());
    // Once, so that each server knows the scripts.
    assert!(is_granted(&acquire(&leases, &ours).await));
    leases.release(NAME, &ours).await.expect("all answer");
    leases.finished().await;
    proxy.set(Connections::All, Way::Out, Flow::Hold);
    assert!(is_granted(&acquire(&leases, &ours).await));
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    let key = format!("distributed-task:{{{NAME}}}:l");
    wait_until("it did what it was asked", || servers[2].cli(&["EXISTS", &key]) == "1");
    leases.release(NAME, &ours).await.expect("most answer");
    proxy.set(Connections::All, Way::Both, Flow::Forward);
    leases.finished().await;
    assert_eq!(servers[2].cli(&["EXISTS", &key]), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_when_a_process_starts_takes_part_when_it_comes() {
    let mut servers: Vec<_> = (0..3).map(|_| server()).collect();
    servers[2].kill();
    let builder = servers.iter().fold(QuorumLeases::builder(), |with, server| {
        let url = server.url();
        with.node_later(format!("the one at {}", server.port()), move || {
            RedisLeases::builder(url.clone()).open()
        })
    });
    let builder = builder.max_lease(LEASE).node_timeout(Duration::from_secs(1));
    let leases = open(builder.servers_forget_nothing()).await;
    let ours = Owner::draw();
    assert!(is_granted(&acquire(&leases, &ours).await));
    servers[2].restart();
    let key = format!("distributed-task:{{{NAME}}}:l");
    let mut turns = 0;
    while servers[2].cli(&["EXISTS", &key]) != "1" {
        assert!(turns < 100, "it is not asked");
        turns += 1;
        assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
        leases.finished().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_addresses_of_one_server_are_refused_by_name() {
    let (one, other) = (server(), server());
    let again = other.url().replace("127.0.0.1", "localhost");
    let builder = QuorumLeases::builder()
        .node(redis(one.url()).await)
        .node(redis(other.url()).await)
        .node(redis(again).await);
    let error = builder.open().await.expect_err("they are two");
    assert!(matches!(error, QuorumOpenError::Same { .. }), "{error}");
    let port = other.port();
    for address in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert!(error.to_string().contains(&address), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_replicas_are_refused() {
    let primary = server();
    let more = vec!["--replicaof".to_owned(), format!("127.0.0.1 {}", primary.port())];
    let _replica =
        RedisServer::start(RedisOptions { appends: Appends::No, more, ..Default::default() });
    wait_until("the replica is there", || {
        primary.cli(&["INFO", "replication"]).contains("connected_slaves:1")
    });
    let error = QuorumLeases::builder().node(redis(primary.url()).await).open().await;
    let error = error.expect_err("a replica may take over");
    assert!(matches!(error, QuorumOpenError::Replicated { .. }), "{error}");
}
