//! A journal that does not answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    SubmitError, backend::memory::MemoryJournal, builder::IntoShared, journal::Journal, prelude::*,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

const FOR_EVER: u32 = u32::MAX;

/// So many of the next commits and reads fail, and do nothing then.
struct Outage {
    commits: AtomicU32,
    reads: AtomicU32,
}

impl Outage {
    fn of(commits: u32, reads: u32) -> Arc<Self> {
        Arc::new(Self { commits: commits.into(), reads: reads.into() })
    }

    /// A journal that has it.
    fn journal(self: &Arc<Self>) -> impl IntoShared<dyn Journal> {
        let outage = Arc::clone(self);
        Tapped::new(&Arc::new(MemoryJournal::new()), move |call| match call {
            "commit" if fails(&outage.commits) => Tap::Fails,
            "read" if fails(&outage.reads) => Tap::Fails,
            _ => Tap::Through,
        })
    }
}

/// Whether the next call fails.
fn fails(calls: &AtomicU32) -> bool {
    let one_less = |left| match left {
        FOR_EVER => Some(FOR_EVER),
        left => u32::checked_sub(left, 1),
    };
    calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
}

#[distributed_task(request = u32, response = u32)]
struct Count {
    log: Log,
    running: Arc<Notify>,
}

#[steps]
impl Count {
    #[step(read_only)]
    async fn one(&self, request: &u32) -> u32 {
        self.log.note("one");
        self.running.notify_one();
        sleep(Duration::from_secs(5)).await;
        request + 1
    }

    #[step(read_only)]
    async fn two(&self, one: &u32) -> u32 {
        self.log.note("two");
        one + 1
    }
}

async fn count(outage: &Arc<Outage>, log: &Log) -> (Task<Count>, Arc<Notify>) {
    let running = Arc::new(Notify::new());
    let builder = Count::builder().log(log.clone()).running(Arc::clone(&running));
    let builder = builder.use_in_process_mode().override_journal(outage.journal());
    (builder.build().await.expect("it builds"), running)
}

#[tokio::test(start_paused = true)]
async fn a_saga_goes_on_when_the_journal_answers_again_and_no_step_runs_twice() {
    for (commits, reads) in [(1, 0), (1, 1), (3, 3)] {
        let (outage, log) = (Outage::of(commits, reads), Log::default());
        let (task, _) = count(&outage, &log).await;
        let saga = task.submit(1).await.expect("submitted");
        let outcome = timeout(Duration::from_secs(3600), saga.outcome()).await;
        let outcome = outcome.expect("in time").expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(3)), "{outcome:?}");
        assert_eq!(log.entries(), ["one", "two"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_although_nothing_can_be_written() {
    let (outage, log) = (Outage::of(0, 0), Log::default());
    let (task, running) = count(&outage, &log).await;
    task.submit(1).await.expect("submitted");
    running.notified().await;
    outage.commits.store(FOR_EVER, Ordering::SeqCst);
    let begun = Instant::now();
    let shutdown = timeout(Duration::from_secs(3600), task.shutdown(Duration::from_secs(10))).await;
    assert!(!shutdown.expect("it ends").in_time);
    assert!(begun.elapsed().as_secs() <= 12, "after {:?}", begun.elapsed());
}

#[distributed_task(request = u32, response = u32)]
struct Receive;

#[steps]
impl Receive {
    #[step(host = "api", read_only)]
    async fn check(&self, request: &u32) -> u32 {
        *request
    }

    #[step(read_only)]
    async fn work(&self, check: &u32) -> u32 {
        *check
    }
}

#[tokio::test(start_paused = true)]
async fn submit_says_that_the_journal_failed_when_a_saga_with_api_steps_could_not_be_started() {
    let builder = Receive::builder().use_in_process_mode();
    let builder = builder.override_journal(Outage::of(1, 0).journal());
    let task = builder.build().await.expect("it builds");
    let error = task.submit(1).await.expect_err("it is not there");
    assert!(matches!(error, SubmitError::Journal { .. }), "{error}");
    task.submit(1).await.expect("the journal answers again").outcome().await.expect("an outcome");
}

#[tokio::test(start_paused = true)]
async fn i2_a_start_whose_fate_is_unknown_does_not_take_the_saga_of_another_for_its_own() {
    let builder = Receive::builder().use_in_process_mode();
    let builder = builder.override_journal(Outage::of(1, 0).journal());
    let task = builder.build().await.expect("it builds");
    // The first cannot be written, and the second comes before the first looks what became of it.
    let first = tokio::spawn({
        let task = task.clone();
        async move { task.submit_with_key("17", 1).await }
    });
    sleep(Duration::from_millis(500)).await;
    let second = task.submit_with_key("17", 1).await.expect("submitted");
    let first = first.await.expect("no panic").expect("it is the same");
    assert_eq!(first.id(), second.id());
    for saga in [first, second] {
        let outcome = saga.outcome().await.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(1)), "{outcome:?}");
    }
}
