//! API hosts begin, workers leave and die, and their saga goes on with its lease.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    SubmitError,
    backend::memory::MemoryJournal,
    builder::TaskBuilder,
    coordination::Coordination,
    lease::Owner,
    prelude::*,
    testing::{EffectLedger, TestHost, crash_matrix},
};
use tokio::{
    runtime,
    time::{Instant, sleep},
};

use crate::world::{Desk, InMemory, LEASE, completes, refused_for};

#[tokio::test(start_paused = true)]
async fn a_saga_that_waits_for_its_turn_is_given_on_by_a_worker_that_leaves() {
    let memory = InMemory::new();
    let api = memory.process().build_api().await.expect("nothing is missing");
    let saga = api.submit(1).await.expect("nothing runs");
    // Nobody began it, and its lease has run out.
    sleep(Duration::from_secs(31)).await;
    let other = Coordination::on_this_runtime(memory.leases.clone());
    let other = other.lease(LEASE).acquire().await.expect("it is free");
    let worker = memory.process().build_worker().await.expect("nothing is missing");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(memory.desk.counts().0, 0);
    // A worker that leaves gives it to the next one.
    assert!(worker.shutdown(Duration::from_secs(5)).await.in_time);
    let _next = memory.process().build_worker().await.expect("nothing is missing");
    other.release().await;
    memory.desk.go_on();
    completes(&saga, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_is_followed_by_one_that_goes_on_at_once() {
    let memory = InMemory::new();
    let first = memory.task().await;
    let saga = first.submit(5).await.expect("nothing runs");
    memory.desk.begun().await;
    assert!(!first.shutdown(Duration::ZERO).await.in_time, "the step is interrupted");
    let begun = Instant::now();
    let second = memory.task().await;
    assert_eq!(refused_for(second.submit(6).await), Some(saga.id()), "nobody slips in between");
    memory.desk.begun().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "it goes on with the tenure of its saga");
    memory.desk.go_on();
    completes(&second.handle(saga.id()).await.expect("it is there"), 10).await;
}

/// A host that dies: its runtime ends, with all that it does.
#[test]
fn a_worker_that_dies_is_followed_by_another_that_goes_on_with_the_same_saga() {
    const SEAT: Duration = Duration::from_millis(500);
    let runtime = || {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("the machine has room for it")
    };
    let (dies, lives) = (runtime(), runtime());
    let memory = InMemory {
        journal: Arc::new(MemoryJournal::builder().lease(SEAT).build()),
        ..InMemory::new()
    };
    let saga = dies.block_on(async {
        let task = memory.task().await;
        let saga = task.submit(6).await.expect("nothing runs").id();
        memory.desk.begun().await;
        // Nobody drops it in good order.
        std::mem::forget(task);
        saga
    });
    dies.shutdown_background();
    lives.block_on(async {
        let task = memory.task().await;
        // A control: the lease is left, and would last longer than this takes.
        assert_eq!(refused_for(task.submit(7).await), Some(saga), "nobody slips in between");
        let begun = Instant::now();
        memory.desk.begun().await;
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait for it to run out");
        memory.desk.go_on();
        completes(&task.handle(saga).await.expect("it is there"), 12).await;
    });
    assert_eq!(memory.desk.counts().0, 2, "begun by both");
}

/// Begins where the request arrives.
#[distributed_task(request = u32, response = u32, singleton = "report")]
struct Upload {
    desk: Desk,
}

#[steps]
impl Upload {
    #[step(host = "api", read_only)]
    async fn receive(&self, request: &u32) -> StepResult<u32> {
        let _gathers = self.desk.gathers();
        self.desk.note_owner().await;
        self.desk.told_to_go_on().await;
        Ok(*request)
    }

    #[step(read_only)]
    async fn store(&self, receive: &u32) -> StepResult<u32> {
        self.desk.note_owner().await;
        Ok(2 * receive)
    }
}

#[tokio::test(start_paused = true)]
async fn steps_of_the_api_host_run_under_it_as_well() {
    let memory = InMemory::new();
    let build = || {
        TaskBuilder::new(Upload { desk: memory.desk.clone() })
            .override_journal(Arc::clone(&memory.journal))
            .override_lock(Coordination::on_this_runtime(memory.leases.clone()))
    };
    let api = build().build_api().await.expect("nothing is missing");
    let _worker = build().build_worker().await.expect("nothing is missing");
    let beside = async {
        memory.desk.begun().await;
        let refused = api.submit(2).await;
        assert!(matches!(refused, Err(SubmitError::AlreadyRunning { saga: Some(_), .. })));
        // Of another task, under the same name.
        assert!(refused_for(memory.task().await.submit(3).await).is_some());
        memory.desk.go_on();
    };
    let (saga, ()) = tokio::join!(api.submit(1), beside);
    let saga = saga.expect("nothing runs");
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(2))));
    let owner = Some(Owner::from(format!("saga:{}", saga.id())));
    assert_eq!(memory.desk.owners(), [owner.clone(), owner]);
}

/// Two steps, of which one is undone.
#[distributed_task(request = u32, response = u32, singleton = "nightly")]
struct Nightly;

#[steps]
impl Nightly {
    #[step(compensate = empty)]
    async fn fill(&self, request: &u32) -> StepResult<u32> {
        Ok(*request)
    }

    async fn empty(&self) -> StepResult<()> {
        Ok(())
    }

    #[step(read_only)]
    async fn count(&self, fill: &u32) -> StepResult<u32> {
        Ok(2 * fill)
    }
}

fn nightly(_: EffectLedger) -> TaskBuilder<Nightly> {
    TaskBuilder::new(Nightly)
}

#[tokio::test]
async fn a_singleton_survives_a_crash_around_each_of_its_writes() {
    crash_matrix::<Nightly>(3).task(nightly).unheard("fill").check().await;
    let test = TestHost::new(nightly);
    assert!(matches!(test.run(4).await, Ok(SagaOutcome::Completed(8))));
    assert!(matches!(test.run(5).await, Ok(SagaOutcome::Completed(10))));
}
