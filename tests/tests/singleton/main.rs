//! `singleton = ".."`: no two sagas of a task run at a time, in whichever processes (O6).

mod line;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    BuildError, SagaEventKind, SubmitError,
    backend::{
        memory::{MemoryJournal, MemoryLeases},
        redis::RedisLeases,
    },
    builder::{Distributed, TaskBuilder},
    coordination::Coordination,
    kernel::SagaId,
    lease::{Acquired, LeaseError, LeaseStore, Owner},
    lock::{DistributedLock, HeldByOwner, HeldLock, LockByOwner as _, Tried},
    prelude::*,
    testing::{EffectLedger, TestHost, crash_matrix},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::future::{BoxFuture, join_all};
use tokio::{
    runtime,
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use crate::line::Line;

/// What the task says, as a lease.
const LEASE: &str = "singleton:report";
/// How long anything may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);
/// A saga that goes back.
const UNLUCKY: u32 = 13;

/// Gathers for as long as it is not told to go on, and publishes.
#[distributed_task(request = u32, response = u32, singleton = "report", durability = "volatile")]
struct Report {
    desk: Desk,
}

/// What a test sees of the sagas, and does to them.
#[derive(Clone)]
struct Desk(Arc<Seen>);

struct Seen {
    /// Whose lease it is, in a step and in its undo.
    leases: Box<dyn LeaseStore>,
    owners: Mutex<Vec<Option<Owner>>>,
    begun: Semaphore,
    go_on: Semaphore,
    /// How many gather, how many did at most, and how many were begun.
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// Somebody gathers.
struct Gathers(Desk);

impl Desk {
    fn new(leases: impl LeaseStore) -> Self {
        Self(Arc::new(Seen {
            leases: Box::new(leases),
            owners: Mutex::default(),
            begun: Semaphore::new(0),
            go_on: Semaphore::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
        }))
    }

    fn gathers(&self) -> Gathers {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        self.0.all.fetch_add(1, Ordering::SeqCst);
        self.0.begun.add_permits(1);
        Gathers(self.clone())
    }

    async fn owner(&self) -> Option<Owner> {
        let tenure = self.0.leases.inspect(LEASE).await.expect("the store is there");
        tenure.map(|tenure| tenure.owner)
    }

    async fn note_owner(&self) {
        let owner = self.owner().await;
        self.0.owners.lock().expect("no panic").push(owner);
    }

    /// One more saga gathers.
    async fn begun(&self) {
        let begun = timeout(PATIENCE, self.0.begun.acquire()).await;
        begun.expect("in time").expect("nobody closes it").forget();
    }

    fn go_on(&self) {
        self.0.go_on.add_permits(1);
    }

    /// How many were begun, and how many of them at a time.
    fn counts(&self) -> (usize, usize) {
        (self.0.all.load(Ordering::SeqCst), self.0.most.load(Ordering::SeqCst))
    }
}

impl Drop for Gathers {
    fn drop(&mut self) {
        let Self(Desk(seen)) = self;
        seen.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[steps]
impl Report {
    #[step(compensate = discard, retry(max = 0))]
    async fn gather(&self, request: &u32) -> StepResult<u32> {
        let _gathers = self.desk.gathers();
        self.desk.note_owner().await;
        self.desk.0.go_on.acquire().await?.forget();
        Ok(*request)
    }

    async fn discard(&self) -> StepResult<()> {
        self.desk.note_owner().await;
        Ok(())
    }

    #[step(read_only, retry(max = 0))]
    async fn publish(&self, gather: &u32) -> StepResult<u32> {
        match *gather {
            UNLUCKY => Err(StepError::refuse(Refusal::new("unlucky", "nobody reads it"))),
            rows => Ok(2 * rows),
        }
    }
}

fn report(desk: &Desk) -> TaskBuilder<Report> {
    TaskBuilder::new(Report { desk: desk.clone() })
}

/// Processes in one runtime, over one store of each kind.
#[derive(Clone)]
struct InMemory {
    leases: MemoryLeases,
    journal: Arc<MemoryJournal>,
    desk: Desk,
}

impl InMemory {
    fn new() -> Self {
        let leases = MemoryLeases::new();
        let desk = Desk::new(leases.clone());
        Self { leases, journal: Arc::new(MemoryJournal::new()), desk }
    }

    fn process(&self) -> TaskBuilder<Report> {
        report(&self.desk)
            .override_journal(Arc::clone(&self.journal))
            .override_lock(Coordination::on_this_runtime(self.leases.clone()))
    }

    async fn task(&self) -> Task<Report> {
        self.process().build().await.expect("nothing is missing")
    }
}

async fn outcome(saga: &SagaHandle<Report>) -> SagaOutcome<Report> {
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
    outcome.expect("it is over")
}

async fn completes(saga: &SagaHandle<Report>, answer: u32) {
    let outcome = outcome(saga).await;
    assert!(matches!(outcome, SagaOutcome::Completed(it) if it == answer), "{outcome:?}");
}

/// Which saga a submit was refused for.
fn refused_for(submitted: Result<SagaHandle<Report>, SubmitError>) -> Option<SagaId> {
    match submitted {
        Err(SubmitError::AlreadyRunning { saga, singleton, .. }) => {
            assert_eq!(singleton, "report");
            saga
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("another one is running"),
    }
}

/// Five processes are told to at once, one does, and the next one may when it is over.
async fn one_of_five(desk: &Desk, tasks: &[Task<Report>]) {
    let submits = tasks.iter().cycle().take(5).zip(1..).map(|(task, n)| task.submit(n));
    let (begun, refused): (Vec<_>, Vec<_>) =
        join_all(submits).await.into_iter().partition(Result::is_ok);
    let [saga] = &begun.into_iter().map(Result::unwrap).collect::<Vec<_>>()[..] else {
        panic!("one of five runs");
    };
    assert_eq!(refused.len(), 4);
    for refused in refused {
        assert_eq!(refused_for(refused), Some(saga.id()), "they are told which one runs");
    }
    desk.begun().await;
    assert_eq!(refused_for(tasks[0].submit(6).await), Some(saga.id()), "also while it runs");
    desk.go_on();
    assert!(matches!(outcome(saga).await, SagaOutcome::Completed(_)));

    // At once, wherever.
    for task in tasks {
        desk.go_on();
        let next = task.submit(7).await.expect("the last one is over");
        completes(&next, 14).await;
        desk.begun().await;
    }
    assert_eq!(desk.counts(), (1 + tasks.len(), 1));
}

#[tokio::test(start_paused = true)]
async fn o6_of_five_that_are_submitted_at_once_one_runs_and_the_others_are_told_which() {
    let memory = InMemory::new();
    let tasks = [memory.task().await, memory.task().await];
    let begun = Instant::now();
    one_of_five(&memory.desk, &tasks).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a lease to run out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o6_one_of_five_over_redis() {
    let options = RedisOptions { appends: Appends::No, ..Default::default() };
    let server = RedisServer::start(options);
    let leases = RedisLeases::builder(server.url()).open().await.expect("the server is there");
    let desk = Desk::new(leases);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let process = Distributed::default().redis(server.url());
        let task = report(&desk).use_distributed_mode(|_| process).build().await;
        tasks.push(task.expect("the server is there"));
    }
    one_of_five(&desk, &tasks).await;
}

#[tokio::test(start_paused = true)]
async fn tasks_in_process_need_no_line_for_it() {
    let desk = Desk::new(MemoryLeases::new());
    let tasks = [report(&desk), report(&desk)].map(|task| task.use_in_process_mode().build());
    let tasks: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let saga = tasks[0].submit(1).await.expect("nothing runs");
    // The other task has a journal of its own.
    assert_eq!(refused_for(tasks[1].submit(2).await), Some(saga.id()));
    desk.go_on();
    completes(&saga, 2).await;
}

#[tokio::test(start_paused = true)]
async fn steps_and_undos_run_under_the_lease_of_their_saga() {
    let memory = InMemory::new();
    let task = memory.task().await;
    memory.desk.go_on();
    let saga = task.submit(UNLUCKY).await.expect("nothing runs");
    assert!(matches!(outcome(&saga).await, SagaOutcome::Compensated { .. }));
    let owners = memory.desk.0.owners.lock().expect("no panic").clone();
    let owner = Some(Owner::from(format!("saga:{}", saga.id())));
    assert_eq!(owners, [owner.clone(), owner], "in the step, and in its undo");
    // It is given back in the background.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(memory.desk.owner().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_saga_left_behind_that_is_over_keeps_nobody_from_running() {
    let memory = InMemory::new();
    let task = memory.task().await;
    memory.desk.go_on();
    let saga = task.submit(1).await.expect("nothing runs");
    completes(&saga, 2).await;
    sleep(Duration::from_millis(1)).await;

    // As if its host had died between the end and the release.
    let ended = Owner::from(format!("saga:{}", saga.id()));
    let lease = Duration::from_secs(30);
    let taken = memory.leases.try_acquire(LEASE, &ended, lease).await.expect("memory answers");
    assert!(matches!(taken, Acquired::Granted(_)));
    memory.desk.go_on();
    completes(&task.submit(2).await.expect("that one is over"), 4).await;
    sleep(Duration::from_millis(1)).await;

    // A control: somebody of whom the journal knows nothing is respected, saga or not.
    for (owner, named) in [(Owner::draw(), None), {
        let stranger: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id");
        (Owner::from(format!("saga:{stranger}")), Some(stranger))
    }] {
        let taken = memory.leases.try_acquire(LEASE, &owner, lease).await.expect("memory answers");
        assert!(matches!(taken, Acquired::Granted(_)));
        assert_eq!(refused_for(task.submit(3).await), named);
        memory.leases.release(LEASE, &owner).await.expect("memory answers");
    }
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
    assert_eq!(memory.desk.0.now.load(Ordering::SeqCst), 0, "dropped where it waited");
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
    assert_eq!(memory.desk.0.now.load(Ordering::SeqCst), 0, "dropped where it waited");
    is_cut.store(false, Ordering::SeqCst);
    memory.desk.go_on();
    completes(&saga, 8).await;
    // The one that was refused is not there, and keeps nobody from running.
    sleep(Duration::from_secs(31)).await;
    memory.desk.go_on();
    completes(&cut.submit(6).await.expect("nothing runs"), 12).await;
}

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

#[tokio::test(start_paused = true)]
async fn a_start_under_a_key_finds_the_saga_that_runs() {
    let memory = InMemory::new();
    let task = memory.task().await;
    let starts = (0..5).map(|_| task.submit_with_key("monday", 1));
    let sagas: Vec<_> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
    assert!(sagas.iter().all(|saga| saga.id() == sagas[0].id()));
    assert_eq!(refused_for(task.submit_with_key("tuesday", 2).await), Some(sagas[0].id()));
    memory.desk.go_on();
    completes(&sagas[0], 2).await;
    memory.desk.go_on();
    completes(&task.submit_with_key("tuesday", 2).await.expect("that one is over"), 4).await;
    assert_eq!(memory.desk.counts(), (2, 1));
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
        self.desk.0.go_on.acquire().await?.forget();
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
    assert_eq!(*memory.desk.0.owners.lock().expect("no panic"), [owner.clone(), owner]);
}

/// A library that knows no owners.
struct Plain;

impl DistributedLock for Plain {
    fn try_acquire<'a>(
        &'a self,
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        Box::pin(async { Ok(None) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_lock_that_knows_owners_is_not_built() {
    let desk = Desk::new(MemoryLeases::new());
    let plain = report(&desk).override_lock(Plain).build().await;
    let plain = plain.expect_err("nobody could go on with a tenure").to_string();
    assert!(plain.contains("`DistributedLock::by_owner`"), "{plain}");
    let nowhere = report(&desk)
        .use_distributed_mode(|with| with)
        .override_journal(MemoryJournal::new())
        .build()
        .await;
    let nowhere = nowhere.expect_err("there is no lock");
    assert!(matches!(nowhere, BuildError::Singleton { singleton: "report", .. }));
    assert!(nowhere.to_string().contains("say `.redis(..)`"), "{nowhere}");
}

/// Takes a turn as a saga does.
async fn taken(process: &Coordination, owner: &Owner) -> Box<dyn HeldByOwner> {
    let taken = process.try_acquire_as(LEASE, owner, Duration::from_secs(30)).await;
    match taken.expect("memory answers") {
        Tried::Held(held) => held,
        Tried::Busy { holder } => panic!("{holder:?} has it"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_lost_it_does_not_take_from_the_one_that_goes_on() {
    let (leases, is_cut) = (MemoryLeases::new(), Arc::new(AtomicBool::new(false)));
    let first = Coordination::on_this_runtime(Line::new(leases.clone(), &is_cut));
    let next = Coordination::on_this_runtime(leases.clone());
    let saga = Owner::from("saga:one".to_owned());
    let lost = taken(&first, &saga).await;
    is_cut.store(true, Ordering::SeqCst);
    let held = taken(&next, &saga).await;
    lost.lost().await;
    lost.leave();
    is_cut.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(120)).await;
    held.check().expect("it is the same saga, elsewhere");
    let tenure = leases.inspect(LEASE).await.expect("memory answers");
    assert_eq!(tenure.map(|tenure| tenure.owner), Some(saga));
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
