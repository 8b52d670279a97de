//! What may go wrong around a journal while it is open, and what it must not lose for that.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use distributed_task::{
    OutcomeError, SagaFilter, SubmitError,
    backend::sqlite::SqliteJournal,
    clock::{Clock, SystemClock},
    journal::{Durability, Journal},
    kernel::Timestamp,
    prelude::*,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};

use crate::orders::{Outside, Process};

const PATIENCE: Duration = Duration::from_secs(20);

#[distributed_task(request = u64, response = u64)]
struct Wait;

#[steps]
impl Wait {
    /// A plain `fn`: a thread of the runtime, which nobody can take away.
    #[step(read_only, timeout = "50ms", retry(max = 0))]
    fn wait(&self, request: &u64) -> u64 {
        std::thread::sleep(Duration::from_millis(*request));
        *request
    }
}

#[distributed_task(request = usize, response = usize)]
struct Repeat;

#[steps]
impl Repeat {
    #[step(read_only)]
    async fn repeat(&self, request: &usize) -> String {
        "x".repeat(*request)
    }

    #[response]
    fn respond(&self, repeat: &str) -> usize {
        repeat.len()
    }
}

async fn repeat(journal: SqliteJournal) -> Task<Repeat> {
    let task = Repeat::builder().use_in_process_mode().override_journal(Arc::new(journal));
    task.build().await.expect("a task")
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

#[test]
fn i3_a_key_that_is_used_again_after_its_time_is_another_saga_of_the_same_file() {
    for end in [Process::kill, Process::leave] {
        for also_between in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, outside) = (folder.path().join("orders.db"), Outside::default());
            let start = |process: &Process, request: &str| {
                process.runtime.block_on(async {
                    let saga = process.orders.submit_with_key("17", request.to_owned()).await;
                    sleep(Duration::from_secs(60)).await;
                    saga.expect("it is taken").id()
                })
            };
            let mut process = Process::start(&path, &outside);
            let first = start(&process, "");
            if also_between {
                // Then it is a row, else it is in the log.
                process.leave();
                process = Process::start(&path, &outside);
            }
            process.runtime.block_on(async { sleep(Duration::from_secs(25 * 3600)).await });
            assert_eq!(start(&process, "h"), first, "an id follows from the key");
            end(process);
            let process = Process::start(&path, &outside);
            let status = process.status(first);
            assert!(!status.is_terminal(), "{status}");
            let events = process.runtime.block_on(async {
                let saga = process.orders.handle(first).await.expect("it is there");
                saga.history().await.expect("it is read")
            });
            let begun = events.iter().filter(|event| event.seq == 0).count();
            assert_eq!(begun, 1, "{events:?}");
            process.leave();
        }
    }
}

#[test]
fn a_journal_outlives_the_runtime_of_those_who_called_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = SqliteJournal::open(folder.path().join("journal.db")).expect("it is new");
    let journal: Arc<dyn Journal> = Arc::new(journal);
    for _ in 0..20 {
        let runtime = runtime();
        for _ in 0..8 {
            let journal = Arc::clone(&journal);
            runtime.spawn(async move { while journal.definitions().await.is_ok() {} });
        }
        runtime.block_on(async { journal.definitions().await }).expect("it answers");
        runtime.shutdown_background();
    }
    runtime().block_on(async { journal.definitions().await }).expect("it answers");
}

#[test]
fn threads_that_hang_in_steps_do_not_keep_the_journal_from_writing() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Builder::new_multi_thread().max_blocking_threads(2).enable_time().build();
    let runtime = runtime.expect("a runtime");
    let path = folder.path().join("journal.db");
    runtime.block_on(async {
        let journal = Arc::new(SqliteJournal::open(&path).expect("it is new"));
        let wait = Wait::builder().use_in_process_mode().grace(Duration::from_millis(10));
        let wait = wait.override_journal(Arc::clone(&journal)).build().await.expect("a task");
        let other = Repeat::builder().use_in_process_mode().override_journal(journal);
        let other = other.build().await.expect("a task");
        for _ in 0..2 {
            let saga = wait.submit(2_000).await.expect("it is taken");
            let outcome = timeout(PATIENCE, saga.outcome()).await.expect("it ends");
            assert!(matches!(outcome, Ok(SagaOutcome::Compensated { .. })));
        }
        // Both threads of the pool are lost to them for as long as they sleep.
        let saga = other.submit(3).await.expect("it is taken");
        let outcome = timeout(Duration::from_secs(1), saga.outcome()).await.expect("it ends");
        assert!(matches!(outcome, Ok(SagaOutcome::Completed(3))));
    });
    runtime.shutdown_background();
}

#[test]
fn words_that_sqlite_knows_are_names_of_files_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [":memory:", "file:x?mode=memory", "with a space & ü.db"] {
        let path = folder.path().join(name);
        drop(SqliteJournal::open(&path).expect("it is new"));
        assert!(path.exists(), "{name}");
    }
    let nowhere = SqliteJournal::open("").err().expect("it has no name");
    assert!(!nowhere.to_string().is_empty());
}

#[tokio::test]
async fn who_closes_a_journal_may_open_it_again_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    for _ in 0..20 {
        let task = repeat(SqliteJournal::open(&path).expect("nobody has it open")).await;
        task.submit(3).await.expect("it is taken").outcome().await.expect("it ends");
        assert!(task.shutdown(PATIENCE).await.in_time);
        drop(task);
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_too_large_parks_its_saga_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = SqliteJournal::builder(folder.path().join("journal.db"));
    let task = repeat(journal.durability(Durability::Process).open().expect("it is new")).await;
    let large = task.submit(17 << 20).await.expect("it is taken").outcome().await;
    let Err(OutcomeError::Parked { reason, .. }) = large else { panic!("{:?}", large.map(|_| ())) };
    assert!(reason.to_string().contains("keep it in a file"), "{reason}");
    let small = task.submit(3).await.expect("it is taken").outcome().await;
    assert!(matches!(small, Ok(SagaOutcome::Completed(3))));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_at_once_is_written_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let open = || SqliteJournal::builder(&path).retain(Duration::ZERO).open();
    for _ in 0..3 {
        let task = repeat(open().expect("nothing is damaged")).await;
        for _ in 0..10 {
            let saga = task.submit(3).await.expect("it is taken");
            assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(3))));
            let _is_gone = task.handle(saga.id()).await;
        }
        task.shutdown(PATIENCE).await;
    }
}

/// A clock that fails when it is told to.
#[derive(Default)]
struct Fails {
    now: AtomicBool,
    clock: SystemClock,
}

impl Clock for Fails {
    fn now(&self) -> Timestamp {
        let is_writer = std::thread::current().name() == Some("sqlite journal");
        assert!(!(is_writer && self.now.load(SeqCst)), "it fails");
        self.clock.now()
    }
}

#[tokio::test]
async fn whoever_waits_hears_that_the_journal_failed_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::<Fails>::default();
    let journal = SqliteJournal::builder(folder.path().join("journal.db")).clock(clock.clone());
    let journal = Arc::new(journal.open().expect("it is new"));
    let task = Wait::builder().use_in_process_mode().override_journal(journal);
    let task = task.build().await.expect("a task");
    let saga = task.submit(20).await.expect("it is taken");
    clock.now.store(true, SeqCst);
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("it does not wait for ever");
    assert!(matches!(outcome, Err(OutcomeError::Journal { .. })), "{:?}", outcome.map(|_| ()));
    let refused = task.submit(1).await;
    assert!(matches!(refused, Err(SubmitError::Journal { .. })), "{:?}", refused.map(|_| ()));
}

#[tokio::test]
async fn f2_a_fence_rises_also_where_time_stands_still() {
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(1_700_000_000_000_000)
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let open = |path: &Path| SqliteJournal::builder(path).clock(Arc::new(Still)).open();
    let mut highest = 0;
    for _ in 0..3 {
        let task = repeat(open(&path).expect("nobody has it open")).await;
        for _ in 0..10 {
            task.submit(3).await.expect("it is taken").outcome().await.expect("it ends");
        }
        let mut all = task.operator("test").list(SagaFilter::all());
        while let Some(row) = all.next().await {
            row.expect("it can be listed");
        }
        task.shutdown(PATIENCE).await;
        drop(task);
        let file = rusqlite::Connection::open(&path).expect("nobody has it open");
        let fences = "SELECT min(value ->> 'fence'), max(value ->> 'fence') FROM saga,
            json_each('[0' || records || ']') WHERE type = 'object' AND value ->> 'seq' > 0
            AND value ->> 'fence' > ?1";
        let (lowest, next): (Option<i64>, Option<i64>) = file
            .query_row(fences, [highest], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("it can be read");
        assert!(lowest.is_some_and(|lowest| lowest > highest), "{lowest:?} after {highest}");
        let fences = "SELECT count(DISTINCT value ->> 'fence') FROM saga,
            json_each('[0' || records || ']') WHERE type = 'object' AND value ->> 'seq' > 0";
        let distinct: i64 = file.query_row(fences, [], |row| row.get(0)).expect("it can be read");
        let sagas = "SELECT count(*) FROM saga";
        let sagas: i64 = file.query_row(sagas, [], |row| row.get(0)).expect("it can be read");
        assert_eq!(distinct, sagas, "each saga has a fence of its own");
        highest = next.expect("there are some");
    }
}
