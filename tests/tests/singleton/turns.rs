//! What runs, runs while its saga has the lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    SagaEventKind, SubmitError,
    coordination::Coordination,
    lease::{LeaseStore as _, Owner},
    prelude::*,
};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::{
    line::Line,
    world::{InMemory, LEASE, UNLUCKY, completes, outcome, refused_for},
};

#[tokio::test(start_paused = true)]
async fn steps_and_undos_run_under_the_lease_of_their_saga() {
    let memory = InMemory::new();
    let task = memory.task().await;
    memory.desk.go_on();
    let saga = task.submit(UNLUCKY).await.expect("nothing runs");
    assert!(matches!(outcome(&saga).await, SagaOutcome::Compensated { .. }));
    let owners = memory.desk.owners();
    let owner = Some(Owner::from(format!("saga:{}", saga.id())));
    assert_eq!(owners, [owner.clone(), owner], "in the step, and in its undo");
    // It is given back in the background.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(memory.desk.owner().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_in_a_step_drops_it_and_the_saga_goes_on_when_it_has_it_again() {
    let memory = InMemory::new();
    let task = memory.task().await;
    let saga = task.submit(4).await.expect("nothing runs");
    memory.desk.begun().await;

    // An operator deletes it, and somebody else takes it.
    let ours = memory.desk.owner().await.expect("it runs");
    memory.leases.release(LEASE, &ours).await.expect("memory answers");
    let other = Coordination::on_this_runtime(memory.leases.clone());
    let other = other.lease(LEASE).acquire().await.expect("it is free");
    // The host finds out with its next renewal.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(memory.desk.now(), 0, "dropped where it waited");
    memory.desk.go_on();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(memory.desk.counts().0, 1, "nothing runs while somebody else has it");
    let done = |events: &[distributed_task::SagaEvent]| {
        events
            .iter()
            .filter(|event| matches!(event.kind, SagaEventKind::StepCompleted { .. }))
            .count()
    };
    assert_eq!(done(&saga.history().await.expect("it is there")), 0);

    other.release().await;
    completes(&saga, 8).await;
    assert_eq!(memory.desk.counts(), (2, 1), "the step began anew");
    assert_eq!(done(&saga.history().await.expect("it is there")), 2);
}

/// A host that held still for longer than the lease finds both at once: what has ended is written down.
#[tokio::test(start_paused = true)]
async fn what_has_ended_when_the_lease_is_found_lost_counts() {
    let memory = InMemory::new();
    let task = memory.task().await;
    let saga = task.submit(4).await.expect("nothing runs");
    memory.desk.begun().await;
    memory.desk.go_on();
    tokio::time::advance(Duration::from_secs(40)).await;
    completes(&saga, 8).await;
    assert_eq!(memory.desk.counts(), (1, 1), "it did not begin anew");
}

/// Who cannot ask starts nothing, says so in time, and holds up nobody for longer.
#[tokio::test(start_paused = true)]
async fn a_start_that_nobody_answers_is_refused_and_a_saga_waits_for_the_answer() {
    let memory = InMemory::new();
    let is_cut = Arc::new(AtomicBool::new(false));
    let lock = Coordination::on_this_runtime(Line::new(memory.leases.clone(), &is_cut));
    let cut = memory.process().override_lock(lock).build().await.expect("nothing is missing");
    let saga = cut.submit(4).await.expect("nothing runs");
    memory.desk.begun().await;
    is_cut.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let refused = cut.submit(5).await;
    assert!(matches!(refused, Err(SubmitError::Lock { .. })), "it is no answer");
    assert!(begun.elapsed() <= Duration::from_secs(11), "{:?}", begun.elapsed());

    // Meanwhile the lease of the first one is lost, and nothing of it runs.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(memory.desk.now(), 0, "dropped where it waited");
    is_cut.store(false, Ordering::SeqCst);
    memory.desk.go_on();
    completes(&saga, 8).await;
    // The one that was refused is not there, and keeps nobody from running.
    sleep(Duration::from_secs(31)).await;
    memory.desk.go_on();
    completes(&cut.submit(6).await.expect("nothing runs"), 12).await;
}

#[tokio::test(start_paused = true)]
async fn o6_two_that_were_accepted_run_one_after_the_other() {
    let memory = InMemory::new();
    let api = memory.process().build_api().await.expect("nothing is missing");
    let mut sagas = Vec::new();
    for n in 1..=4 {
        sagas.push(api.submit(n).await.expect("nothing runs"));
        assert_eq!(refused_for(api.submit(9).await), Some(sagas[n as usize - 1].id()));
        // Nobody begins it for so long.
        sleep(Duration::from_secs(31)).await;
    }
    let workers = [memory.process().build_worker(), memory.process().build_worker()];
    let _workers: Vec<_> = join_all(workers).await.into_iter().map(Result::unwrap).collect();
    for _ in &sagas {
        memory.desk.begun().await;
        sleep(Duration::from_secs(40)).await;
        memory.desk.go_on();
    }
    for (saga, n) in sagas.iter().zip(1..) {
        completes(saga, 2 * n).await;
    }
    assert_eq!(memory.desk.counts(), (4, 1));
}
