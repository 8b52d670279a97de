//! A step that is run at most once (E3).

use super::{
    events::{
        cancel, cannot_be_written, cannot_tell, did_not_happen, done, fails, happened,
        is_interrupted, outlives_its_time, panics, refuses, times_out, undo, unpark,
    },
    script::{Script, given},
    task::{pivot, read_only, retriable, step, task},
};
use crate::kernel::SagaStatus;

fn charging() -> Script {
    given(task([step("reserve"), step("charge").at_most_once(), step("ship")]))
        .claimed()
        .when(done("reserve"))
        .starts(["run charge"])
}

#[test]
fn e3_any_doubt_about_it_ends_unknown_and_it_is_never_run_again() {
    for (end, said) in [
        (fails("charge"), "charge unknown: no reply"),
        (times_out("charge"), "charge unknown: timed out"),
        (panics("charge"), "charge unknown: panicked: oh"),
        (is_interrupted("charge"), "charge unknown: interrupted"),
    ] {
        charging().when(end).writes([said, "going back: charge failed", "intent undo charge"]);
    }
}

#[test]
fn e3_its_success_and_its_refusal_leave_no_doubt() {
    charging().when(done("charge")).writes(["charge done", "intent ship"]);
    charging().when(refuses("charge")).ends_with("intent undo reserve");
}

#[test]
fn e3_it_is_unknown_when_its_host_died() {
    charging()
        .host_dies()
        .seconds_later(600)
        .claimed()
        .writes([
            "charge unknown: its host is gone",
            "going back: charge failed",
            "intent undo charge",
        ])
        .failed_for([("charge", "its host is gone")]);
}

#[test]
fn e3_it_is_unknown_when_it_was_interrupted_at_shutdown() {
    charging()
        .host_leaves()
        .when(is_interrupted("charge"))
        .writes(["charge unknown: interrupted", "going back: charge failed", "intent undo charge"])
        .becomes_ready();
}

#[test]
fn e3_it_is_run_by_the_host_that_claims_it_first() {
    given(task([step("charge").at_most_once()]))
        .submitted()
        .becomes_ready()
        .claimed()
        .starts(["run charge"]);
}

#[test]
fn e3_it_is_run_when_its_host_left_before_it_began() {
    given(task([step("charge").at_most_once()]))
        .without_a_slot()
        .claimed()
        .host_leaves()
        .becomes_ready()
        .with_a_slot()
        .claimed()
        .starts(["run charge"]);
}

#[test]
fn e3_it_is_not_run_again_after_a_retry_of_its_sibling() {
    given(task([
        step("hotel").in_group("trip").await_all(),
        step("flight").in_group("trip").await_all().at_most_once(),
    ]))
    .claimed()
    .when(fails("flight"))
    .writes(["flight unknown: no reply"])
    .when(fails("hotel"))
    .seconds_later(1)
    .starts(["run hotel #2"])
    .when(done("hotel"))
    .writes([
        "hotel #2 done",
        "going back: flight failed",
        "intent undo hotel",
        "intent undo flight",
    ]);
}

#[test]
fn e3_a_lost_sibling_is_run_again_and_it_is_not() {
    given(task([
        step("hotel").in_group("trip").await_all(),
        step("flight").in_group("trip").await_all().at_most_once(),
    ]))
    .claimed()
    .host_dies()
    .claimed()
    .writes(["flight unknown: its host is gone", "hotel failed: its host is gone; again in 0ns"])
    .starts(["run hotel #2"]);
}

#[test]
fn e3_an_output_that_cannot_be_written_waits_for_an_operator() {
    charging()
        .when(cannot_be_written("charge"))
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .starts(["run charge"]);
}

#[test]
fn j5_a_late_success_of_it_is_its_outcome() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip").at_most_once()]))
        .claimed()
        .host_dies()
        .told_late(done("flight"))
        .claimed()
        .writes([
            "received late flight",
            "flight done",
            "hotel failed: its host is gone; again in 0ns",
        ])
        .starts(["run hotel #2"]);
}

#[test]
fn e3_a_cancel_of_a_lost_one_is_the_cause() {
    charging()
        .host_dies()
        .told(cancel())
        .seconds_later(600)
        .claimed()
        .writes([
            "received cancel",
            "charge unknown: its host is gone",
            "going back: cancelled",
            "intent undo charge",
        ])
        .when(undo(done("charge")))
        .when(undo(done("reserve")))
        .ends_with("cancelled; settles in 1260s");
}

#[test]
fn p3_behind_the_pivot_it_is_stuck_until_an_operator_runs_it_again() {
    given(task([pivot("sell"), retriable("ship").at_most_once()]))
        .claimed()
        .when(done("sell"))
        .when(fails("ship"))
        .writes(["ship unknown: no reply"])
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .starts(["run ship #2"])
        .when(outlives_its_time("ship"))
        .writes(["ship #2 unknown: timed out, and its thread does not stop"])
        .is(SagaStatus::Stuck);
}

// ---- with a probe ------------------------------------------------------------------------------

fn asking() -> Script {
    given(task([step("reserve"), step("charge").at_most_once().probed()]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("charge"))
        .starts(["run probe charge"])
}

#[test]
fn e3_with_a_probe_it_is_asked_first() {
    asking().when(happened("charge")).writes(["probe charge done", "completed"]);
}

#[test]
fn e3_what_did_not_happen_is_not_run_again_either() {
    asking().when(did_not_happen("charge")).writes([
        "probe charge did not happen",
        "going back: charge failed",
        "intent undo reserve",
    ]);
}

#[test]
fn e3_where_the_probe_cannot_tell_it_is_unknown() {
    asking().when(cannot_tell("charge")).writes([
        "probe charge unknown: timed out",
        "going back: charge failed",
        "intent undo charge",
    ]);
}

#[test]
fn e3_a_lost_one_is_asked_about_and_not_run_again() {
    given(task([step("reserve"), step("charge").at_most_once().probed()]))
        .claimed()
        .when(done("reserve"))
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run probe charge"])
        .when(cannot_tell("charge"))
        .writes([
            "charge failed: its host is gone; again in 0ns",
            "probe charge unknown: its host is gone",
        ])
        .waits_for(600)
        .seconds_later(600)
        .claimed()
        .writes(["going back: charge failed", "intent undo charge"]);
}

#[test]
fn schedule_b10_an_administrative_claim_does_not_make_anybody_forget_it() {
    given(task([step("charge").at_most_once().probed()]))
        .claimed()
        .host_dies()
        .told_to_waive("charge")
        .administered()
        .writes(["received waive charge", "charge failed: its host is gone; again in 0ns"])
        .becomes_ready()
        .claimed()
        .starts(["run probe charge"]);
}

#[test]
fn e3_a_step_that_changes_nothing_may_be_run_at_most_once() {
    given(task([read_only("quote").at_most_once()]))
        .claimed()
        .host_dies()
        .claimed()
        .writes(["quote unknown: its host is gone", "going back: quote failed", "compensated"])
        .ends_for_good();
}
