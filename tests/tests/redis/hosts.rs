//! API hosts and workers that share nothing but Redis.

use std::time::Duration;

use distributed_task::{SagaOutcome, SagaStatus};

use crate::shop::{Ledger, Wish, buy, server, shared};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_starts_another_one_does() {
    let (server, here) = server();
    let ledger = Ledger::open();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    let worker =
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built");

    let saga = api.submit(Wish::of("tea")).await.expect("it is accepted");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(tea) if tea == "tea, shipped"));
    assert_eq!(ledger.entries(), ["reserve tea at worker", "ship tea at worker"]);

    let saga = api.submit(Wish::refused("salt")).await.expect("it is accepted");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert!(worker.shutdown(Duration::from_secs(5)).await.in_time);
    assert!(api.shutdown(Duration::from_secs(5)).await.in_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_is_followed_and_cancelled_from_another_process() {
    let (server, here) = server();
    let ledger = Ledger::closed();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    let _worker =
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built");
    let other = buy(&ledger, "other", &shared(&server)).build_api().await.expect("it is built");

    let id = api.submit(Wish::of("tea")).await.expect("it is accepted").id();
    ledger.until("ship tea at worker").await;
    let saga = other.saga(id).await.expect("it is found");
    assert_eq!(saga.status().await.expect("it answers"), SagaStatus::Running);
    saga.cancel().await.expect("it goes back");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert!(ledger.entries().contains(&"put back tea".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_with_what_a_lost_one_had() {
    let (server, here) = server();
    let ledger = Ledger::closed();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    // A runtime of its own, which ends as a process does: without a word.
    let lost = tokio::runtime::Runtime::new().expect("it can be made");
    let there = shared(&server);
    let doomed = lost.spawn({
        let ledger = ledger.clone();
        async move { buy(&ledger, "lost", &there).build_worker().await.expect("it is built") }
    });
    let doomed = doomed.await.expect("it is built");

    let saga = api.submit(Wish::of("tea")).await.expect("it is accepted");
    ledger.until("ship tea at lost").await;
    lost.shutdown_background();
    ledger.gate.add_permits(100);
    let worker = buy(&ledger, "heir", &shared(&server)).build_worker().await.expect("it is built");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    assert!(ledger.entries().contains(&"ship tea at heir".to_owned()), "{:?}", ledger.entries());
    drop((doomed, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_end_are_seen_in_another_process_without_delay() {
    let (server, here) = server();
    let ledger = Ledger::closed();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    let _worker =
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built");
    let other = buy(&ledger, "other", &shared(&server)).build_api().await.expect("it is built");

    let id = api.submit(Wish::of("tea")).await.expect("it is accepted").id();
    ledger.until("ship tea at worker").await;
    let saga = other.saga(id).await.expect("it is found");
    let mut progress = saga.progress();
    let first = progress.next().await.expect("it is under way");
    assert_eq!(first.step.map(|step| step.name), Some("ship".into()));
    let begun = std::time::Instant::now();
    ledger.gate.add_permits(1);
    let mut last = None;
    while let Some(now) = progress.next().await {
        last = Some(now.status);
    }
    assert_eq!(last, Some(SagaStatus::Completed));
    saga.outcome().await.expect("it ended");
    // After 5 s of silence it would have asked by itself.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// A process that has just come does not know who watches, and publishes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_the_end_also_when_the_worker_came_later() {
    let (server, here) = server();
    let ledger = Ledger::open();
    let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
    let saga = api.submit(Wish::of("tea")).await.expect("it is accepted");
    let mut updates = saga.progress();
    assert!(updates.next().await.is_some_and(|now| now.status == SagaStatus::Running));

    let _worker =
        buy(&ledger, "worker", &shared(&server)).build_worker().await.expect("it is built");
    let to_the_end = async {
        let mut last = None;
        while let Some(now) = updates.next().await {
            last = Some(now.status);
        }
        last
    };
    let last = tokio::time::timeout(Duration::from_secs(30), to_the_end).await;
    assert_eq!(last.expect("the stream ends"), Some(SagaStatus::Completed));
}
