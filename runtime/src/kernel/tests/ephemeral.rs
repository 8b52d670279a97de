//! Ephemeral values: they live with their worker, and a new owner makes them again (B11).

use super::{
    events::{cannot_be_written, done, fails, is_interrupted, refuses, unpark},
    script::{Script, given},
    task::{ephemeral, pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

/// `draw` is done, its value died with its worker, and `print` reads it.
fn drawn_and_lost() -> Script {
    given(task([step("order"), ephemeral("draw").retries(1), step("print").reads([1])]))
        .claimed()
        .when(done("order"))
        .when(done("draw"))
        .host_dies()
}

#[test]
fn schedule_b11_a_new_owner_runs_an_ephemeral_step_again_without_a_second_record() {
    drawn_and_lost()
        .claimed()
        .writes([])
        .starts(["run draw #2"])
        .when(done("draw"))
        .writes([])
        .starts(["run print #2"])
        .when(done("print"))
        .writes(["print #2 done", "completed"]);
}

#[test]
fn schedule_b11_it_runs_what_that_step_reads_first() {
    given(task([ephemeral("open"), ephemeral("read").reads([0]), step("print").reads([1])]))
        .claimed()
        .when(done("open"))
        .when(done("read"))
        .host_dies()
        .claimed()
        .starts(["run open #2"])
        .when(done("open"))
        .starts(["run read #2"])
        .when(done("read"))
        .starts(["run print #2"]);
}

#[test]
fn schedule_b11_it_runs_no_ephemeral_step_that_nobody_reads_any_more() {
    given(task([ephemeral("draw"), step("print").reads([0]), step("mail")]))
        .claimed()
        .when(done("draw"))
        .when(done("print"))
        .host_dies()
        .claimed()
        .starts(["run mail #2"]);
}

#[test]
fn schedule_b11_a_second_run_is_tried_again_like_the_first() {
    drawn_and_lost()
        .claimed()
        .when(fails("draw"))
        .writes([])
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["run draw #3"])
        .when(done("draw"))
        .starts(["run print #2"]);
}

#[test]
fn schedule_b11_a_second_run_that_fails_for_good_turns_the_saga_back() {
    drawn_and_lost()
        .seconds_later(600)
        .claimed()
        .when(fails("draw"))
        .seconds_later(1)
        .when(fails("draw"))
        .writes(["going back: draw failed", "intent undo print"]);
}

#[test]
fn schedule_b11_a_second_run_that_is_interrupted_has_not_failed() {
    given(task([ephemeral("draw").retries(0), step("print").reads([0])]))
        .claimed()
        .when(done("draw"))
        .host_dies()
        .claimed()
        .host_leaves()
        .when(is_interrupted("draw"))
        .writes([])
        .becomes_ready();
}

#[test]
fn schedule_b11_a_second_run_may_refuse() {
    drawn_and_lost()
        .seconds_later(600)
        .claimed()
        .when(refuses("draw"))
        .writes(["going back: draw refused", "intent undo print"]);
}

#[test]
fn e2_a_second_run_that_cannot_read_its_inputs_parks() {
    drawn_and_lost()
        .claimed()
        .when(cannot_be_written("draw"))
        .writes(["parked: draw undecodable", "print failed: its host is gone; again in 0ns"])
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .starts(["run draw"]);
}

#[test]
fn p3_a_second_run_behind_the_pivot_that_fails_for_good_is_stuck() {
    given(task([pivot("sell"), ephemeral("draw").retries(0), retriable("print").reads([1])]))
        .claimed()
        .when(done("sell"))
        .when(done("draw"))
        .host_dies()
        .claimed()
        .starts(["run draw #2"])
        .when(refuses("draw"))
        .writes(["print #2 unknown: no"])
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run draw"]);
}
