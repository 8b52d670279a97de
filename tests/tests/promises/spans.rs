//! What `tracing` is told: a span for a saga on its host, in it one for each attempt.

use std::{sync::Arc, time::Duration};

use distributed_task::{OutcomeError, kernel::SagaId, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::recorder::{Recorder, Seen};

/// In the request and in what the steps return.
const CARD: &str = "4111-1111-1111-1111";

#[derive(Clone, Serialize, Deserialize)]
struct Cart {
    card: String,
    has_money: bool,
}

#[distributed_task(name = "purchases", request = Cart, response = String)]
struct Purchase;

#[steps]
impl Purchase {
    #[step(compensate = undo_reserve, retry(max = 1, delay = "10s", jitter = "none"))]
    async fn reserve(&self, cx: &StepContext, request: &Cart) -> StepResult<String> {
        tracing::info!("a word of the step");
        match cx.attempt() {
            1 => Err("busy")?,
            _ => Ok(request.card.clone()),
        }
    }

    async fn undo_reserve(&self, cx: &UndoContext, reserve: Outcome<&String>) -> StepResult<()> {
        assert!(matches!(reserve, Outcome::Done(card) if card == CARD));
        match cx.attempt() {
            1 => Err("line busy")?,
            _ => Ok(()),
        }
    }

    #[step(read_only, when = is_gift)]
    async fn wrap(&self) {}

    fn is_gift(&self) -> bool {
        false
    }

    #[step(read_only)]
    async fn charge(&self, request: &Cart) -> StepResult<String> {
        match request.has_money {
            true => Ok(request.card.clone()),
            false => Err(StepError::refuse(Refusal::new("no_money", "no money"))),
        }
    }
}

async fn purchase(has_money: bool) -> (Recorder, SagaId) {
    let (recorder, _guard) = Recorder::start();
    let task = Purchase::builder().use_in_process_mode().build().await.expect("it builds");
    let request = Cart { card: CARD.to_owned(), has_money };
    let saga = task.submit(request).await.expect("submitted");
    match saga.outcome().await.expect("an outcome") {
        SagaOutcome::Completed(card) => assert!(has_money && card == CARD),
        SagaOutcome::Compensated { .. } => assert!(!has_money),
        other => panic!("{other:?}"),
    }
    let id = saga.id();
    assert!(task.shutdown(Duration::from_secs(60)).await.in_time);
    (recorder, id)
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_span_that_says_how_it_ended_and_a_skipped_step_has_none() {
    let (recorder, _) = purchase(true).await;
    let wanted = ["1 reserve, do 1: failed", "1 reserve, do 2: done", "3 charge, do 1: done"];
    assert_eq!(recorder.attempts(), wanted);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_to_undo_has_a_span_too() {
    let (recorder, _) = purchase(false).await;
    let undone = ["1 reserve, undo 1: failed", "1 reserve, undo 2: done"];
    assert_eq!(recorder.attempts()[2..], [&["3 charge, do 1: refused"], &undone[..]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_span_of_a_step_is_inside_one_of_its_saga_and_both_name_it() {
    let (recorder, saga) = purchase(false).await;
    let (saga, steps) = (saga.to_string(), recorder.spans("step"));
    assert_eq!(steps.len(), 5);
    for step in steps {
        let around = step.inside.expect("it is inside a span");
        let around = recorder.with(|all| all.spans[around].clone());
        assert_eq!(around.name, "saga");
        for span in [step, around] {
            let wanted = [("task.id", &*saga), ("task.name", "purchases")];
            let fields = wanted.map(|(field, _)| (field, span.fields.get(field)));
            assert_eq!(fields, wanted);
            assert_eq!(span.holders, 0, "it is closed: {span:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_step_says_is_inside_its_span() {
    let (recorder, _) = purchase(true).await;
    let said = recorder.with(|all| {
        let said = |event: &&Seen| event.fields.get("message") == "a word of the step";
        let events = all.events.iter().filter(said);
        events.map(|event| all.spans[event.inside.expect("a span")].clone()).collect::<Vec<_>>()
    });
    let attempts = said.iter().map(|span| (span.name, span.fields.get("step.attempt")));
    assert_eq!(attempts.collect::<Vec<_>>(), [("step", "1"), ("step", "2")]);
}

/// Does not come back as what it was: the codec quotes it when it says so.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String")]
struct Changeling(#[allow(dead_code, reason = "nobody gets as far as reading it")] u32);

impl From<Changeling> for String {
    fn from(_: Changeling) -> Self {
        CARD.to_owned()
    }
}

#[distributed_task(request = (), response = ())]
struct Swap;

#[steps]
impl Swap {
    #[step(read_only)]
    async fn swap(&self) -> Changeling {
        Changeling(1)
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn no_request_and_no_output_is_in_a_span_or_an_event() {
    for has_money in [true, false] {
        let (recorder, _) = purchase(has_money).await;
        let words = recorder.words();
        assert!(words.contains("line busy") != has_money, "nothing is hidden but values: {words}");
        assert!(!words.contains(CARD), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_codec_quotes_is_in_no_span_or_event_either() {
    let (recorder, _guard) = Recorder::start();
    let task = Swap::builder().use_in_process_mode().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let parked = saga.outcome().await.expect_err("a step whose output nobody can read");
    let OutcomeError::Parked { reason, .. } = parked else { panic!("{parked:?}") };
    assert!(reason.to_string().contains(CARD), "who asks is told: {reason}");
    assert_eq!(recorder.attempts(), ["1 swap, do 1: undecodable"]);
    let words = recorder.words();
    assert!(!words.contains(CARD), "{words}");
}

#[distributed_task(request = (), response = ())]
struct Endless {
    running: Arc<Notify>,
}

#[steps]
impl Endless {
    #[step(read_only)]
    async fn run(&self) {
        self.running.notify_one();
        std::future::pending::<()>().await;
    }
}

#[test]
fn an_attempt_that_ends_with_its_runtime_is_abandoned() {
    let (recorder, _guard) = Recorder::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let running = Arc::new(Notify::new());
    let task = Endless::builder().running(Arc::clone(&running)).use_in_process_mode();
    let task = runtime.block_on(async {
        let task = task.build().await.expect("it builds");
        task.submit(()).await.expect("submitted");
        running.notified().await;
        task
    });
    assert_eq!(recorder.attempts(), ["1 run, do 1: ?"]);
    drop(runtime);
    assert_eq!(recorder.attempts(), ["1 run, do 1: abandoned"]);
    drop(task);
}
