//! A server that stands still, and hosts that die with what they started themselves.

use std::time::Duration;

use distributed_task::{SagaOutcome, backend::redis::RedisJournal, builder::Distributed};
use distributed_task_test_servers::RedisServer;
use tokio::time::{sleep, timeout};

use crate::shop::{LEASE, Ledger, Wish, buy, server, shared};

/// Nobody was dead: what runs goes on, and what has ended meanwhile is written.
#[tokio::test(flavor = "multi_thread")]
async fn schedule_b17_a_server_that_stands_still_for_longer_than_a_lease_costs_nobody_its_step() {
    let (server, here) = server();
    let ledger = Ledger::closed();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    let _workers = [
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built"),
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built"),
    ];
    let goes_on = api.submit(Wish::of("tea")).await.expect("it is accepted");
    let ends = api.submit(Wish::of("salt")).await.expect("it is accepted");
    ledger.until("ship tea at worker").await;
    ledger.until("ship salt at worker").await;

    server.pause();
    // One of the two ends in between.
    ledger.gate.add_permits(1);
    sleep(LEASE * 5 / 2).await;
    server.resume();
    let first = async {
        tokio::select! {
            outcome = goes_on.outcome() => outcome,
            outcome = ends.outcome() => outcome,
        }
    };
    let outcome = timeout(Duration::from_secs(10), first).await.expect("in time");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(_))), "{outcome:?}");
    ledger.gate.add_permits(1);
    for saga in [goes_on, ends] {
        let outcome = saga.outcome().await.expect("it ends");
        assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    }
    let shipped = ledger.entries().iter().filter(|entry| entry.starts_with("ship")).count();
    assert_eq!(shipped, 2, "nothing was done twice: {:?}", ledger.entries());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_waits_for_work_owns_what_it_starts() {
    let (server, here) = server();
    let ledger = Ledger::open();
    let host = buy(&ledger, "host", &here).build().await.expect("it is built");
    let tickets = || {
        let stats = server.cli(&["INFO", "commandstats"]);
        stats.lines().find(|line| line.starts_with("cmdstat_rpush")).map(str::to_owned)
    };
    // It has to hear first that there is nothing to do.
    let without_ticket = async {
        loop {
            let before = tickets();
            let saga = host.submit(Wish::of("tea")).await.expect("it is accepted");
            saga.outcome().await.expect("it ends");
            if tickets() == before {
                break;
            }
        }
    };
    timeout(Duration::from_secs(10), without_ticket).await.expect("it waits for work");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_host_started_itself_goes_on_elsewhere() {
    let (server, _) = server();
    let ledger = Ledger::closed();
    let lost = tokio::runtime::Runtime::new().expect("it can be made");
    let there = shared(&server);
    let started = lost.spawn({
        let ledger = ledger.clone();
        async move {
            let host = buy(&ledger, "lost", &there).build().await.expect("it is built");
            let saga = host.submit(Wish::of("tea")).await.expect("it is accepted");
            (saga.id(), host)
        }
    });
    let (id, doomed) = started.await.expect("it is built");
    ledger.until("ship tea at lost").await;
    lost.shutdown_background();
    ledger.gate.add_permits(100);
    let heir = buy(&ledger, "heir", &shared(&server)).build().await.expect("it is built");
    let outcome = heir.handle(id).await.expect("it is found").outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    assert!(ledger.entries().contains(&"ship tea at heir".to_owned()), "{:?}", ledger.entries());
    drop(doomed);
}

/// A lease that is over later than somebody is missed.
const LONG: Duration = Duration::from_secs(4);

/// Hosts that miss each other sooner than their lease is over, if they are to.
fn with_long_lease(server: &RedisServer, presence: bool) -> Distributed {
    let journal = RedisJournal::builder(server.url()).lease(LONG);
    let journal = if presence { journal.presence() } else { journal };
    Distributed::default().redis_with(journal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_connected_any_more_is_missed_at_once_if_that_is_asked_for() {
    for presence in [true, false] {
        let (server, _) = server();
        let ledger = Ledger::closed();
        let lost = tokio::runtime::Runtime::new().expect("it can be made");
        let there = with_long_lease(&server, presence);
        let doomed = lost.spawn({
            let ledger = ledger.clone();
            async move { buy(&ledger, "lost", &there).build_worker().await.expect("it is built") }
        });
        let doomed = doomed.await.expect("it is built");
        let here = with_long_lease(&server, presence);
        let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
        let saga = api.submit(Wish::of("tea")).await.expect("it is accepted");
        ledger.until("ship tea at lost").await;
        let heir = with_long_lease(&server, presence);
        let heir = buy(&ledger, "heir", &heir).build_worker().await.expect("it is built");
        // Nobody judges others who has not been connected for a lease.
        sleep(if presence { LONG } else { Duration::ZERO }).await;
        lost.shutdown_background();
        ledger.gate.add_permits(100);
        let outcome = timeout(LONG * 3 / 4, saga.outcome()).await;
        assert_eq!(outcome.is_ok(), presence, "{:?}", ledger.entries());
        drop((doomed, heir));
    }
}

/// What a fail-over does, or an operator: nobody listens, and nobody is dead.
#[tokio::test(flavor = "multi_thread")]
async fn schedule_b2_when_all_lose_their_messages_nobody_is_missed() {
    let (server, _) = server();
    let ledger = Ledger::closed();
    let shared = || with_long_lease(&server, true);
    let api = buy(&ledger, "api", &shared()).build_api().await.expect("it is built");
    let _workers = [
        buy(&ledger, "worker", &shared()).build_worker().await.expect("it is built"),
        buy(&ledger, "worker", &shared()).build_worker().await.expect("it is built"),
    ];
    sleep(LONG).await;
    let saga = api.submit(Wish::of("tea")).await.expect("it is accepted");
    ledger.until("ship tea at worker").await;
    for _ in 0..3 {
        server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        sleep(Duration::from_millis(300)).await;
    }
    ledger.gate.add_permits(1);
    let outcome = timeout(LONG, saga.outcome()).await.expect("in time").expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    let shipped = ledger.entries().iter().filter(|entry| entry.starts_with("ship")).count();
    assert_eq!(shipped, 1, "{:?}", ledger.entries());
}
