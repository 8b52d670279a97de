//! `on_exhausted = "park"` in a group (E4).

use super::{
    events::{
        cancel, cannot_be_written, did_not_happen, done, fails, refuses, refuses_midway, times_out,
        unpark,
    },
    script::{Script, given},
    task::{Row, pivot, retriable, step, task},
};

fn hotel_and_flight(row: fn(Row) -> Row) -> Script {
    given(task([
        row(step("hotel").retries(0).parks().in_group("trip")),
        row(step("flight").retries(0).parks().at_most_once().in_group("trip")),
        step("charge"),
    ]))
    .claimed()
    .starts(["run hotel", "run flight"])
}

#[test]
fn e4_its_siblings_finish_first() {
    hotel_and_flight(|row| row)
        .when(fails("hotel"))
        .writes(["hotel failed: no reply; again in 0ns", "parked: hotel exhausted: no reply"])
        .stays_owned()
        .starts_nothing()
        .when(done("flight"))
        .writes(["flight done"])
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run hotel #2"]);
}

#[test]
fn e4_a_sibling_that_fails_for_good_turns_the_saga_back_in_either_order() {
    hotel_and_flight(|row| row)
        .when(fails("hotel"))
        .when(refuses("flight"))
        .writes(["flight refused: no", "going back: flight refused", "intent undo hotel"])
        .failed_for([("flight", "no"), ("hotel", "no reply")]);
    hotel_and_flight(|row| row)
        .when(fails("hotel"))
        .when(refuses_midway("flight"))
        .ends_with("intent undo flight");
    let member = |name| step(name).retries(0).in_group("trip");
    given(task([member("hotel").parks(), member("flight")]))
        .claimed()
        .when(fails("hotel"))
        .when(times_out("flight"))
        .writes([
            "flight unknown: timed out",
            "going back: flight failed",
            "intent undo hotel",
            "intent undo flight",
        ]);
}

#[test]
fn e4_c1_what_its_probe_denied_before_it_parked_is_not_undone() {
    let member = |name| step(name).retries(0).in_group("trip");
    given(task([member("hotel").parks().probed(), member("flight")]))
        .claimed()
        .when(fails("hotel"))
        .when(did_not_happen("hotel"))
        .ends_with("parked: hotel exhausted: no reply")
        .when(refuses("flight"))
        .ends_with("compensated")
        .ends_for_good();
}

#[test]
fn e2_a_sibling_that_fails_for_good_does_not_lift_what_machinery_parked() {
    hotel_and_flight(|row| row)
        .when(cannot_be_written("hotel"))
        .when(refuses("flight"))
        .writes(["flight refused: no"])
        .waits_for_somebody();
}

#[test]
fn e4_behind_the_pivot_a_sibling_that_fails_for_good_lifts_nothing() {
    let member = |name| retriable(name).retries(0).in_group("after");
    given(task([pivot("sell"), member("ship").parks(), member("mail")]))
        .claimed()
        .when(done("sell"))
        .when(fails("ship"))
        .when(refuses("mail"))
        .writes(["mail refused: no"])
        .waits_for_somebody();
}

#[test]
fn e4_a_saga_that_is_to_go_back_does_not_park() {
    hotel_and_flight(|row| row).when(refuses("flight")).when(fails("hotel")).writes([
        "hotel unknown: no reply",
        "going back: flight refused",
        "intent undo hotel",
    ]);
    hotel_and_flight(Row::await_all).when(refuses("flight")).when(fails("hotel")).writes([
        "hotel unknown: no reply",
        "going back: flight refused",
        "intent undo hotel",
    ]);
}

/// Both park, `flight` last.
fn both_parked() -> Script {
    hotel_and_flight(|row| row).when(fails("hotel")).when(fails("flight")).waits_for_somebody()
}

#[test]
fn e4_unpark_tries_both_again() {
    both_parked().told(unpark()).claimed().starts(["run hotel #2", "run flight #2"]);
}

#[test]
fn e4_a_word_on_one_of_them_does_not_run_the_other_again() {
    both_parked()
        .told_the_output_of("flight")
        .claimed()
        .writes(["received output of flight"])
        .waits_for_somebody()
        .told_the_output_of("hotel")
        .claimed()
        .writes(["received output of hotel", "intent charge"]);
    both_parked()
        .told_the_output_of("hotel")
        .claimed()
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run flight #2"]);
}

#[test]
fn e4_a_word_that_one_of_them_did_not_happen_waits_for_no_other() {
    both_parked().told_to_mark_not_done("hotel").claimed().writes([
        "received mark hotel not done",
        "going back: hotel failed",
        "intent undo flight",
    ]);
    both_parked().told_to_mark_not_done("flight").claimed().writes([
        "received mark flight not done",
        "going back: flight failed",
        "intent undo hotel",
    ]);
}

#[test]
fn e4_a_word_does_not_lift_what_else_parked_it() {
    hotel_and_flight(|row| row)
        .when(fails("hotel"))
        .when(cannot_be_written("flight"))
        .told_the_output_of("hotel")
        .claimed()
        .waits_for_somebody();
    hotel_and_flight(|row| row)
        .when(cannot_be_written("flight"))
        .when(fails("hotel"))
        .told_the_output_of("hotel")
        .claimed()
        .waits_for_somebody();
}

#[test]
fn b2_a_group_that_waits_for_its_siblings_runs_nothing_again() {
    hotel_and_flight(Row::await_all).when(fails("flight")).when(refuses("hotel")).writes([
        "hotel refused: no",
        "going back: hotel refused",
        "intent undo flight",
    ]);
    hotel_and_flight(Row::await_all)
        .when(fails("flight"))
        .told(cancel())
        .writes(["received cancel"])
        .when(done("hotel"))
        .writes(["hotel done", "going back: cancelled", "intent undo hotel", "intent undo flight"]);
}
