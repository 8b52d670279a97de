//! API phase and hand-over, leaving, and slots (A6, B9).

use super::{
    events::{cancel, done, fails, is_aborted, is_interrupted, refuses, undo, unpark},
    script::{Script, given},
    task::{pivot, step, task},
};
use crate::kernel::Definition;

fn upload_and_pack() -> Definition {
    task([step("upload").on_api(), step("pack"), step("mail")])
}

#[test]
fn schedule_a6_an_api_host_owns_the_saga_from_its_first_record_on() {
    given(upload_and_pack())
        .submitted()
        .writes(["started", "intent upload"])
        .stays_owned()
        .starts(["run upload"]);
}

#[test]
fn schedule_a6_the_last_api_outcome_the_first_worker_intent_and_the_ticket_are_one_commit() {
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
fn schedule_a6_a_failing_api_step_is_undone_where_it_failed() {
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
fn schedule_a6_an_api_phase_whose_host_died_is_undone_never_resumed() {
    given(upload_and_pack())
        .submitted()
        .host_dies()
        .claimed()
        .writes([])
        .waits_for(600)
        .seconds_later(600)
        .claimed()
        .writes(["going back: abandoned", "intent undo upload"])
        .starts(["run undo upload"])
        .when(undo(done("upload")))
        .ends_with("compensated; settles in 1260s");
}

#[test]
fn schedule_a6_an_api_step_waits_for_its_retry_where_its_bytes_are() {
    given(task([step("upload").on_api().every(60), step("pack")]))
        .submitted()
        .when(fails("upload"))
        .stays_owned()
        .starts(["wait 60s"])
        .seconds_later(60)
        .starts(["run upload #2"]);
}

#[test]
fn schedule_a6_an_api_host_that_leaves_before_the_hand_over_abandons_the_saga() {
    given(upload_and_pack())
        .submitted()
        .host_leaves()
        .when(is_interrupted("upload"))
        .writes([
            "upload failed: interrupted; again in 0ns",
            "going back: abandoned",
            "intent undo upload",
        ])
        .becomes_ready()
        .claimed()
        .starts(["run undo upload"]);
    given(task([step("check").on_api(), step("upload").on_api(), step("pack")]))
        .submitted()
        .host_leaves()
        .when(done("check"))
        .writes(["check done", "going back: abandoned", "intent undo check"])
        .becomes_ready();
}

#[test]
fn schedule_a6_an_api_host_that_leaves_hands_over_what_it_can() {
    given(upload_and_pack())
        .submitted()
        .host_leaves()
        .when(done("upload"))
        .writes(["upload done", "intent pack"])
        .becomes_ready();
}

#[test]
fn schedule_a6_c3_an_api_host_that_leaves_with_a_thread_that_runs_leaves_the_rest_to_others() {
    given(task([step("upload").on_api().limited_to(60), step("pack")]))
        .submitted()
        .host_leaves()
        .when(is_aborted("upload"))
        .writes(["upload failed: its host is gone; again in 0ns"])
        .waits_for(60)
        .seconds_later(60)
        .claimed()
        .writes(["going back: abandoned", "intent undo upload"]);
}

#[test]
fn schedule_a6_a_late_success_does_not_resume_an_api_phase() {
    given(upload_and_pack()).submitted().host_dies().told_late(done("upload")).claimed().writes([
        "received late upload",
        "upload done",
        "going back: abandoned",
        "intent undo upload",
    ]);
}

/// Its API step used up its tries, and the API host parked it.
fn parked() -> Script {
    given(task([step("check").on_api().retries(0).parks(), step("pack")]))
        .submitted()
        .when(fails("check"))
        .writes(["check failed: no reply; again in 0ns", "parked: check exhausted: no reply"])
        .waits_for_somebody()
}

#[test]
fn schedule_a6_what_its_api_host_parked_is_accepted_and_tried_again_where_it_is_claimed() {
    parked()
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run check #2"])
        .host_dies()
        .claimed()
        .starts(["run check #3"])
        .when(done("check"))
        .writes(["check #3 done", "intent pack"]);
}

#[test]
fn schedule_a6_what_its_api_host_parked_goes_on_with_the_word_of_an_operator() {
    parked()
        .told_the_output_of("check")
        .claimed()
        .writes(["received output of check", "intent pack"])
        .starts(["run pack"]);
    parked().told_to_mark_not_done("check").claimed().writes([
        "received mark check not done",
        "going back: check failed",
        "compensated",
    ]);
}

#[test]
fn schedule_b12_an_attempt_that_ends_with_its_host_has_its_own_number() {
    given(task([step("charge").every(0)]))
        .claimed()
        .when(fails("charge"))
        .starts(["run charge #2"])
        .host_leaves()
        .when(is_aborted("charge"))
        .writes(["charge #2 failed: its host is gone; again in 0ns"])
        .claimed()
        .starts(["run charge #3"])
        .host_leaves()
        .when(is_aborted("charge"))
        .writes(["charge #3 failed: its host is gone; again in 0ns"])
        .claimed()
        .starts(["run charge #4"]);
}

#[test]
fn schedule_a6_a_cancel_of_an_abandoned_saga_is_its_cause() {
    given(upload_and_pack())
        .submitted()
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "upload failed: its host is gone; again in 0ns"])
        .seconds_later(600)
        .claimed()
        .writes(["going back: cancelled", "intent undo upload"]);
}

#[test]
fn schedule_a6_b9_a_cancel_between_the_hand_over_and_the_claim_withdraws_the_worker_step() {
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
        .writes(["pack done"])
        .guarded()
        .becomes_ready()
        .claimed()
        .writes(["intent mail"])
        .starts(["run mail"]);
}

#[test]
fn a_host_that_leaves_ends_a_saga_whose_last_step_is_done() {
    given(task([step("pack")]))
        .claimed()
        .host_leaves()
        .when(done("pack"))
        .writes(["pack done", "completed"])
        .ends_for_good();
}

#[test]
fn p3_a_pivot_is_not_begun_behind_the_deadline_although_its_host_left_before_it() {
    given(task([step("reserve"), pivot("sell")]).within(60))
        .claimed()
        .host_leaves()
        .when(done("reserve"))
        .becomes_ready()
        .seconds_later(60)
        .claimed()
        .writes(["going back: deadline", "intent undo reserve"]);
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
fn a_host_that_leaves_still_stops_a_saga_that_is_cancelled() {
    given(upload_and_pack())
        .submitted()
        .when(done("upload"))
        .claimed()
        .host_leaves()
        .told(cancel())
        .writes(["received cancel"])
        .starts(["stop"])
        .when(is_interrupted("pack"))
        .ends_with("intent undo pack")
        .becomes_ready();
}

#[test]
fn a_host_that_leaves_still_stops_a_saga_at_its_deadline() {
    given(task([step("pack")]).within(60))
        .claimed()
        .host_leaves()
        .starts(["wait 60s"])
        .seconds_later(60)
        .starts(["stop"])
        .stays_owned();
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

// ---- slots -------------------------------------------------------------------------------------

#[test]
fn without_a_slot_nothing_starts_and_the_host_hears_that_something_would() {
    given(upload_and_pack())
        .submitted()
        .when(done("upload"))
        .without_a_slot()
        .claimed()
        .starts(["wants a slot"])
        .gets_a_slot()
        .writes([])
        .starts(["run pack"]);
}

#[test]
fn without_a_slot_a_retry_that_is_not_due_wants_none() {
    given(task([step("charge").every(3)]))
        .claimed()
        .without_a_slot()
        .when(fails("charge"))
        .starts(["wait 3s"])
        .seconds_later(3)
        .starts(["wants a slot"])
        .gets_a_slot()
        .starts(["run charge #2"]);
}

#[test]
fn without_a_slot_a_saga_still_waits_for_its_deadline_and_goes_back() {
    given(task([step("reserve"), step("charge")]).within(60))
        .claimed()
        .when(done("reserve"))
        .without_a_slot()
        .when(fails("charge"))
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["wait 59s", "wants a slot"])
        .seconds_later(59)
        .writes(["going back: deadline", "intent undo charge"])
        .starts(["wants a slot"]);
}

#[test]
fn k2_without_a_slot_a_running_sibling_is_still_told_to_stop() {
    let member = |name| step(name).in_group("trip");
    given(task([member("hotel"), member("flight")]))
        .claimed()
        .when(fails("hotel"))
        .without_a_slot()
        .told(cancel())
        .starts(["stop"]);
}
