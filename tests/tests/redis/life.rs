//! Hosts over Redis as they live: what they send while nothing happens, how they leave, what is left.

use std::time::Duration;

use distributed_task::{
    SagaOutcome, SagaStatus, backend::redis::RedisJournal, builder::Distributed,
};
use distributed_task_test_servers::RedisServer;

use crate::shop::{LEASE, Ledger, Scene, Wish, buy, server};

/// How often clients called scripts, which is all they do, but for pings.
fn calls(server: &RedisServer) -> u64 {
    sent(server, "evalsha") + sent(server, "ping")
}

fn sent(server: &RedisServer, command: &str) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let command = format!("cmdstat_{command}:");
    let line = stats.lines().find_map(|line| line.strip_prefix(&command));
    let calls = line.and_then(|line| line.strip_prefix("calls=")?.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}

/// What the hosts of one process share whose sagas are spread.
fn partitioned(server: &RedisServer, partitions: usize) -> Distributed {
    let journal = RedisJournal::builder(server.url()).lease(LEASE).partitions(partitions);
    Distributed::default().redis_with(journal)
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b3_an_idle_process_sends_one_pulse_whatever_the_number_of_its_tasks() {
    let (server, _) = server();
    // The default lease, which is renewed once a second.
    let shared = Distributed::default().redis(server.url());
    let ledger = Ledger::open();
    let mut hosts = Vec::new();
    for name in ["one", "two", "three"] {
        hosts.push(buy(&ledger, name, &shared).build().await.expect("it is built"));
    }
    let saga = hosts[0].submit(Wish::of("tea")).await.expect("it is accepted");
    saga.outcome().await.expect("it ends");
    // Their beats have met by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = calls(&server);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let sent = calls(&server) - before;
    assert!((3..=10).contains(&sent), "{sent} commands in five seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b2_with_presence_an_idle_process_pulses_less_than_twice_a_second() {
    let (server, _) = server();
    let shared = Distributed::default().redis_with(RedisJournal::builder(server.url()).presence());
    let host = buy(&Ledger::open(), "host", &shared).build().await.expect("it is built");
    let saga = host.submit(Wish::of("tea")).await.expect("it is accepted");
    saga.outcome().await.expect("it ends");
    // It has claimed once more by then, and found nothing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = sent(&server, "evalsha");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pulses = sent(&server, "evalsha") - before;
    assert!((6..10).contains(&pulses), "{pulses} pulses in five seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_leaves_finishes_its_step_and_gives_the_rest_to_another() {
    let scene = Scene::new(Ledger::closed()).await;
    let leaving = scene.host("leaving").grace(Duration::from_secs(10));
    let leaving = leaving.build_worker().await.expect("it is built");
    let running = scene.tea().await;
    scene.ledger.until("ship tea at leaving").await;
    let shutdown = tokio::spawn(async move { leaving.shutdown(Duration::from_secs(20)).await });
    // Nothing new is taken.
    let waiting = scene.api.submit(Wish::of("salt")).await.expect("it is accepted");
    scene.ledger.gate.add_permits(2);
    assert!(shutdown.await.expect("it ends").in_time);
    let outcome = running.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    let _heir = scene.worker("heir").await;
    let outcome = waiting.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    let wanted = [
        "reserve tea at leaving",
        "ship tea at leaving",
        "reserve salt at heir",
        "ship salt at heir",
    ];
    assert_eq!(scene.ledger.entries(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_what_is_kept_is_left_when_everybody_is_gone() {
    let (server, here) = server();
    let ledger = Ledger::open();
    let host = buy(&ledger, "host", &here).build().await.expect("it is built");
    for wish in [Wish::of("tea"), Wish::refused("salt")] {
        host.submit(wish).await.expect("it is accepted").outcome().await.expect("it ends");
    }
    assert!(host.shutdown(Duration::from_secs(5)).await.in_time);
    drop((host, here));
    let left = server.cli(&["KEYS", "*"]);
    let names = left.lines().map(|key| key.rsplit_once("}:").map_or(key, |(_, name)| name));
    let mut names: Vec<&str> = names.map(|name| name.split(':').next().unwrap_or(name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["d", "defs", "fence", "meta"], "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_goes_when_its_retention_ends() {
    let (server, _) = server();
    let retain = Duration::from_secs(1);
    let journal = RedisJournal::builder(server.url()).lease(retain).retain(retain);
    let shared = Distributed::default().redis_with(journal);
    let ledger = Ledger::open();
    let host = buy(&ledger, "host", &shared).build().await.expect("it is built");
    let buckets = || server.cli(&["KEYS", "*}:d:*"]).lines().count();
    host.submit(Wish::of("tea")).await.expect("it is accepted").outcome().await.expect("it ends");
    assert_eq!(buckets(), 1);
    let gone = async {
        while buckets() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("it is dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_are_spread_over_partitions() {
    let (server, _) = server();
    let partitioned = || partitioned(&server, 3);
    let ledger = Ledger::open();
    let api = buy(&ledger, "api", &partitioned()).build_api().await.expect("it is built");
    let _workers = [
        buy(&ledger, "a", &partitioned()).build_worker().await.expect("it is built"),
        buy(&ledger, "b", &partitioned()).build_worker().await.expect("it is built"),
    ];
    let mut sagas = Vec::new();
    for n in 0..60 {
        let wish = if n % 3 == 0 { Wish::refused("salt") } else { Wish::of("tea") };
        sagas.push(api.submit(wish).await.expect("it is accepted"));
    }
    let mut ids = Vec::new();
    for saga in &sagas {
        saga.outcome().await.expect("it ends");
        ids.push(saga.id());
    }
    for partition in 0..3 {
        let kept = server.cli(&["KEYS", &format!("*:{partition}}}:d:*")]);
        assert!(!kept.is_empty(), "partition {partition} has nothing");
    }
    let mut list = api.operator("alice").list(distributed_task::SagaFilter::all());
    let mut listed = Vec::new();
    while let Some(row) = list.next().await {
        listed.push(row.expect("it answers").id);
    }
    ids.sort_unstable();
    assert_eq!(listed, ids);
    let audited = api.operator("alice").audit().await.expect("it answers");
    assert_eq!(audited.mended.len(), 0, "{audited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_kept_with_its_history_or_with_its_result_only() {
    for result_only in [false, true] {
        let (server, _) = server();
        let mut journal = RedisJournal::builder(server.url());
        if result_only {
            journal = journal.result_only();
        }
        let shared = Distributed::default().redis_with(journal);
        let ledger = Ledger::open();
        let host = buy(&ledger, "host", &shared).build().await.expect("it is built");
        let id = host.submit(Wish::of("tea")).await.expect("it is accepted").id();
        let saga = host.handle(id).await.expect("it is found");
        saga.outcome().await.expect("it ends");

        let later = buy(&ledger, "later", &shared).build_api().await.expect("it is built");
        let saga = later.handle(id).await.expect("it is found");
        let outcome = saga.outcome().await.expect("it ended");
        assert!(matches!(outcome, SagaOutcome::Completed(tea) if tea == "tea, shipped"));
        assert_eq!(saga.status().await.expect("it answers"), SagaStatus::Completed);
        let bucket = server.cli(&["KEYS", "*}:d:*"]);
        let kept = server.cli(&["HGETALL", &bucket]);
        assert!(kept.contains("\"tea, shipped\""), "its result is there: {kept}");
        // Beside the request, which stays.
        let first_output = kept.matches("\"tea\"").count() - 1;
        assert_eq!(first_output, usize::from(!result_only), "{kept}");
        let happened = saga.history().await.expect("it answers").len();
        let (mut events, mut told) = (saga.events(), 0);
        let all = async {
            while events.next().await.is_some() {
                told += 1;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("they end");
        assert_eq!(told, happened);
    }
}

/// A host that is busy asks again and again whether it should take another saga, and takes one now and then.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_worker_serves_every_partition() {
    let (server, _) = server();
    let partitioned = || partitioned(&server, 4);
    let ledger = Ledger::closed();
    let api = buy(&ledger, "api", &partitioned()).build_api().await.expect("it is built");
    for _ in 0..100 {
        api.submit(Wish::of("tea")).await.expect("it is accepted");
    }
    let worker = buy(&ledger, "worker", &partitioned()).concurrency(1).build_worker();
    let _worker = worker.await.expect("it is built");
    ledger.gate.add_permits(30);
    let shipped = async {
        while ledger.entries().len() < 60 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shipped).await.expect("thirty are shipped");
    for partition in 0..4 {
        let ended = server.cli(&["KEYS", &format!("*:{partition}}}:d:*")]);
        assert!(!ended.is_empty(), "nothing of partition {partition} has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_wait_for_room_one_looks() {
    let (server, _) = server();
    let shared = Distributed::default().redis_with(RedisJournal::builder(server.url()).capacity(4));
    let ledger = Ledger::open();
    let api = buy(&ledger, "api", &shared).build_api().await.expect("it is built");
    let submits = futures_util::future::join_all((0..54).map(|_| api.submit(Wish::of("tea"))));
    let submits = async { submits.await.into_iter().filter(Result::is_ok).count() };
    let seen = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let looks = sent(&server, "llen");
        let worker = buy(&ledger, "worker", &shared).build_worker().await.expect("it is built");
        (looks, worker)
    };
    let limit = Duration::from_secs(60);
    let both = tokio::time::timeout(limit, futures_util::future::join(submits, seen)).await;
    let (accepted, (looks, _worker)) = both.expect("there is room in time");
    assert!((5..=30).contains(&looks), "{looks} looks in a second");
    assert_eq!(accepted, 54);
}
