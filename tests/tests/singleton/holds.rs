//! `hold_at_least`: how long others are kept from starting by a saga that was over sooner.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    SubmitError, TaskSteps,
    backend::{memory::MemoryJournal, quorum::QuorumLeases, redis::RedisLeases},
    builder::{Distributed, TaskBuilder},
    coordination::Coordination,
    kernel::SagaId,
    lease::LeaseStore as _,
    prelude::*,
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::{
    runtime,
    time::{Instant, sleep, timeout},
};

use crate::world::{Desk, InMemory, LEASE, PATIENCE, UNLUCKY};

/// As the tasks say it. The first is longer than the lease of a saga that nobody runs, the other one shorter.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(2);
const MOMENT: Duration = Duration::from_millis(1);

macro_rules! digest {
    ($task:ident, $name:literal, $hold:literal) => {
        #[distributed_task(request = u32, singleton = $name, hold_at_least = $hold, cancellable)]
        struct $task {
            desk: Desk,
        }

        #[steps]
        impl $task {
            #[step(read_only, timeout = "1h", retry(max = 0))]
            async fn gather(&self, request: &u32) -> StepResult<()> {
                let _gathers = self.desk.gathers();
                self.desk.told_to_go_on().await;
                match *request {
                    UNLUCKY => Err(StepError::refuse(Refusal::new("unlucky", "nobody reads it"))),
                    _ => Ok(()),
                }
            }
        }
    };
}

digest!(Digest, "report", "10m");
digest!(Brief, "brief", "2s");

fn digest(desk: &Desk) -> TaskBuilder<Digest> {
    TaskBuilder::new(Digest { desk: desk.clone() })
}

fn brief(desk: &Desk) -> TaskBuilder<Brief> {
    TaskBuilder::new(Brief { desk: desk.clone() })
}

/// Over the stores of a test.
fn on<T: TaskSteps>(memory: &InMemory, task: TaskBuilder<T>) -> TaskBuilder<T> {
    task.override_journal(Arc::clone(&memory.journal))
        .override_lock(Coordination::on_this_runtime(memory.leases.clone()))
}

async fn built<T: TaskSteps>(task: TaskBuilder<T>) -> Task<T> {
    task.build().await.expect("nothing is missing")
}

async fn ends<T: TaskSteps>(saga: &SagaHandle<T>) -> SagaOutcome<T> {
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
    outcome.expect("it is over")
}

/// Starts one that is over at once.
async fn short_one<T: TaskSteps<Request = u32>>(desk: &Desk, task: &Task<T>) -> SagaId {
    desk.go_on();
    let saga = task.submit(1).await.expect("nothing runs");
    ends(&saga).await;
    saga.id()
}

/// Nobody starts another one until that long after `begun`, and then somebody does.
async fn is_held<T: TaskSteps<Request = u32>>(
    task: &Task<T>,
    saga: SagaId,
    begun: Instant,
    hold: Duration,
) {
    for at in [MOMENT, hold / 2, hold - MOMENT] {
        sleep((begun + at).duration_since(Instant::now())).await;
        match task.submit(2).await {
            Err(error @ SubmitError::AlreadyRunning { saga: other, .. }) => {
                assert_eq!(other, Some(saga));
                assert!(error.to_string().contains("runs or ran a moment ago"), "{error}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{at:?} after the beginning it is held"),
        }
    }
    sleep((begun + hold + MOMENT).duration_since(Instant::now())).await;
    task.submit(2).await.expect("its hold is over");
}

#[tokio::test(start_paused = true)]
async fn o6_a_short_saga_keeps_others_from_starting_for_as_long_as_its_task_says() {
    let memory = InMemory::new();
    let task = built(on(&memory, digest(&memory.desk))).await;
    let begun = Instant::now();
    let saga = short_one(&memory.desk, &task).await;
    is_held(&task, saga, begun, LONG).await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_is_shorter_than_the_lease_is_over_when_it_says() {
    let memory = InMemory::new();
    let task = built(on(&memory, brief(&memory.desk))).await;
    let begun = Instant::now();
    let saga = short_one(&memory.desk, &task).await;
    is_held(&task, saga, begun, SHORT).await;
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_takes_longer_than_its_hold_is_free_at_once() {
    let memory = InMemory::new();
    let task = built(on(&memory, digest(&memory.desk))).await;
    let saga = task.submit(1).await.expect("nothing runs");
    memory.desk.begun().await;
    sleep(LONG + MOMENT).await;
    assert!(memory.desk.owner().await.is_some(), "it is not free while it runs");
    memory.desk.go_on();
    ends(&saga).await;
    sleep(MOMENT).await;
    assert_eq!(memory.desk.owner().await, None, "also for those who look into no journal");
    task.submit(2).await.expect("its hold is over");
}

#[tokio::test(start_paused = true)]
async fn a_hold_outlives_the_host_and_those_who_look_into_no_journal_respect_it() {
    let memory = InMemory::new();
    let first = built(on(&memory, digest(&memory.desk))).await;
    let begun = Instant::now();
    let saga = short_one(&memory.desk, &first).await;
    assert!(first.shutdown(PATIENCE).await.in_time);
    drop(first);
    sleep(LONG / 2).await;
    let job = Coordination::on_this_runtime(memory.leases.clone()).singleton("report");
    let run = job.run(async |_| ()).await.expect("memory answers");
    assert!(matches!(run, distributed_task::coordination::SingletonRun::Skipped(_)), "{run:?}");
    is_held(&built(on(&memory, digest(&memory.desk))).await, saga, begun, LONG).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_begins_when_the_hold_is_over() {
    let memory = InMemory::new();
    let task = built(on(&memory, digest(&memory.desk)).wait_for_turn(2 * LONG)).await;
    let begun = Instant::now();
    short_one(&memory.desk, &task).await;
    task.submit(2).await.expect("it waits for longer");
    let waited = begun.elapsed();
    assert!(LONG <= waited && waited < LONG + Duration::from_secs(2), "{waited:?}");
}

/// However it ends: that it was accepted counts.
#[tokio::test(start_paused = true)]
async fn a_saga_that_was_refused_or_cancelled_or_never_begun_holds_as_well() {
    let memory = InMemory::new();
    let task = built(on(&memory, digest(&memory.desk))).await;
    memory.desk.go_on();
    let begun = Instant::now();
    let refused = task.submit(UNLUCKY).await.expect("nothing runs");
    assert!(matches!(ends(&refused).await, SagaOutcome::Compensated { .. }));
    is_held(&task, refused.id(), begun, LONG).await;

    let memory = InMemory::new();
    let task = built(on(&memory, digest(&memory.desk))).await;
    let begun = Instant::now();
    let cancelled = task.submit(1).await.expect("nothing runs");
    memory.desk.begun().await;
    cancelled.cancel().await.expect("it is not over");
    ends(&cancelled).await;
    is_held(&task, cancelled.id(), begun, LONG).await;

    // Nobody works.
    let memory = InMemory::new();
    let api = on(&memory, digest(&memory.desk)).build_api().await.expect("nothing is missing");
    let begun = Instant::now();
    let waits = api.submit(1).await.expect("nothing runs");
    is_held(&api, waits.id(), begun, LONG).await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_service_that_has_no_lease_as_long_holds_while_the_host_lives() {
    let memory = InMemory::new();
    let nodes = QuorumLeases::builder().node(memory.leases.clone()).max_lease(LONG / 2);
    let leases = nodes.open().await.expect("one is a quorum");
    let lock = Coordination::on_this_runtime(leases);
    let task = built(on(&memory, digest(&memory.desk)).override_lock(lock)).await;
    let begun = Instant::now();
    let saga = short_one(&memory.desk, &task).await;
    is_held(&task, saga, begun, LONG).await;
}

/// Nobody works, so there is no room for a second one, and who wanted it does not wait.
#[tokio::test(start_paused = true)]
async fn a_start_of_which_nothing_was_written_keeps_others_out_for_the_lease_of_one_only() {
    let memory = InMemory {
        journal: Arc::new(MemoryJournal::builder().capacity(1).build()),
        ..InMemory::new()
    };
    let api = on(&memory, digest(&memory.desk)).build_api().await.expect("nothing is missing");
    api.submit(1).await.expect("there is room for one");
    sleep(LONG + MOMENT).await;
    let second = timeout(SHORT, api.submit_with_key("tonight", 2)).await;
    assert!(second.is_err(), "it waits for room");
    assert!(memory.desk.owner().await.is_some(), "it had its turn");
    sleep(Duration::from_secs(31)).await;
    assert_eq!(memory.desk.owner().await, None);
}

/// Another one is over and held, and this one was accepted before.
#[tokio::test(start_paused = true)]
async fn who_was_accepted_waits_for_no_hold() {
    let memory = InMemory::new();
    let api = on(&memory, digest(&memory.desk)).build_api().await.expect("nothing is missing");
    let first = api.submit(1).await.expect("nothing runs");
    sleep(LONG + MOMENT).await;
    let second = api.submit(2).await.expect("the hold of the first is over, and nobody runs it");
    memory.desk.go_on();
    memory.desk.go_on();
    let worker =
        on(&memory, digest(&memory.desk)).build_worker().await.expect("nothing is missing");
    let begun = Instant::now();
    ends(&first).await;
    ends(&second).await;
    assert!(begun.elapsed() < SHORT * 5, "{:?}", begun.elapsed());
    drop(worker);
}

/// Its host dies in the steps that come before the answer.
#[distributed_task(request = u32, singleton = "report", hold_at_least = "10m")]
struct Upload {
    desk: Desk,
}

#[steps]
impl Upload {
    #[step(host = "api", read_only)]
    async fn receive(&self) -> StepResult<()> {
        let _gathers = self.desk.gathers();
        self.desk.told_to_go_on().await;
        Ok(())
    }
}

#[test]
fn a_start_that_was_not_accepted_holds_nobody_up() {
    let runtime = || {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("the machine has room for it")
    };
    let (dies, lives) = (runtime(), runtime());
    let seat = Duration::from_millis(500);
    let memory = InMemory {
        journal: Arc::new(MemoryJournal::builder().lease(seat).build()),
        ..InMemory::new()
    };
    let upload = || on(&memory, TaskBuilder::new(Upload { desk: memory.desk.clone() }));
    dies.block_on(async {
        let task = Arc::new(built(upload()).await);
        let submitting = Arc::clone(&task);
        tokio::spawn(async move { submitting.submit(1).await.map(drop) });
        memory.desk.begun().await;
        // Nobody drops it in good order.
        std::mem::forget(task);
    });
    dies.shutdown_timeout(PATIENCE);
    lives.block_on(async {
        let task = built(upload().wait_for_turn(PATIENCE)).await;
        memory.desk.go_on();
        let next = task.submit(2).await.expect("the other one is undone, and holds nothing");
        ends(&next).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o6_a_hold_over_redis() {
    let options = RedisOptions { appends: Appends::No, ..Default::default() };
    let server = RedisServer::start(options);
    let leases = RedisLeases::builder(server.url()).open().await.expect("the server is there");
    let desk = Desk::new(leases.clone());
    let over_redis = |with: Distributed| with.redis(server.url());

    let briefs = brief(&desk).use_distributed_mode(over_redis).wait_for_turn(PATIENCE);
    let briefs = built(briefs).await;
    let begun = Instant::now();
    short_one(&desk, &briefs).await;
    short_one(&desk, &briefs).await;
    assert!(begun.elapsed() > SHORT * 9 / 10, "{:?}", begun.elapsed());

    let first = built(digest(&desk).use_distributed_mode(over_redis)).await;
    let saga = short_one(&desk, &first).await;
    first.shutdown(PATIENCE).await;
    drop(first);
    let tenure = leases.inspect(LEASE).await.expect("it answers").expect("it is held");
    assert!(tenure.expires_in > Some(LONG - PATIENCE), "{tenure:?}");
    let second = built(digest(&desk).use_distributed_mode(over_redis)).await;
    let refused = second.submit(2).await.map(drop);
    assert!(
        matches!(refused, Err(SubmitError::AlreadyRunning { saga: other, .. }) if other == Some(saga)),
        "{refused:?}"
    );
}
