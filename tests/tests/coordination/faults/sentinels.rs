//! Sentinels that make another server the primary while somebody has a lease.

use std::time::Duration;

use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{Coordination, LossCause, OnUnreachable, ReleaseOutcome},
    lease::Safety,
};
use distributed_task_test_servers::{Appends, RedisOptions, Sentinels, wait_until};
use tokio::time::timeout;

use super::site::{KEY, PATIENT, wanted};
use crate::history::{Finding, History};

fn sentinels() -> Sentinels {
    Sentinels::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

async fn process(sentinels: &Sentinels) -> Coordination {
    let leases = RedisLeases::builder(sentinels.url());
    Coordination::open(leases.open()).await.expect("they name the primary")
}

/// The lease is longer than a fail-over takes, and the replica knows of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_holder_outlives_a_fail_over() {
    let lease = Duration::from_secs(30);
    let (mut sentinels, history) = (sentinels(), History::new());
    let (one, two) = (process(&sentinels).await, process(&sentinels).await);
    let held = history.take(&wanted(&one, lease, PATIENT).renew_every(lease / 100)).await;
    assert_eq!(held.guard.safety(), Safety::Replicas);
    wait_until("the replica knows", || sentinels.replica().cli(&["EXISTS", KEY]) == "1");
    let (first, next) = (sentinels.primary_port(), wanted(&two, lease, PATIENT));
    let waiting = {
        let history = history.clone();
        tokio::spawn(async move { history.acquire(&next).await })
    };
    sentinels.kill_primary();
    sentinels.wait_for_another(first);
    held.renewed().await;
    held.renewed().await;
    let fence = held.fence();
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    let next = timeout(lease / 3, waiting).await.expect("it is told").expect("nothing panics");
    assert!(fence < next.fence());
    next.release().await;
    assert_eq!(history.findings(), [] as [Finding; 0], "{history}");
}

/// The lease is shorter: its holder stops in time, and whoever waits gets it from the new primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_a_fail_over_takes_too_long_for_stops_in_time() {
    let lease = Duration::from_millis(900);
    let (mut sentinels, history) = (sentinels(), History::new());
    let (one, two) = (process(&sentinels).await, process(&sentinels).await);
    let held = history.take(&wanted(&one, lease, OnUnreachable::LoseAtOnce)).await;
    held.renewed().await;
    wait_until("the replica knows", || sentinels.replica().cli(&["EXISTS", KEY]) == "1");
    let (first, next) = (sentinels.primary_port(), wanted(&two, lease, PATIENT));
    sentinels.kill_primary();
    let lost = timeout(lease, held.watch()).await.expect("before its time is over");
    assert_eq!(lost.cause, LossCause::Unreachable);
    // Nobody answers until there is a primary.
    let acquiring = history.acquire(&next);
    let next = timeout(Duration::from_secs(30), acquiring).await.expect("there is one soon");
    assert_ne!(sentinels.primary_port(), first);
    assert!(held.fence() < next.fence());
    next.renewed().await;
    held.check().expect_err("it was lost");
    held.release().await;
    next.renewed().await;
    next.release().await;
    assert_eq!(history.findings(), [] as [Finding; 0], "{history}");
}
