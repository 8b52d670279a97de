//! Leaving without losing anything.

use std::{sync::Arc, time::Duration};

use distributed_task::{OutcomeError, SubmitError, backend::memory::MemoryJournal, prelude::*};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::log::Log;

#[distributed_task(request = u64, response = u32)]
struct Relay {
    log: Log,
    running: Arc<Notify>,
}

#[steps]
impl Relay {
    #[step(read_only, retry(max = 0))]
    async fn first(&self, cx: &StepContext, request: &u64) -> u32 {
        self.running.notify_one();
        self.log.note(format!("first, try {}", cx.attempt()));
        sleep(Duration::from_secs(*request)).await;
        self.log.note("first done");
        1
    }

    #[step(read_only)]
    async fn second(&self, first: &u32) -> u32 {
        self.log.note("second");
        first + 1
    }
}

async fn relay(journal: &Arc<MemoryJournal>, log: &Log) -> (Task<Relay>, Arc<Notify>) {
    let running = Arc::new(Notify::new());
    let builder = Relay::builder().log(log.clone()).running(running.clone());
    let builder = builder.use_in_process_mode().override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), running)
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_running_step_and_another_host_goes_on_from_there() {
    let (journal, log) = (Arc::new(MemoryJournal::new()), Log::default());
    let (old, running) = relay(&journal, &log).await;
    let saga = old.submit(5).await.expect("submitted");
    running.notified().await;
    assert!(old.shutdown(Duration::from_secs(60)).await.in_time);
    assert_eq!(log.entries(), ["first, try 1", "first done"], "the second step is not begun");
    let gone = saga.outcome().await.expect_err("nobody listens here any more");
    assert!(matches!(gone, OutcomeError::HostGone { .. }), "{gone}");
    let refused = old.submit(5).await.expect_err("no new sagas");
    assert!(matches!(refused, SubmitError::ShuttingDown { .. }), "{refused}");

    let (new, _) = relay(&journal, &log).await;
    let saga = new.handle(saga.id()).await.expect("the journal has it");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(2)), "{outcome:?}");
    assert_eq!(log.entries(), ["first, try 1", "first done", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_outlasts_the_shutdown_is_interrupted_and_runs_again_elsewhere() {
    let (journal, log) = (Arc::new(MemoryJournal::new()), Log::default());
    let (old, running) = relay(&journal, &log).await;
    let saga = old.submit(600).await.expect("submitted");
    running.notified().await;
    let begun = Instant::now();
    assert!(!old.shutdown(Duration::from_secs(60)).await.in_time);
    assert_eq!(begun.elapsed().as_secs(), 60);

    let (new, _) = relay(&journal, &log).await;
    let saga = new.handle(saga.id()).await.expect("the journal has it");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(2)), "an interruption is no failure");
    assert_eq!(log.entries(), ["first, try 1", "first, try 2", "first done", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_goes_on_while_anybody_holds_its_handle() {
    let (journal, log) = (Arc::new(MemoryJournal::new()), Log::default());
    let (task, _) = relay(&journal, &log).await;
    let saga = task.submit(5).await.expect("submitted");
    drop(task);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(2)), "{outcome:?}");
}
