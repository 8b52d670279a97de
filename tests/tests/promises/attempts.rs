//! Attempts that must not be repeated, that did a part of the work, or that are used up.

use std::time::Duration;

use distributed_task::{CompensationCause, OperatorAnswer, OutcomeError, WhyParked, prelude::*};
use tokio::time::sleep;

use crate::log::Log;

/// How a step behaves.
#[derive(Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Does {
    Work,
    Hang,
    Half,
    Nothing,
    FailTwice,
}

#[distributed_task(request = Does, response = u32)]
struct Parcel {
    log: Log,
}

#[steps]
impl Parcel {
    #[step(compensate = unpack)]
    async fn pack(&self, request: &Does) -> PartialResult<u32> {
        self.log.note("pack");
        match request {
            Does::Half => Err(PartialError::partial(1, Refusal::new("half", "one of two")))?,
            Does::Nothing => Err(PartialError::refuse(Refusal::new("none", "none of two")))?,
            _ => Ok(2),
        }
    }

    async fn unpack(&self, pack: Outcome<&u32>) {
        self.log.note(format!("unpack {pack:?}"));
    }

    #[step(compensate = call_back, at_most_once, timeout = "1m")]
    async fn send(&self, request: &Does) -> StepResult<()> {
        self.log.note("send");
        if *request == Does::Hang {
            sleep(Duration::from_secs(3600)).await;
        }
        Ok(())
    }

    async fn call_back(&self, send: Outcome<&()>) {
        self.log.note(format!("call back {send:?}"));
    }

    #[step(compensate = erase, on_exhausted = "park", retry(max = 1, delay = "1s"))]
    async fn note(&self, cx: &StepContext, request: &Does) -> StepResult<u32> {
        self.log.note(format!("note #{}", cx.attempt()));
        if *request == Does::FailTwice && cx.attempt() < 3 {
            Err("the book is closed")?;
        }
        Ok(3)
    }

    async fn erase(&self, note: Outcome<&u32>) {
        self.log.note(format!("erase {note:?}"));
    }

    #[response]
    fn respond(&self, note: &u32) -> u32 {
        *note
    }
}

async fn parcel(does: Does) -> (Task<Parcel>, SagaHandle<Parcel>, Log) {
    let log = Log::default();
    let task = Parcel::builder().log(log.clone()).build().await.expect("it builds");
    let saga = task.submit(does).await.expect("submitted");
    (task, saga, log)
}

#[tokio::test(start_paused = true)]
async fn e1_a_step_that_did_a_part_is_undone_with_what_it_did() {
    let (_task, saga, log) = parcel(Does::Half).await;
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, residual, settled, .. } = outcome else { panic!("back") };
    assert!(matches!(cause, CompensationCause::Refused { error, .. } if error.code == "half"));
    assert_eq!((residual.len(), settled), (0, true));
    assert_eq!(log.entries(), ["pack", "unpack Partial(1)"]);
}

#[tokio::test(start_paused = true)]
async fn e1_a_refusal_beside_it_asserts_that_nothing_was_done() {
    let (_task, saga, log) = parcel(Does::Nothing).await;
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Compensated { .. })));
    assert_eq!(log.entries(), ["pack"]);
}

#[tokio::test(start_paused = true)]
async fn e3_what_runs_at_most_once_is_not_tried_again_and_its_undo_knows_nothing() {
    let (_task, saga, log) = parcel(Does::Hang).await;
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: false, .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["pack", "send", "call back Unknown", "unpack Done(2)"]);
}

#[tokio::test(start_paused = true)]
async fn e4_used_up_tries_park_a_saga_that_says_so_and_an_operator_gives_new_ones() {
    let (task, saga, log) = parcel(Does::FailTwice).await;
    let error = saga.outcome().await.expect_err("it needs somebody");
    assert!(
        matches!(&error, OutcomeError::Parked { reason: WhyParked::Exhausted { step, .. }, .. } if step == "note"),
        "{error}"
    );
    assert_eq!(log.entries(), ["pack", "send", "note #1", "note #2"]);
    let answer = task.operator("alice").retry(saga.id()).await.expect("told");
    assert_eq!(answer, OperatorAnswer::Recorded);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(3)), "{outcome:?}");
    assert_eq!(log.entries().last().map(String::as_str), Some("note #3"));
}

#[tokio::test(start_paused = true)]
async fn e4_a_parked_saga_that_is_cancelled_goes_back_and_undoes_what_may_have_happened() {
    let (task, saga, log) = parcel(Does::FailTwice).await;
    saga.outcome().await.expect_err("it needs somebody");
    task.operator("alice").cancel(saga.id(), "not wanted").await.expect("told");
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Cancelled { .. })));
    let undone = ["erase Unknown", "call back Done(())", "unpack Done(2)"];
    assert_eq!(log.entries()[4..], undone.map(str::to_owned));
}

#[tokio::test(start_paused = true)]
async fn all_well_it_completes() {
    let (_task, saga, log) = parcel(Does::Work).await;
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(3))));
    assert_eq!(log.entries(), ["pack", "send", "note #1"]);
}
