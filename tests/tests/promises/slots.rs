//! Where there is a free slot a saga begins at once, and one that waits for it still hears what concerns
//! it.

use std::{sync::Arc, time::Duration};

use distributed_task::{Cancelled, CompensationCause, backend::memory::MemoryJournal, prelude::*};
use tokio::time::{Instant, sleep};

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

/// Holds the only slot for so many seconds; 0 fails first, and wants to go on a second later.
#[distributed_task(request = u64, response = (), cancellable, timeout = "60s")]
struct Queueing {
    log: Log,
}

#[steps]
impl Queueing {
    #[step(read_only, retry(max = 1, delay = "1s", jitter = "none"))]
    async fn work(&self, cx: &StepContext, request: &u64) -> StepResult<()> {
        self.log.note(format!("{request} s, try {}", cx.attempt()));
        match request {
            0 => Err("again")?,
            seconds => sleep(Duration::from_secs(*seconds)).await,
        }
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

struct Waiting {
    task: Task<Queueing>,
    saga: SagaHandle<Queueing>,
    log: Log,
}

/// One saga has the slot for so many seconds, and another one has waited for it for 9 s.
async fn waiting(held: u64) -> Waiting {
    let log = Log::default();
    let builder = Queueing::builder().log(log.clone()).use_in_process_mode().concurrency(1);
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(0).await.expect("submitted");
    sleep(Duration::from_millis(500)).await;
    task.submit(held).await.expect("submitted");
    sleep(Duration::from_secs(10)).await;
    Waiting { task, saga, log }
}

#[tokio::test(start_paused = true)]
async fn k2_a_cancel_is_honoured_while_the_saga_waits_for_a_slot() {
    let Waiting { task: _task, saga, .. } = waiting(50).await;
    let begun = Instant::now();
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_saga_reaches_its_deadline_while_it_waits_for_a_slot() {
    let begun = Instant::now();
    let Waiting { task: _task, saga, log } = waiting(70).await;
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause, CompensationCause::Deadline);
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert_eq!(log.entries(), ["0 s, try 1", "70 s, try 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_waits_for_a_slot_starts_nothing_once_a_shutdown_began() {
    let Waiting { task, log, .. } = waiting(50).await;
    assert!(task.shutdown(Duration::from_secs(100)).await.in_time);
    assert_eq!(log.entries(), ["0 s, try 1", "50 s, try 1"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_host_begins_without_a_claim_and_no_step_runs_in_the_task_that_submits() {
    let (log, calls) = (Log::default(), Log::default());
    let tap = {
        let calls = calls.clone();
        move |name: &'static str| {
            calls.note(name);
            Tap::Through
        }
    };
    let journal = Tapped::new(&Arc::new(MemoryJournal::new()), tap);
    let builder = Queueing::builder().log(log.clone()).use_in_process_mode();
    let task = builder.override_journal(journal).build().await.expect("it builds");
    // Until it waits for work.
    sleep(Duration::from_secs(1)).await;
    let before = calls.entries().len();
    let saga = task.submit(1).await.expect("submitted");
    // One thread, and the journal answers at once: nothing but that task had its turn.
    assert!(log.entries().is_empty(), "{:?}", log.entries());
    saga.outcome().await.expect("an outcome");
    let calls = calls.entries().split_off(before);
    let claims = calls.iter().any(|name| name == "claim" || name == "create");
    assert!(!claims && calls.iter().any(|name| name == "commit"), "{calls:?}");
}
