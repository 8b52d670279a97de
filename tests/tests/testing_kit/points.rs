//! One point at a time, and what must be found out.

use std::{env, process::Command};

use distributed_task::{
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};

use crate::shop::{Order, order};

/// Charges as often as it runs.
#[derive(Default)]
#[distributed_task(request = i64, response = ())]
struct Naive {
    bank: EffectLedger,
}

#[steps]
impl Naive {
    #[step(no_undo = "nobody gives it back")]
    async fn charge(&self, cx: &StepContext, request: &i64) {
        self.bank.add(cx.idempotency_key(), "card", *request);
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn the_line_of_a_failure_runs_that_and_nothing_else() {
    let failure = crash_matrix::<Naive>(5).try_check().await.expect_err("it is found");
    assert!(failure.runs() > 1, "{failure}");
    let point = failure.points().next().expect("there is one").to_owned();
    let line = "CRASH_POINT=\"naive/plain:2:before\" cargo test \
                points::the_line_of_a_failure_runs_that_and_nothing_else";
    assert_eq!(failure.replay(), line);

    let again = crash_matrix::<Naive>(5).at(&point).try_check().await.expect_err("it is found");
    assert_eq!((again.runs(), again.broken(&point)), (1, failure.broken(&point)));
    let sound = crash_matrix::<Naive>(5).at("naive/plain:2:after").check().await;
    assert_eq!((sound.writes, sound.runs), (2, 1));
}

/// What the test below starts with the variable set.
#[tokio::test]
async fn checked_in_a_process_of_its_own() {
    let Ok(point) = env::var("CRASH_POINT") else {
        assert!(crash_matrix::<Order>(1200).check().await.runs > 100);
        return;
    };
    let report = crash_matrix::<Order>(1200).check().await;
    assert_eq!(report.runs == 1, point.starts_with("order/"), "{point}: {report:?}");
    if point.starts_with("naive/") {
        crash_matrix::<Naive>(5).check().await;
    }
}

/// What that test prints, and whether it passes.
fn checked_at(point: &str) -> (bool, String) {
    let mut test = Command::new(env::current_exe().expect("it runs"));
    test.args(["--exact", "points::checked_in_a_process_of_its_own", "--nocapture"]);
    let output = test.env("CRASH_POINT", point).output().expect("it can be started");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_variable_names_the_only_run_of_its_task() {
    let (passes, text) = checked_at("order/charge.lost:4:unanswered");
    assert!(passes, "{text}");
    let (passes, text) = checked_at("naive/plain:2:before");
    assert!(!passes && text.contains("crash matrix of `naive`: 1 of 1 runs failed"), "{text}");
    for (wrong, says) in [
        (
            "order/charge.lots",
            "CRASH_POINT=order/charge.lots: `order` has no scenario `charge.lots`",
        ),
        ("order/plain:0:before", "`plain:0:before` names no write and side"),
        ("plain", "`plain` does not name the task of a run"),
        (
            "order/plain:99:before",
            "CRASH_POINT=order/plain:99:before: there is no such run: `plain` has 5 writes, and \
             none of number 99",
        ),
    ] {
        let (passes, text) = checked_at(wrong);
        assert!(!passes && text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn inv14_without_anybody_who_comes_after_a_crash_the_matrix_fails() {
    let failure = crash_matrix::<Order>(1200).task(order).without_recovery().try_check().await;
    let failure = failure.expect_err("its sagas do not end");
    let open = "INV14: it should be completed, and is waiting for an operator: reserve: step ended, \
                generation 0, attempt 1: done";
    assert_eq!(failure.broken("order/plain:3:before"), [open], "{failure}");
    // Before the first write there is no saga, behind the last one it is over; the rest is open.
    let swept: usize = [5, 3, 5, 7, 8].iter().map(|writes| 2 * writes - 2).sum();
    assert_eq!(failure.points().count(), swept, "{failure}");
}

#[tokio::test]
#[should_panic(expected = "the crash matrix of `order` brings its own journal")]
async fn a_journal_of_the_task_is_refused() {
    use distributed_task::backend::memory::MemoryJournal;
    let own = |ledger| order(ledger).override_journal(MemoryJournal::new());
    crash_matrix::<Order>(1200).task(own).check().await;
}

#[tokio::test]
async fn inv14_a_saga_that_takes_too_long_is_found() {
    let matrix = crash_matrix::<Order>(1200).task(order).fail_times("charge", 3);
    let failure = matrix.within(std::time::Duration::from_secs(60)).try_check().await;
    let failure = failure.expect_err("it waits for hours");
    assert!(
        failure.broken("order/plain")[0].starts_with("INV14: it is not over after 60s"),
        "{failure}"
    );
}

/// Says no with a word of its own, and has a step that is not always there.
#[derive(Default)]
#[distributed_task(request = bool, response = (), error = String)]
struct Choosy {
    bank: EffectLedger,
}

#[steps]
impl Choosy {
    #[step(compensate = refund, when = wants)]
    async fn charge(&self, cx: &StepContext) {
        self.bank.once(cx.idempotency_key(), "card", 5);
    }

    fn wants(&self, request: &bool) -> bool {
        *request
    }

    async fn refund(&self, cx: &UndoContext) -> StepResult<(), String> {
        self.bank.take_back(cx.step_key());
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn the_last_write_there_is_can_be_named() {
    let at = |point: &str| crash_matrix::<Choosy>(true).at(point).check();
    assert_eq!(at("choosy/plain:2:after").await.runs, 1);
    assert_eq!(at("choosy/charge.lost:3:after").await.runs, 1);
}

#[tokio::test]
#[should_panic(expected = "CRASH_POINT=choosy/charge.lost:4:after: there is no such run: \
                           `charge.lost` has 3 writes, and none of number 4")]
async fn a_write_behind_the_last_one_is_a_panic_that_says_how_many_there_are() {
    crash_matrix::<Choosy>(true).at("choosy/charge.lost:4:after").check().await;
}

#[tokio::test]
#[should_panic(expected = "there is no such run: its step does not run when nothing goes wrong")]
async fn a_scenario_of_a_step_that_does_not_run_is_a_panic() {
    crash_matrix::<Choosy>(false).at("choosy/charge.lost").check().await;
}

#[tokio::test]
#[should_panic(expected = "there is no such run: nobody says with what the step refuses")]
async fn a_refusal_that_nobody_can_make_is_a_panic() {
    crash_matrix::<Choosy>(true).at("choosy/charge.refused").check().await;
}
