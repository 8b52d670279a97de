//! Progress over Redis: processes that see what others publish. Each tracker here is what a process
//! has, with connections of its own.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::redis::{RedisJournal, RedisProgress},
    kernel::SagaId,
    prelude::*,
    progress::{Progress, ProgressStream, ProgressTracker, SagaStatus},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::{TryStreamExt, future::try_join_all};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use uuid::Uuid;

/// How long anything may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

async fn process(server: &RedisServer) -> RedisProgress {
    RedisProgress::builder(server.url()).open().await.expect("the server is there")
}

fn at(id: u128, seq: u64) -> Progress {
    Progress { seq, ..Progress::new(SagaId(Uuid::from_u128(id)), 3) }
}

fn end(id: u128, seq: u64) -> Progress {
    Progress { status: SagaStatus::Completed, ..at(id, seq) }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waits = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

async fn next(watcher: &mut ProgressStream) -> Progress {
    let next = timeout(PATIENCE, watcher.try_next()).await.expect("something came in time");
    next.expect("no error").expect("not the end")
}

async fn rest(watcher: ProgressStream) -> Vec<Progress> {
    let rest = timeout(PATIENCE, watcher.try_collect()).await.expect("it ended in time");
    rest.expect("no error")
}

/// Commands that the server was sent, but those by which connections are made and kept, and its own.
fn commands(server: &RedisServer) -> Vec<String> {
    let stats = server.cli(&["INFO", "commandstats"]);
    let kept = ["ping", "info", "hello", "client", "select", "auth", "role", "subscribe", "config"];
    let stats = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_"));
    let stats = stats.filter(|line| !kept.iter().any(|name| line.starts_with(name)));
    stats.map(|line| line.split(',').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_learns_that_another_process_watches_and_that_sees_every_state() {
    let server = server();
    let (owner, other) = (process(&server).await, process(&server).await);
    owner.initialise(at(1, 0)).await.expect("published");
    let mut watcher = other.stream(at(1, 0).saga);
    assert!(other.watched(at(1, 0).saga));
    until("the owner knows of it", || owner.watched(at(1, 0).saga)).await;
    assert!(!owner.watched(at(2, 0).saga));
    assert_eq!(next(&mut watcher).await, at(1, 0));
    for seq in 1..50 {
        owner.update(at(1, seq)).await.expect("published");
    }
    owner.complete(end(1, 50)).await.expect("published");
    let all: Vec<_> = (1..50).map(|seq| at(1, seq)).chain([end(1, 50)]).collect();
    assert_eq!(rest(watcher).await, all);
    assert_eq!(rest(other.stream(at(1, 0).saga)).await, [end(1, 50)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_begins_later_learns_it_too() {
    let server = server();
    let watching = process(&server).await;
    let mut watcher = watching.stream(at(1, 0).saga);
    // Its first announcement is over: there was nobody to hear it.
    until("it is announced", || commands(&server).iter().any(|c| c.starts_with("publish"))).await;
    let owner = process(&server).await;
    until("the owner knows of it", || owner.watched(at(1, 0).saga)).await;
    owner.update(at(1, 4)).await.expect("published");
    assert_eq!(next(&mut watcher).await, at(1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_are_watched_over_one_connection() {
    const MANY: u128 = 2_000;
    let server = server();
    let (owner, other) = (process(&server).await, process(&server).await);
    let watchers: Vec<_> = (0..MANY).map(|id| other.stream(at(id, 0).saga)).collect();
    until("all are announced", || (0..MANY).all(|id| owner.watched(at(id, 0).saga))).await;
    let listeners = server.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    assert_eq!(listeners.lines().count(), 2, "one for each process: {listeners}");
    try_join_all((0..MANY).map(|id| owner.complete(end(id, 1)))).await.expect("published");
    for (id, watcher) in (0..MANY).zip(watchers) {
        assert_eq!(rest(watcher).await, [end(id, 1)]);
    }
    until("no channel is left", || {
        let channels = server.cli(&["PUBSUB", "CHANNELS", "*:of:*"]);
        channels.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_goes_on_after_a_restart_of_the_server() {
    let mut server = server();
    let (owner, other) = (process(&server).await, process(&server).await);
    let mut watcher = other.stream(at(1, 0).saga);
    owner.initialise(at(1, 1)).await.expect("published");
    assert_eq!(next(&mut watcher).await, at(1, 1));
    server.kill();
    assert!(owner.update(at(1, 2)).await.is_err(), "it is away");
    server.restart();
    // It has lost everything, and the watcher is not yet back.
    let publish = async {
        while owner.update(at(1, 3)).await.is_err() {}
        Ok::<_, distributed_task::progress::ProgressError>(())
    };
    timeout(PATIENCE, publish).await.expect("the server is back").expect("published");
    assert_eq!(next(&mut watcher).await, at(1, 3));
    owner.complete(end(1, 4)).await.expect("published");
    assert_eq!(rest(watcher).await, [end(1, 4)]);
}

#[distributed_task(request = u32, response = u32)]
struct Sum;

#[steps]
impl Sum {
    #[step(read_only)]
    async fn first(&self, request: &u32) -> u32 {
        request + 1
    }

    #[step(read_only)]
    async fn second(&self, first: &u32) -> u32 {
        first + 1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_while_nobody_watches() {
    let server = server();
    let progress = Arc::new(process(&server).await);
    let task = Sum::builder().use_in_process_mode().override_progress(Arc::clone(&progress));
    let task = task.build().await.expect("it builds");
    for number in 0..20 {
        task.submit(number).await.expect("submitted").outcome().await.expect("an outcome");
    }
    assert_eq!(commands(&server), Vec::<String>::new());
    // And this is what is sent when somebody does.
    let saga = task.submit(1).await.expect("submitted");
    let _watcher = progress.stream(saga.id());
    until("it is announced", || !commands(&server).is_empty()).await;
}

#[distributed_task(request = u32, response = u32)]
struct Gate {
    open: Arc<Semaphore>,
}

#[steps]
impl Gate {
    #[step(read_only)]
    async fn first(&self, request: &u32) -> StepResult<u32> {
        self.open.acquire().await?.forget();
        Ok(request + 1)
    }

    #[step(read_only)]
    async fn second(&self, first: &u32) -> StepResult<u32> {
        self.open.acquire().await?.forget();
        Ok(first + 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_the_steps_of_a_saga_are_seen_in_another_process() {
    let server = server();
    let open = Arc::new(Semaphore::new(0));
    let journal = RedisJournal::builder(server.url()).open().await.expect("the server is there");
    let progress = Arc::new(journal.progress());
    let task = Gate::builder().open(open.clone()).use_in_process_mode();
    let task = task.override_journal(journal).override_progress(Arc::clone(&progress));
    let task = task.build().await.expect("it builds");
    let saga = task.submit(1).await.expect("submitted");

    let other = process(&server).await;
    let watcher = other.stream(saga.id());
    until("the owner knows of it", || progress.watched(saga.id())).await;
    open.add_permits(2);
    timeout(PATIENCE, saga.outcome()).await.expect("in time").expect("an outcome");
    let seen = rest(watcher).await;
    let steps = seen.iter().filter_map(|state| state.step.as_ref()).map(|step| step.number);
    assert!(steps.clone().any(|number| number == 2), "{seen:?}");
    let last = seen.last().expect("something was seen");
    assert_eq!(last.status, SagaStatus::Completed);
    assert!(seen.is_sorted_by_key(|state| state.seq), "{seen:?}");
}

#[tokio::test]
async fn states_can_be_kept_for_good() {
    let server = server();
    let builder = RedisProgress::builder(server.url()).keep(Duration::MAX);
    let process = builder.open().await.expect("the server is there");
    process.initialise(at(1, 0)).await.expect("published");
    let held = process.get(at(1, 0).saga).await.expect("it is read");
    assert_eq!(held, Some(at(1, 0)));
}
