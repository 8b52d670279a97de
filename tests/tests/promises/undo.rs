//! What is undone, in which order, with what; and what happens when undo fails.

use distributed_task::{CompensationCause, OutcomeError, prelude::*};

use crate::log::Log;

#[distributed_task(request = String, response = ())]
struct Trip {
    log: Log,
}

#[steps]
impl Trip {
    #[step(compensate = undo_flight)]
    async fn flight(&self) -> u32 {
        self.log.note("flight");
        1
    }

    async fn undo_flight(&self, cx: &UndoContext, flight: Outcome<&u32>) -> StepResult<()> {
        assert_ne!(cx.idempotency_key(), cx.step_key());
        self.log.note(format!("undo flight {flight:?}"));
        Ok(())
    }

    #[step(no_undo = "the letter is sent")]
    async fn letter(&self) -> u32 {
        self.log.note("letter");
        2
    }

    #[step(compensate = undo_hotel)]
    async fn hotel(&self) -> u32 {
        self.log.note("hotel");
        3
    }

    async fn undo_hotel(
        &self,
        cx: &UndoContext,
        request: &String,
        flight: &u32,
        hotel: Outcome<&u32>,
    ) -> StepResult<()> {
        self.log.note(format!("undo hotel {hotel:?} of flight {flight}, try {}", cx.attempt()));
        match (&**request, cx.attempt()) {
            ("flaky", 1) => Err("line busy")?,
            ("stuck", _) => Err(StepError::refuse(Refusal::new("gone", "the hotel burnt down"))),
            _ => Ok(()),
        }
    }

    #[step(compensate = undo_car)]
    async fn car(&self, request: &String) -> StepResult<u32> {
        self.log.note("car");
        Err(StepError::refuse(Refusal::new("no_car", request)))
    }

    async fn undo_car(&self) -> StepResult<()> {
        self.log.note("undo car");
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

async fn trip(how: &str) -> (Result<TripOutcome, OutcomeError>, Vec<String>) {
    let log = Log::default();
    let task = Trip::builder().log(log.clone()).use_in_process_mode().build().await;
    let saga = task.expect("it builds").submit(how.to_owned()).await.expect("submitted");
    (saga.outcome().await, log.entries())
}

const FORWARD: [&str; 4] = ["flight", "letter", "hotel", "car"];

#[tokio::test(start_paused = true)]
async fn c4_undo_runs_backwards_c2_with_what_was_journaled_and_c1_a_refused_step_needs_none() {
    let (outcome, log) = trip("plain").await;
    let SagaOutcome::Compensated { cause, residual, settled, .. } = outcome.expect("an outcome")
    else {
        panic!("not compensated")
    };
    let error = Refusal::new("no_car", "plain");
    assert_eq!(cause, CompensationCause::Refused { step: "car".to_owned(), error });
    assert_eq!(
        residual.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["letter: the letter is sent"]
    );
    assert!(settled);
    assert_eq!(log[..4], FORWARD);
    assert_eq!(log[4..], ["undo hotel Done(3) of flight 1, try 1", "undo flight Done(1)"]);
}

#[tokio::test(start_paused = true)]
async fn c5_an_undo_that_fails_is_tried_again_before_the_next() {
    let (outcome, log) = trip("flaky").await;
    assert!(matches!(outcome, Ok(SagaOutcome::Compensated { .. })), "{outcome:?}");
    assert_eq!(
        log[4..],
        [
            "undo hotel Done(3) of flight 1, try 1",
            "undo hotel Done(3) of flight 1, try 2",
            "undo flight Done(1)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn c7_an_undo_that_only_an_operator_can_help_leaves_the_saga_stuck() {
    let (outcome, log) = trip("stuck").await;
    let Err(OutcomeError::Stuck { steps, reason, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((&*steps.join(" "), &*reason), ("hotel", "the hotel burnt down (gone)"));
    assert_eq!(log.last().map(String::as_str), Some("undo hotel Done(3) of flight 1, try 1"));
}
