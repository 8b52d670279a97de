//! Parallel groups (B1, B2, B6).

use super::{
    events::{cancel, done, fails, is_interrupted, refuses, undo},
    script::given,
    task::{pivot, read_only, retriable, step, task},
};
use crate::kernel::{Definition, SagaStatus};

fn two_and_one() -> Definition {
    task([step("hotel").in_group("trip"), step("flight").in_group("trip"), step("charge")])
}

fn patient() -> Definition {
    task([
        step("hotel").in_group("trip").await_all(),
        step("flight").in_group("trip").await_all(),
        step("charge"),
    ])
}

#[test]
fn the_members_of_a_group_are_intended_and_started_together() {
    given(two_and_one())
        .submitted()
        .writes(["started", "intent hotel", "intent flight"])
        .claimed()
        .starts(["run hotel", "run flight"]);
}

#[test]
fn inv4_what_follows_a_group_waits_for_its_last_member() {
    given(two_and_one())
        .claimed()
        .when(done("flight"))
        .writes(["flight done"])
        .starts_nothing()
        .when(done("hotel"))
        .writes(["hotel done", "intent charge"])
        .starts(["run charge"]);
}

#[test]
fn b1_a_group_fails_fast() {
    given(two_and_one())
        .claimed()
        .when(refuses("hotel"))
        .writes(["hotel refused: no"])
        .starts(["stop"])
        .stays_owned();
}

#[test]
fn c3_the_undo_of_a_group_waits_until_every_member_is_quiescent() {
    given(two_and_one())
        .claimed()
        .when(refuses("hotel"))
        .when(is_interrupted("flight"))
        .writes(["flight unknown: interrupted", "going back: hotel refused", "intent undo flight"])
        .starts(["run undo flight"]);
}

#[test]
fn b1_a_member_that_succeeds_after_the_failure_is_undone() {
    given(two_and_one())
        .claimed()
        .when(refuses("hotel"))
        .when(done("flight"))
        .writes(["flight done", "going back: hotel refused", "intent undo flight"])
        .when(undo(done("flight")))
        .writes(["undo flight done", "compensated"]);
}

#[test]
fn b1_a_member_that_fails_after_the_failure_is_not_tried_again() {
    given(two_and_one()).claimed().when(refuses("hotel")).when(fails("flight")).writes([
        "flight unknown: no reply",
        "going back: hotel refused",
        "intent undo flight",
    ]);
}

#[test]
fn b1_a_member_that_waits_for_its_retry_is_undone() {
    given(two_and_one())
        .claimed()
        .when(fails("flight"))
        .starts(["wait 1s"])
        .when(refuses("hotel"))
        .writes(["hotel refused: no", "going back: hotel refused", "intent undo flight"]);
}

#[test]
fn b2_with_await_all_the_siblings_finish_first() {
    given(patient())
        .claimed()
        .when(refuses("hotel"))
        .writes(["hotel refused: no"])
        .starts_nothing()
        .when(fails("flight"))
        .writes(["flight failed: no reply; again in 1s"])
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["run flight #2"])
        .when(done("flight"))
        .writes(["flight #2 done", "going back: hotel refused", "intent undo flight"]);
}

#[test]
fn b2_a_group_that_waits_for_its_siblings_does_not_outlive_the_deadline() {
    given(patient().within(60))
        .claimed()
        .when(refuses("hotel"))
        .starts(["wait 60s"])
        .seconds_later(60)
        .starts(["stop"])
        .when(is_interrupted("flight"))
        .writes(["flight unknown: interrupted", "going back: hotel refused", "intent undo flight"]);
}

#[test]
fn c4_the_members_of_a_group_are_undone_together() {
    given(two_and_one())
        .claimed()
        .when(done("hotel"))
        .when(done("flight"))
        .when(refuses("charge"))
        .writes([
            "charge refused: no",
            "going back: charge refused",
            "intent undo hotel",
            "intent undo flight",
        ])
        .starts(["run undo hotel", "run undo flight"])
        .when(undo(done("flight")))
        .writes(["undo flight done"])
        .when(undo(done("hotel")))
        .writes(["undo hotel done", "compensated"]);
}

#[test]
fn b6_the_first_failure_is_the_cause() {
    given(patient()).claimed().when(refuses("flight")).when(refuses("hotel")).writes([
        "hotel refused: no",
        "going back: flight refused",
        "compensated",
    ]);
}

#[test]
fn b1_a_cancel_stops_every_member() {
    given(two_and_one())
        .claimed()
        .told(cancel())
        .starts(["stop"])
        .when(done("hotel"))
        .writes(["hotel done"])
        .when(is_interrupted("flight"))
        .writes([
            "flight unknown: interrupted",
            "going back: cancelled",
            "intent undo hotel",
            "intent undo flight",
        ]);
}

#[test]
fn p3_behind_the_pivot_a_group_finishes_its_members_and_then_stands() {
    given(task([
        pivot("sell"),
        retriable("ship").in_group("after").retries(0),
        read_only("report").in_group("after"),
    ]))
    .claimed()
    .when(done("sell"))
    .when(fails("ship"))
    .writes(["ship unknown: no reply"])
    .stays_owned()
    .when(done("report"))
    .writes(["report done"])
    .is(SagaStatus::Stuck);
}
