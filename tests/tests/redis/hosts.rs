//! API hosts and workers that share nothing but Redis.

use std::time::Duration;

use distributed_task::{SagaOutcome, SagaStatus};

use crate::shop::{Ledger, Scene, Wish};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_starts_another_one_does() {
    let scene = Scene::new(Ledger::open()).await;
    let worker = scene.worker("worker").await;

    let saga = scene.tea().await;
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(tea) if tea == "tea, shipped"));
    assert_eq!(scene.ledger.entries(), ["reserve tea at worker", "ship tea at worker"]);

    let saga = scene.api.submit(Wish::refused("salt")).await.expect("it is accepted");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert!(worker.shutdown(Duration::from_secs(5)).await.in_time);
    assert!(scene.api.shutdown(Duration::from_secs(5)).await.in_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_is_followed_and_cancelled_from_another_process() {
    let scene = Scene::new(Ledger::closed()).await;
    let _worker = scene.worker("worker").await;
    let other = scene.other_api().await;

    let id = scene.tea().await.id();
    scene.ledger.until("ship tea at worker").await;
    let saga = other.handle(id).await.expect("it is found");
    assert_eq!(saga.status().await.expect("it answers"), SagaStatus::Running);
    saga.cancel().await.expect("it goes back");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert!(scene.ledger.entries().contains(&"put back tea".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_with_what_a_lost_one_had() {
    let scene = Scene::new(Ledger::closed()).await;
    // A runtime of its own, which ends as a process does: without a word.
    let lost = tokio::runtime::Runtime::new().expect("it can be made");
    let doomed = lost.spawn(scene.host("lost").build_worker());
    let doomed = doomed.await.expect("nothing panics").expect("it is built");

    let saga = scene.tea().await;
    scene.ledger.until("ship tea at lost").await;
    lost.shutdown_background();
    scene.ledger.gate.add_permits(100);
    let worker = scene.worker("heir").await;
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "{outcome:?}");
    let entries = scene.ledger.entries();
    assert!(entries.contains(&"ship tea at heir".to_owned()), "{entries:?}");
    drop((doomed, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_end_are_seen_in_another_process_without_delay() {
    let scene = Scene::new(Ledger::closed()).await;
    let _worker = scene.worker("worker").await;
    let other = scene.other_api().await;

    let id = scene.tea().await.id();
    scene.ledger.until("ship tea at worker").await;
    let saga = other.handle(id).await.expect("it is found");
    let mut progress = saga.progress();
    let first = progress.next().await.expect("it is under way");
    assert_eq!(first.step.map(|step| step.name), Some("ship".into()));
    let begun = std::time::Instant::now();
    scene.ledger.gate.add_permits(1);
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
    let scene = Scene::new(Ledger::open()).await;
    let saga = scene.tea().await;
    let mut updates = saga.progress();
    assert!(updates.next().await.is_some_and(|now| now.status == SagaStatus::Running));

    let _worker = scene.worker("worker").await;
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
