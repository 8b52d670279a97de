//! Scripted outcomes: each verb does what it says.

use distributed_task::{
    CompensationCause, OutcomeError,
    kernel::Doubt,
    prelude::*,
    testing::{RunEnd, TestHost},
};

use crate::shop::{Order, order};

/// Why the saga went back.
async fn cause(test: &TestHost<Order>) -> CompensationCause<Refusal> {
    match test.run(1200).await {
        Ok(SagaOutcome::Compensated { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

fn failed(step: &str, error: Doubt) -> CompensationCause<Refusal> {
    CompensationCause::Failed { step: step.to_owned(), error }
}

fn no() -> Refusal {
    Refusal::new("no", "not today")
}

#[tokio::test]
async fn a_step_fails_so_often_and_no_more() {
    for times in [1, 3] {
        let test = TestHost::new(order).fail_times("charge", times);
        assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(1200))));
        assert_eq!(test.ledger().runs_of("charge"), times as usize + 1);
        let calls = test.ledger().entries().into_iter().filter(|call| call.account == "card/4711");
        assert_eq!(calls.count(), 1, "its code did not run before");
    }
    let test = TestHost::new(order).fail_times("charge", 4);
    let error = Doubt::Failed("failed by the test".to_owned());
    assert_eq!(cause(&test).await, failed("charge", error));
}

#[tokio::test]
async fn a_step_hangs_until_its_time_is_up() {
    let test = TestHost::new(order).hang("charge");
    assert_eq!(cause(&test).await, failed("charge", Doubt::TimedOut));
    assert!(test.ledger().entries().iter().all(|entry| entry.account != "card/4711"));
    let test = TestHost::new(order).hang_once("charge");
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(1200))));
    let test = TestHost::new(order).hang_after("charge");
    assert_eq!(cause(&test).await, failed("charge", Doubt::TimedOut));
    assert!(test.ledger().entries().iter().any(|entry| entry.account == "card/4711"));
    assert_eq!(test.ledger().balance("card/4711"), 0, "it is undone as unknown");
}

#[tokio::test]
async fn a_step_panics() {
    let panicked = || Doubt::Panicked("panicked by the test".to_owned());
    let test = TestHost::new(order).panic("ship");
    assert_eq!(cause(&test).await, failed("ship", panicked()));
    let test = TestHost::new(order).panic_after("ship");
    assert_eq!(cause(&test).await, failed("ship", panicked()));
    assert!(test.ledger().entries().iter().any(|entry| entry.account == "parcels"));
}

#[tokio::test]
async fn a_step_refuses_with_the_error_of_its_task() {
    let test = TestHost::new(order).refuse("ship", no());
    let refused = CompensationCause::Refused { step: "ship".to_owned(), error: no() };
    assert_eq!(cause(&test).await, refused);
    assert_eq!((test.ledger().runs_of("ship"), test.ledger().undos_of("ship")), (1, 0));
}

#[tokio::test]
async fn an_answer_is_lost_when_the_step_has_run() {
    let test = TestHost::new(order).lose_answers("charge", 2);
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(1200))));
    let entries = test.ledger().entries();
    let charges = entries.iter().filter(|entry| entry.account == "card/4711");
    assert_eq!((charges.count(), test.ledger().balance("card/4711")), (3, 1200));
}

#[tokio::test]
async fn an_undo_fails_hangs_and_loses_its_answer_and_is_tried_again() {
    let hosts = [
        TestHost::new(order).fail_undo_once("charge"),
        TestHost::new(order).fail_undo_times("charge", 2),
        TestHost::new(order).lose_undo_answer("charge"),
    ];
    for (test, runs) in hosts.into_iter().zip([2, 3, 2]) {
        let test = test.refuse("ship", no());
        cause(&test).await;
        assert_eq!(test.ledger().undos_of("charge"), runs);
        assert_eq!(test.ledger().balance("card/4711"), 0);
    }
}

#[tokio::test]
async fn an_undo_that_refuses_hangs_or_panics_is_stuck() {
    let hosts = [
        TestHost::new(order).refuse_undo("charge", no()),
        TestHost::new(order).hang_undo("charge"),
        TestHost::new(order).panic_undo("charge"),
    ];
    for test in hosts {
        let test = test.refuse("ship", no());
        match test.run(1200).await {
            Err(OutcomeError::Stuck { steps, .. }) => assert_eq!(steps, ["charge"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(test.ledger().balance("card/4711"), 1200);
    }
}

#[tokio::test]
async fn lines_of_one_step_count_in_their_order() {
    let test = TestHost::new(order).lose_answer("charge").fail_once("charge").panic("charge");
    cause(&test).await;
    let runs = test.ledger().runs();
    let ends: Vec<_> = runs.iter().filter(|run| run.step == "charge").map(|run| &run.end).collect();
    let is_failed = |end: &RunEnd| matches!(end, RunEnd::Failed(_));
    assert!(is_failed(ends[0]) && is_failed(ends[1]) && !is_failed(ends[2]), "{ends:?}");
}

#[test]
#[should_panic(
    expected = "`order` has no step `chrage`; did you mean `charge`?; its steps: reserve, charge, ship, check"
)]
fn an_unknown_step_is_a_panic_that_names_those_there_are() {
    let _ = TestHost::new(order).fail_once("chrage");
}

#[test]
#[should_panic(expected = "the step `check` of `order` has no undo")]
fn the_undo_of_a_step_without_one_is_a_panic() {
    let _ = TestHost::new(order).fail_undo_once("check");
}
