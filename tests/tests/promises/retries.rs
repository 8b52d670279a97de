//! Retries, time limits, panics.

use std::time::Duration;

use distributed_task::{CompensationCause, kernel::Doubt, prelude::*};
use tokio::time::{Instant, sleep, timeout};

use crate::log::Log;

#[distributed_task(request = u32, response = u32)]
struct Stubborn {
    log: Log,
    begun: Instant,
}

#[steps]
impl Stubborn {
    #[step(
        compensate = undo_knock,
        retry(max = 3, backoff = "exponential", delay = "2s", max_delay = "5s", jitter = "none")
    )]
    async fn knock(&self, cx: &StepContext, request: &u32) -> StepResult<u32> {
        self.log.note(format!("{} at {}", cx.attempt(), self.begun.elapsed().as_secs()));
        if cx.attempt() <= *request {
            Err("nobody at home")?;
        }
        Ok(cx.attempt())
    }

    async fn undo_knock(&self, knock: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo {knock:?}"));
        Ok(())
    }

    #[response]
    fn respond(&self, knock: &u32) -> u32 {
        *knock
    }
}

async fn knock(failures: u32) -> (StubbornOutcome, Vec<String>) {
    let log = Log::default();
    let builder = Stubborn::builder().log(log.clone()).begun(Instant::now());
    let task = builder.use_in_process_mode().build().await.expect("it builds");
    let saga = task.submit(failures).await.expect("submitted");
    (saga.outcome().await.expect("an outcome"), log.entries())
}

#[tokio::test(start_paused = true)]
async fn r1_a_failed_attempt_is_tried_again_after_a_growing_wait() {
    let (outcome, log) = knock(3).await;
    assert!(matches!(outcome, SagaOutcome::Completed(4)), "{outcome:?}");
    assert_eq!(log, ["1 at 0", "2 at 2", "3 at 6", "4 at 11"]);
}

#[tokio::test(start_paused = true)]
async fn e4_used_up_retries_end_unknown_and_the_step_itself_is_undone() {
    let (outcome, log) = knock(4).await;
    let SagaOutcome::Compensated { cause, residual, settled, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let error = Doubt::Failed("nobody at home".to_owned());
    assert_eq!(cause, CompensationCause::Failed { step: "knock".to_owned(), error });
    assert!(residual.is_empty());
    assert!(!settled, "nobody knows whether the step happened");
    assert_eq!(log, ["1 at 0", "2 at 2", "3 at 6", "4 at 11", "undo Unknown"]);
}

#[distributed_task(request = (), response = u32)]
struct LongWait {
    begun: Instant,
}

#[steps]
impl LongWait {
    #[step(read_only, retry(max = 1, delay = "1h", max_delay = "1h", jitter = "none"))]
    async fn call(&self, cx: &StepContext) -> StepResult<u32> {
        if cx.attempt() == 1 {
            Err("busy")?;
        }
        Ok(u32::try_from(self.begun.elapsed().as_secs()).expect("hours, not years"))
    }

    #[response]
    fn respond(&self, call: &u32) -> u32 {
        *call
    }
}

#[tokio::test(start_paused = true)]
async fn r2_a_long_wait_is_a_timer_of_the_journal_and_takes_no_slot() {
    let builder = LongWait::builder().begun(Instant::now());
    let task = builder.use_in_process_mode().concurrency(1).build().await.expect("it builds");
    let first = task.submit(()).await.expect("submitted");
    let second = task.submit(()).await.expect("submitted");
    for saga in [first, second] {
        let outcome = saga.outcome().await.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(3600)), "{outcome:?}");
    }
}

#[distributed_task(request = bool, response = ())]
struct Overdue {
    log: Log,
}

#[steps]
impl Overdue {
    #[step(compensate = undo_hang, timeout = "5s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn hang(&self, cx: &StepContext, request: &bool) -> StepResult<()> {
        self.log.note(format!("attempt {}", cx.attempt()));
        if *request {
            panic!("lost my keys");
        }
        sleep(Duration::from_secs(3600)).await;
        Ok(())
    }

    async fn undo_hang(&self, hang: Outcome<&()>) -> StepResult<()> {
        self.log.note(format!("undo {hang:?}"));
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

async fn overdue(panics: bool) -> (Doubt, Vec<String>, Duration) {
    let log = Log::default();
    let task = Overdue::builder().log(log.clone()).build().await.expect("it builds");
    let begun = Instant::now();
    let saga = task.submit(panics).await.expect("submitted");
    match saga.outcome().await.expect("an outcome") {
        SagaOutcome::Compensated { cause: CompensationCause::Failed { error, .. }, .. } => {
            (error, log.entries(), begun.elapsed())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn t1_a_step_that_runs_too_long_is_unknown_tried_again_and_then_undone() {
    let (doubt, log, took) = overdue(false).await;
    assert_eq!(doubt, Doubt::TimedOut);
    assert_eq!(log, ["attempt 1", "attempt 2", "undo Unknown"]);
    assert_eq!(took.as_secs(), 11);
}

#[tokio::test(start_paused = true)]
async fn e1_a_panic_is_caught_and_counts_as_an_unknown_attempt() {
    let (doubt, log, _) = overdue(true).await;
    assert_eq!(doubt, Doubt::Panicked("lost my keys".to_owned()));
    assert_eq!(log, ["attempt 1", "attempt 2", "undo Unknown"]);
}

#[distributed_task(request = (), response = ())]
struct BlockingHang {
    log: Log,
}

#[steps]
impl BlockingHang {
    #[step(read_only, timeout = "50ms", retry(max = 0))]
    fn spin(&self, cx: &StepContext) -> StepResult<()> {
        while !cx.is_cancelled() {
            std::thread::yield_now();
        }
        self.log.note("told to stop");
        Err("stopped half way")?
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn a_plain_fn_that_runs_too_long_is_told_to_stop() {
    let log = Log::default();
    let task = BlockingHang::builder().log(log.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["told to stop"]);
}

/// A panic that carries this panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "boom");
    }
}

#[distributed_task(request = (), response = ())]
struct Bombs;

#[steps]
impl Bombs {
    #[step(read_only, retry(max = 0))]
    async fn throw(&self) {
        std::panic::panic_any(Bomb);
    }
}

#[tokio::test(start_paused = true)]
async fn e1_a_panic_whose_payload_panics_when_it_is_dropped_is_caught_too() {
    let task = Bombs::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = timeout(Duration::from_secs(60), saga.outcome()).await;
    let outcome = outcome.expect("in time").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
}
