//! Members of a group with a probe (E3, B1, B2).

use super::{
    events::{
        cancel, cannot_be_written, did_not_happen, done, fails, happened, is_interrupted, probe,
        refuses, times_out, unpark,
    },
    script::{Script, given},
    task::{Row, ephemeral, step, task},
};
use crate::kernel::SagaStatus;

fn hotel_and_flight(row: fn(Row) -> Row) -> Script {
    given(task([
        row(step("hotel").probed().in_group("trip")),
        row(step("flight").in_group("trip")),
        step("charge"),
    ]))
    .claimed()
    .starts(["run hotel", "run flight"])
}

#[test]
fn b1_a_doubt_is_no_failure_and_stops_no_sibling() {
    hotel_and_flight(|row| row)
        .when(times_out("hotel"))
        .writes(["hotel failed: timed out; again in 1s"])
        .starts(["run probe hotel"]);
}

#[test]
fn b1_a_sibling_that_fails_waits_for_the_probe() {
    hotel_and_flight(|row| row)
        .when(times_out("hotel"))
        .when(refuses("flight"))
        .writes(["flight refused: no"])
        .starts_nothing()
        .stays_owned()
        .when(happened("hotel"))
        .writes(["probe hotel done", "going back: flight refused", "intent undo hotel"]);
}

#[test]
fn b1_a_member_that_is_stopped_is_asked_about() {
    hotel_and_flight(|row| row)
        .when(refuses("flight"))
        .starts(["stop"])
        .when(is_interrupted("hotel"))
        .starts(["run probe hotel"])
        .when(did_not_happen("hotel"))
        .writes(["probe hotel did not happen", "going back: flight refused", "compensated"])
        .ends_for_good();
}

#[test]
fn b1_a_member_withdrawn_by_its_probe_fails_the_group() {
    given(task([
        step("hotel").probed().retries(0).in_group("trip"),
        step("flight").in_group("trip"),
    ]))
    .claimed()
    .when(fails("hotel"))
    .when(did_not_happen("hotel"))
    .writes(["probe hotel did not happen"])
    .starts(["stop"])
    .when(done("flight"))
    .writes(["flight done", "going back: hotel failed", "intent undo flight"]);
}

#[test]
fn k2_a_sibling_is_told_to_stop_once_no_probe_is_on_its_way() {
    hotel_and_flight(|row| row)
        .when(times_out("hotel"))
        .told(cancel())
        .starts_nothing()
        .when(did_not_happen("hotel"))
        .writes(["probe hotel did not happen"])
        .starts(["stop"])
        .when(is_interrupted("flight"))
        .ends_with("intent undo flight");
}

#[test]
fn k2_a_sibling_is_told_to_stop_before_a_probe_starts() {
    let member = |name| step(name).probed().in_group("trip");
    given(task([member("hotel"), member("flight")]))
        .claimed()
        .told(cancel())
        .starts(["stop"])
        .when(is_interrupted("hotel"))
        .starts(["stop", "run probe hotel"])
        .when(is_interrupted("flight"))
        .starts(["run probe flight"]);
}

#[test]
fn b2_with_await_all_a_member_in_doubt_is_tried_again() {
    hotel_and_flight(Row::await_all)
        .when(refuses("flight"))
        .starts_nothing()
        .when(fails("hotel"))
        .starts(["run probe hotel"])
        .when(did_not_happen("hotel"))
        .writes(["probe hotel did not happen; again in 1s"])
        .seconds_later(1)
        .starts(["run hotel #2"])
        .when(done("hotel"))
        .writes(["hotel #2 done", "going back: flight refused", "intent undo hotel"]);
}

#[test]
fn k2_a_cancel_waits_for_no_sibling_of_a_failed_step() {
    hotel_and_flight(Row::await_all)
        .when(refuses("flight"))
        .starts_nothing()
        .told(cancel())
        .starts(["stop"])
        .when(fails("hotel"))
        .when(did_not_happen("hotel"))
        .writes(["probe hotel did not happen", "going back: flight refused", "compensated"]);
}

#[test]
fn e2_a_sibling_that_parks_keeps_the_doubt() {
    hotel_and_flight(|row| row)
        .when(times_out("hotel"))
        .when(cannot_be_written("flight"))
        .writes(["parked: flight undecodable"])
        .when(probe(fails("hotel")))
        .is(SagaStatus::Parked)
        .told(unpark())
        .seconds_later(60)
        .claimed()
        .starts(["run probe hotel #2", "run flight"]);
}

#[test]
fn c1_what_its_probe_denied_is_withdrawn_only_when_the_saga_goes_back() {
    let member = |name| step(name).in_group("trip").reads([0]);
    given(task([
        ephemeral("draw").retries(0),
        member("hotel").probed().every(90),
        member("flight"),
    ]))
    .claimed()
    .when(done("draw"))
    .when(fails("hotel"))
    .when(did_not_happen("hotel"))
    .host_dies()
    .claimed()
    .starts(["run draw #2", "wait 90s"])
    .when(refuses("draw"))
    // What was lost may still run, and that `draw` failed is in no record.
    .writes([])
    .waits_for(600)
    .told(unpark())
    .claimed()
    .writes(["received unpark", "flight failed: its host is gone; again in 0ns"])
    .starts(["run draw #2", "wait 90s"]);
}
