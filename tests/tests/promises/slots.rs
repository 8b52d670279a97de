//! A saga that waits for a slot still hears what concerns it.

use std::time::Duration;

use distributed_task::{Cancelled, CompensationCause, prelude::*};
use tokio::time::{Instant, sleep};

use crate::log::Log;

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

/// One saga has the slot for 50 s, and another one has waited for it for 9 s.
async fn waiting() -> Waiting {
    let log = Log::default();
    let builder = Queueing::builder().log(log.clone()).use_in_process_mode().concurrency(1);
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(0).await.expect("submitted");
    sleep(Duration::from_millis(500)).await;
    task.submit(50).await.expect("submitted");
    sleep(Duration::from_secs(10)).await;
    Waiting { task, saga, log }
}

#[tokio::test(start_paused = true)]
async fn k2_a_cancel_is_honoured_while_the_saga_waits_for_a_slot() {
    let Waiting { task: _task, saga, .. } = waiting().await;
    let begun = Instant::now();
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_saga_reaches_its_deadline_while_it_waits_for_a_slot() {
    let begun = Instant::now();
    let Waiting { task, saga, log } = waiting().await;
    // It is claimed when the first one ends, and has the slot until after the deadline.
    task.submit(40).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause, CompensationCause::Deadline);
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert_eq!(log.entries(), ["0 s, try 1", "50 s, try 1", "40 s, try 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_waits_for_a_slot_starts_nothing_once_a_shutdown_began() {
    let Waiting { task, log, .. } = waiting().await;
    assert!(task.shutdown(Duration::from_secs(100)).await.in_time);
    assert_eq!(log.entries(), ["0 s, try 1", "50 s, try 1"]);
}
