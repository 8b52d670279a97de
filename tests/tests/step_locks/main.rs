//! Locks that steps take by `cx.lock()`: whose they are, and who shares them.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::{
        memory::{MemoryJournal, MemoryLeases},
        redis::{RedisJournal, RedisLeases},
    },
    builder::{Distributed, TaskBuilder},
    coordination::Coordination,
    lock::DistributedLock,
    prelude::*,
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::{sync::Semaphore, time::timeout};

const TTL: Duration = Duration::from_secs(30);
/// How long anything may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Locks what it is asked for, and says so; holds it until it may go on.
#[distributed_task(request = String, response = bool)]
struct Hold {
    held: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

#[steps]
impl Hold {
    #[step(compensate = release, retry(max = 0))]
    async fn hold(&self, cx: &StepContext, request: &str) -> StepResult<bool> {
        let Some(held) = cx.lock().try_acquire(request, TTL).await? else { return Ok(false) };
        assert_eq!(held.resource(), request);
        self.held.add_permits(1);
        let _go = held.run_if_held(self.go_on.acquire()).await??;
        held.release().await?;
        Ok(true)
    }

    async fn release(&self, cx: &UndoContext, request: &str) -> StepResult<()> {
        assert!(cx.lock().try_acquire(request, TTL).await?.is_some(), "an undo locks as well");
        Ok(())
    }
}

/// Tries once.
#[distributed_task(request = String, response = bool)]
struct Try;

#[steps]
impl Try {
    #[step(read_only, retry(max = 0))]
    async fn attempt(&self, cx: &StepContext, request: &str) -> StepResult<bool> {
        Ok(cx.lock().try_acquire(request, TTL).await?.is_some())
    }
}

struct World {
    held: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
    hold: Task<Hold>,
    attempt: Task<Try>,
}

impl World {
    async fn new(
        of_hold: impl FnOnce(TaskBuilder<Hold>) -> TaskBuilder<Hold>,
        of_try: impl FnOnce(TaskBuilder<Try>) -> TaskBuilder<Try>,
    ) -> Self {
        let (held, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let task = Hold { held: Arc::clone(&held), go_on: Arc::clone(&go_on) };
        let hold = of_hold(TaskBuilder::new(task)).build().await.expect("nothing is missing");
        let attempt = of_try(TaskBuilder::new(Try)).build().await.expect("nothing is missing");
        Self { held, go_on, hold, attempt }
    }

    async fn is_free(&self, resource: &str) -> bool {
        is_true(self.attempt.submit(resource.to_owned()).await.expect("it starts")).await
    }

    /// Whether a step that tries gets what a step of another task holds; and afterwards.
    async fn tries(&self) -> (bool, bool) {
        let holder = self.hold.submit("account:4711".to_owned()).await.expect("it starts");
        let held = timeout(PATIENCE, self.held.acquire()).await;
        held.expect("in time").expect("nobody closes it").forget();
        assert!(self.is_free("account:4712").await, "nobody has another one");
        let beside = self.is_free("account:4711").await;
        self.go_on.add_permits(1);
        assert!(is_true(holder).await);
        (beside, self.is_free("account:4711").await)
    }
}

async fn is_true<T: distributed_task::TaskSteps<Response = bool>>(saga: SagaHandle<T>) -> bool {
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
    match outcome {
        Ok(SagaOutcome::Completed(it_is)) => it_is,
        Ok(_) => panic!("it was undone"),
        Err(error) => panic!("{error}"),
    }
}

fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

#[tokio::test(start_paused = true)]
async fn in_process_the_tasks_of_a_runtime_share_their_locks() {
    let world =
        World::new(TaskBuilder::use_in_process_mode, TaskBuilder::use_in_process_mode).await;
    assert_eq!(world.tries().await, (false, true));
}

#[test]
fn runtimes_do_not_share_the_locks_in_memory() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let (one, other) = (runtime().expect("a runtime"), runtime().expect("another one"));
    let ours = one.block_on(World::new(|task| task, |task| task));
    let theirs = other.block_on(World::new(|task| task, |task| task));
    let holder = one.block_on(ours.hold.submit("account:4711".to_owned())).expect("it starts");
    one.block_on(ours.held.acquire()).expect("nobody closes it").forget();
    assert!(other.block_on(theirs.is_free("account:4711")));
    assert!(!one.block_on(ours.is_free("account:4711")), "it is held");
    ours.go_on.add_permits(1);
    assert!(one.block_on(is_true(holder)));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_given_is_used() {
    let store = MemoryLeases::new();
    let process = || Arc::new(Coordination::on_this_runtime(store.clone()));
    let given: Arc<dyn DistributedLock> = process();
    let world =
        World::new(|task| task.override_lock(given), |task| task.override_lock(process())).await;
    assert_eq!(world.tries().await, (false, true));

    let world = World::new(|task| task.override_lock(process()), |task| task).await;
    assert_eq!(world.tries().await, (true, true), "the other one has locks of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_redis_all_processes_share_their_locks() {
    let server = server();
    // What processes have: nothing in common.
    let shared = || Distributed::default().redis(server.url());
    let world = World::new(
        |task| task.use_distributed_mode(|_| shared()),
        |task| task.use_distributed_mode(|_| shared()),
    )
    .await;
    assert_eq!(world.tries().await, (false, true));

    // In the namespace of the journal, and so a lock of those who have no task.
    let elsewhere = Coordination::open(RedisLeases::builder(server.url()).open()).await;
    let elsewhere = elsewhere.expect("the server is there");
    let _held = elsewhere.lock("account:4711").acquire().await.expect("nobody has it");
    assert!(!world.is_free("account:4711").await);

    let shared = RedisJournal::builder(server.url()).namespace("other");
    let shared = Distributed::default().redis_with(shared);
    let other = |_| shared.clone();
    let world = World::new(
        |task| task.use_distributed_mode(other),
        |task| task.use_distributed_mode(other),
    )
    .await;
    assert!(world.is_free("account:4711").await, "another namespace is another lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_locks_nothing_opens_nothing_for_it() {
    let server = server();
    let connections = || server.cli(&["CLIENT", "LIST"]).lines().count();
    let shared = Distributed::default().redis(server.url());
    let task = TaskBuilder::new(Try).use_distributed_mode(|_| shared).build().await;
    let task = task.expect("the server is there");
    let before = connections();
    let saga = task.submit("account:4711".to_owned()).await.expect("it starts");
    assert!(is_true(saga).await);
    assert!(connections() > before, "a control: the first lock opens it");
}

#[tokio::test(start_paused = true)]
async fn without_a_lock_that_is_shared_a_step_is_told_what_to_write() {
    let task = TaskBuilder::new(Try)
        .use_distributed_mode(|with| with)
        .override_journal(MemoryJournal::new())
        .build()
        .await
        .expect("nothing else is missing");
    let saga = task.submit("account:4711".to_owned()).await.expect("it starts");
    let Ok(SagaOutcome::Compensated { cause, .. }) = saga.outcome().await else {
        panic!("nobody can lock");
    };
    let told = format!("{cause:?}");
    assert!(told.contains("say `.redis(..)` in `.use_distributed_mode(..)`"), "{told}");
    assert!(told.contains("`.override_lock(..)`"), "{told}");
}
