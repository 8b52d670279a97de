//! A probe settles what nobody knows (E3).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{CompensationCause, OutcomeError, kernel::Doubt, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::log::Log;

/// What the probe sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Sees {
    Happened,
    DidNot,
    Nothing,
    /// The probe refuses, which no probe should.
    Refuses,
    /// The probe fails so many times before it sees that it happened.
    After(u32),
}

/// Charges a card over a line on which every answer is lost.
#[distributed_task(request = Sees, response = u32, cancellable)]
struct Charge {
    log: Log,
    asked: Arc<AtomicU32>,
}

#[steps]
impl Charge {
    #[step(compensate = release)]
    async fn hold(&self) -> u32 {
        7
    }

    async fn release(&self) {
        self.log.note("release");
    }

    #[step(
        compensate = refund, probe = find, timeout = "30s",
        retry(max = 1, delay = "10s", jitter = "none")
    )]
    async fn charge(&self, cx: &StepContext, request: &Sees) -> StepResult<u32> {
        self.log.note(format!("charge {}", cx.attempt()));
        let _ = request;
        sleep(Duration::from_secs(3600)).await;
        Ok(0)
    }

    async fn find(&self, cx: &ProbeContext, request: &Sees, hold: &u32) -> StepResult<Probe<u32>> {
        self.log.note(format!("probe {}", cx.attempt()));
        assert_eq!(cx.step(), "charge");
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        match request {
            Sees::Happened => Ok(Probe::Happened(*hold)),
            Sees::DidNot => Ok(Probe::DidNot),
            Sees::Nothing => Ok(Probe::CannotTell),
            Sees::Refuses => Err(StepError::refuse(Refusal::new("no", "ask somebody else"))),
            Sees::After(failures) if asked < *failures => Err("the line is dead")?,
            Sees::After(_) => Ok(Probe::Happened(*hold)),
        }
    }

    async fn refund(&self, charge: Outcome<&u32>) {
        self.log.note(format!("refund {charge:?}"));
    }

    #[response]
    fn respond(&self, charge: &u32) -> u32 {
        *charge
    }
}

async fn charge(sees: Sees) -> (ChargeOutcome, Vec<String>) {
    let log = Log::default();
    let builder = Charge::builder().log(log.clone()).asked(Arc::default());
    let task = builder.use_in_process_mode().build().await.expect("it builds");
    let saga = task.submit(sees).await.expect("submitted");
    (saga.outcome().await.expect("an outcome"), log.entries())
}

#[tokio::test(start_paused = true)]
async fn e3_a_probe_is_asked_before_the_step_is_run_again_and_its_answer_is_the_outcome() {
    let (outcome, log) = charge(Sees::Happened).await;
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(log, ["charge 1", "probe 1"]);
}

#[tokio::test(start_paused = true)]
async fn e3_a_step_that_did_not_happen_is_run_again_and_not_undone_in_the_end() {
    let (outcome, log) = charge(Sees::DidNot).await;
    let SagaOutcome::Compensated { cause, residual, settled, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let failed = CompensationCause::Failed { step: "charge".to_owned(), error: Doubt::TimedOut };
    assert_eq!(cause, failed);
    assert!(residual.is_empty() && settled, "the probe has disproved it");
    assert_eq!(log, ["charge 1", "probe 1", "charge 2", "probe 1", "release"]);
}

#[tokio::test(start_paused = true)]
async fn e3_a_probe_that_cannot_tell_leaves_the_same_key_and_then_an_undo_that_does_not_know() {
    for sees in [Sees::Nothing, Sees::Refuses] {
        let (outcome, log) = charge(sees).await;
        assert!(matches!(outcome, SagaOutcome::Compensated { settled: false, .. }), "{outcome:?}");
        let expected = ["charge 1", "probe 1", "charge 2", "probe 1", "refund Unknown", "release"];
        assert_eq!(log, expected, "{sees:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn e3_a_probe_that_fails_is_asked_again() {
    let (outcome, log) = charge(Sees::After(2)).await;
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(log, ["charge 1", "probe 1", "probe 2", "probe 3"]);
}

#[tokio::test(start_paused = true)]
async fn e3_a_probe_that_fails_for_ever_cannot_tell() {
    let (outcome, log) = charge(Sees::After(100)).await;
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(log.iter().filter(|what| what.starts_with("probe")).count(), 8, "{log:?}");
    assert_eq!(log[log.len() - 2..], ["refund Unknown", "release"]);
}

/// A card is charged once: the point of no return.
#[distributed_task(request = Sees, response = u32)]
struct Sale {
    log: Log,
    asked: Arc<AtomicU32>,
}

#[steps]
impl Sale {
    #[step(compensate = release)]
    async fn hold(&self) -> u32 {
        7
    }

    async fn release(&self) {
        self.log.note("release");
    }

    #[step(pivot, at_most_once, probe = find)]
    async fn charge(&self) -> StepResult<u32> {
        self.log.note("charge");
        Err("the answer is lost")?
    }

    fn find(&self, request: &Sees, hold: &u32) -> Probe<u32> {
        self.log.note("probe");
        match (request, self.asked.fetch_add(1, Ordering::SeqCst)) {
            (Sees::Happened, _) => Probe::Happened(*hold),
            (Sees::DidNot, _) => Probe::DidNot,
            (Sees::After(questions), asked) if asked >= *questions => Probe::Happened(*hold),
            _ => Probe::CannotTell,
        }
    }

    #[step(retriable)]
    async fn ship(&self, charge: &u32) -> u32 {
        *charge
    }
}

async fn sale(sees: Sees) -> (Task<Sale>, SagaHandle<Sale>, Log) {
    let log = Log::default();
    let builder = Sale::builder().log(log.clone()).asked(Arc::default());
    let task = builder.use_in_process_mode().build().await.expect("it builds");
    let saga = task.submit(sees).await.expect("submitted");
    (task, saga, log)
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_that_a_probe_finds_goes_on() {
    let (_task, saga, log) = sale(Sees::Happened).await;
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(log.entries(), ["charge", "probe"]);
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_that_did_not_happen_goes_back() {
    let (_task, saga, log) = sale(Sees::DidNot).await;
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: true, .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["charge", "probe", "release"]);
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_of_which_nobody_knows_is_parked_and_its_probe_asked_again_later() {
    let (task, saga, log) = sale(Sees::After(1)).await;
    let outcome = saga.outcome().await;
    assert!(matches!(outcome, Err(OutcomeError::Parked { .. })), "{outcome:?}");
    assert_eq!(log.entries(), ["charge", "probe"]);

    task.operator("alice").retry(saga.id()).await.expect("it is parked");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(log.entries(), ["charge", "probe", "probe"], "it is never charged twice");
}
