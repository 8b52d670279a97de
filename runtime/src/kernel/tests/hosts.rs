//! API phase and hand-over, leaving, and ephemeral values (A6, B9, B11).

use super::{
    events::{cancel, cannot_be_written, done, fails, is_interrupted, refuses, undo},
    script::{Script, given},
    task::{ephemeral, pivot, retriable, step, task},
};
use crate::kernel::{Definition, Letter, SagaStatus};

fn upload_and_pack() -> Definition {
    task([step("upload").on_api(), step("pack"), step("mail")])
}

#[test]
fn a6_an_api_host_owns_the_saga_from_its_first_record_on() {
    given(upload_and_pack())
        .submitted()
        .writes(["started", "intent upload"])
        .stays_owned()
        .starts(["run upload"]);
}

#[test]
fn a6_the_last_api_outcome_the_first_worker_intent_and_the_ticket_are_one_commit() {
    given(upload_and_pack())
        .submitted()
        .when(done("upload"))
        .writes(["upload done", "intent pack"])
        .guarded()
        .becomes_ready()
        .claimed()
        .starts(["run pack"]);
}

#[test]
fn a6_a_failing_api_step_is_undone_where_it_failed() {
    given(task([step("check").on_api(), step("upload").on_api(), step("pack")]))
        .submitted()
        .when(done("check"))
        .starts(["run upload"])
        .when(refuses("upload"))
        .writes(["upload refused: no", "going back: upload refused", "intent undo check"])
        .stays_owned()
        .when(undo(done("check")))
        .writes(["undo check done", "compensated"]);
}

#[test]
fn a6_an_api_phase_whose_host_died_is_undone_never_resumed() {
    given(upload_and_pack())
        .submitted()
        .host_dies()
        .claimed()
        .writes(["going back: abandoned", "intent undo upload"])
        .starts(["run undo upload"])
        .when(undo(done("upload")))
        .ends_with("compensated; not settled");
}

#[test]
fn a6_an_api_step_waits_for_its_retry_where_its_bytes_are() {
    given(task([step("upload").on_api().every(60), step("pack")]))
        .submitted()
        .when(fails("upload"))
        .stays_owned()
        .starts(["wait 60s"])
        .seconds_later(60)
        .starts(["run upload #2"]);
}

#[test]
fn a6_an_api_host_that_leaves_before_the_hand_over_abandons_the_saga() {
    given(upload_and_pack())
        .submitted()
        .host_leaves()
        .when(is_interrupted("upload"))
        .becomes_ready()
        .claimed()
        .writes(["going back: abandoned", "intent undo upload"]);
}

#[test]
fn a6_a_late_success_does_not_resume_an_api_phase() {
    given(upload_and_pack()).submitted().host_dies().told_late(done("upload")).claimed().writes([
        "received late upload",
        "upload done",
        "going back: abandoned",
        "intent undo upload",
    ]);
}

#[test]
fn a6_a_cancel_of_an_abandoned_saga_is_its_cause() {
    given(upload_and_pack()).submitted().host_dies().told(cancel()).claimed().writes([
        "received cancel",
        "going back: cancelled",
        "intent undo upload",
    ]);
}

#[test]
fn a6_b9_a_cancel_between_the_hand_over_and_the_claim_withdraws_the_worker_step() {
    given(upload_and_pack()).submitted().when(done("upload")).told(cancel()).claimed().writes([
        "received cancel",
        "pack withdrawn",
        "going back: cancelled",
        "intent undo upload",
    ]);
}

#[test]
fn a_host_that_leaves_finishes_the_running_step_and_gives_the_saga_back() {
    given(upload_and_pack())
        .submitted()
        .when(done("upload"))
        .claimed()
        .host_leaves()
        .stays_owned()
        .starts_nothing()
        .when(done("pack"))
        .writes(["pack done", "intent mail"])
        .guarded()
        .becomes_ready()
        .claimed()
        .starts(["run mail"]);
}

#[test]
fn a_host_that_leaves_gives_a_waiting_saga_back_to_its_timer() {
    given(task([step("charge").every(3)]))
        .claimed()
        .when(fails("charge"))
        .starts(["wait 3s"])
        .host_leaves()
        .writes([])
        .waits_for(3);
}

#[test]
fn an_interrupted_attempt_is_neither_a_crash_nor_a_used_retry() {
    given(task([step("charge").retries(0)]))
        .claimed()
        .host_leaves()
        .when(is_interrupted("charge"))
        .writes(["charge failed: interrupted; again in 0ns"])
        .becomes_ready()
        .claimed()
        .starts(["run charge #2"]);
}

// ---- ephemeral values --------------------------------------------------------------------------

/// `draw` is done, its value died with its worker, and `print` reads it.
fn drawn_and_lost() -> Script {
    given(task([step("order"), ephemeral("draw").retries(1), step("print").reads([1])]))
        .claimed()
        .when(done("order"))
        .when(done("draw"))
        .host_dies()
}

#[test]
fn b11_a_new_owner_runs_an_ephemeral_step_again_without_a_second_record() {
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
fn b11_it_runs_what_that_step_reads_first() {
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
fn b11_it_runs_no_ephemeral_step_that_nobody_reads_any_more() {
    given(task([ephemeral("draw"), step("print").reads([0]), step("mail")]))
        .claimed()
        .when(done("draw"))
        .when(done("print"))
        .host_dies()
        .claimed()
        .starts(["run mail #2"]);
}

#[test]
fn b11_a_second_run_is_tried_again_like_the_first() {
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
fn b11_a_second_run_that_fails_for_good_turns_the_saga_back() {
    drawn_and_lost()
        .claimed()
        .when(fails("draw"))
        .seconds_later(1)
        .when(fails("draw"))
        .writes(["going back: draw failed", "intent undo print"]);
}

#[test]
fn b11_a_second_run_that_is_interrupted_has_not_failed() {
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
fn b11_a_second_run_may_refuse() {
    drawn_and_lost()
        .claimed()
        .when(refuses("draw"))
        .writes(["going back: draw refused", "intent undo print"]);
}

#[test]
fn e2_a_second_run_that_cannot_read_its_inputs_parks() {
    drawn_and_lost()
        .claimed()
        .when(cannot_be_written("draw"))
        .writes(["parked: draw undecodable"])
        .is(SagaStatus::Parked)
        .told(Letter::Unpark)
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
        .told(Letter::Unpark)
        .claimed()
        .writes(["received unpark"])
        .starts(["run draw"]);
}
