//! A host that has not the code of the task folds the inbox, commits what needs no code, and gives
//! the saga back (B10).

use super::{
    events::{cancel, cannot_be_written, done, fails, kill, refuses, times_out, undo, unpark},
    script::{Script, given},
    task::{pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

fn order() -> Script {
    given(task([step("reserve"), step("charge").when([0]), step("ship")]))
}

#[test]
fn schedule_b10_it_withdraws_what_never_began_and_ends_the_saga() {
    order()
        .submitted()
        .told(cancel())
        .administered()
        .writes(["received cancel", "reserve withdrawn", "going back: cancelled", "cancelled"])
        .ends_for_good();
}

#[test]
fn schedule_b10_it_turns_a_saga_back_and_gives_it_to_somebody_who_can_undo() {
    order()
        .claimed()
        .when(fails("reserve"))
        .host_leaves()
        .told(cancel())
        .administered()
        .writes(["received cancel", "going back: cancelled", "intent undo reserve"])
        .becomes_ready()
        .claimed()
        .starts(["run undo reserve"]);
}

#[test]
fn schedule_b10_it_kills() {
    order()
        .submitted()
        .told(kill())
        .administered()
        .writes(["received kill", "killed; reserve: may have happened"])
        .ends_for_good();
}

#[test]
fn schedule_b10_it_lifts_what_parked_the_saga() {
    order()
        .claimed()
        .when(cannot_be_written("reserve"))
        .told(unpark())
        .administered()
        .writes(["received unpark"])
        .becomes_ready()
        .claimed()
        .starts(["run reserve"]);
}

#[test]
fn schedule_b10_it_leaves_a_parked_saga_parked() {
    order()
        .claimed()
        .when(cannot_be_written("reserve"))
        .told_to_waive("charge")
        .administered()
        .writes(["received waive charge"])
        .waits_for_somebody();
}

#[test]
fn schedule_b10_it_settles_a_failed_undo() {
    let stuck = || {
        given(task([step("reserve"), step("charge")]))
            .claimed()
            .when(done("reserve"))
            .when(refuses("charge"))
            .when(undo(refuses("reserve")))
    };
    stuck()
        .told_to_mark_done("reserve")
        .administered()
        .writes(["received mark reserve done", "compensated"])
        .ends_for_good();
    stuck().told_to_waive("reserve").administered().writes([
        "received waive reserve",
        "compensated; reserve: waived by alice: too small to matter",
    ]);
    stuck().told(unpark()).administered().writes(["received unpark"]).becomes_ready();
}

#[test]
fn schedule_b10_it_takes_the_word_of_an_operator_and_evaluates_nothing() {
    given(task([pivot("sell").retries(0), retriable("ship").when([0])]))
        .panicking(["ship"])
        .claimed()
        .when(times_out("sell"))
        .told_the_output_of("sell")
        .administered()
        .writes(["received output of sell"])
        .becomes_ready()
        .is(SagaStatus::Running)
        .panicking([])
        .claimed()
        .writes(["ship runs, saw [0, 4]", "intent ship"]);
}

#[test]
fn schedule_b10_it_makes_no_response() {
    given(task([pivot("sell").retries(0)]))
        .panicking(["response"])
        .claimed()
        .when(times_out("sell"))
        .told_the_output_of("sell")
        .administered()
        .writes(["received output of sell"])
        .becomes_ready()
        .panicking([])
        .claimed()
        .writes(["completed"]);
}

#[test]
fn schedule_b10_it_starts_nothing_and_gives_a_waiting_saga_back_to_its_timer() {
    order().submitted().told_to_waive("reserve").administered().becomes_ready();
    given(task([step("charge").every(60)]))
        .claimed()
        .when(fails("charge"))
        .told_to_waive("charge")
        .administered()
        .writes(["received waive charge"])
        .waits_for(60);
}

#[test]
fn schedule_b10_it_folds_a_late_success() {
    given(task([step("charge").retries(0)]))
        .claimed()
        .when(times_out("charge"))
        .when(undo(done("charge")))
        .waits()
        .told_late(done("charge"))
        .administered()
        .writes(["received late charge", "charge done, late", "intent undo charge'1"])
        .becomes_ready()
        .claimed()
        .starts(["run undo charge"]);
}

#[test]
fn schedule_b10_it_settles_what_is_over() {
    given(task([step("charge").retries(0)]))
        .claimed()
        .when(times_out("charge"))
        .when(undo(done("charge")))
        .seconds_later(1260)
        .administered()
        .writes(["compensated"])
        .ends_for_good();
}

#[test]
fn schedule_b10_it_judges_the_deadline() {
    given(task([step("charge")]).within(60))
        .submitted()
        .seconds_later(60)
        .administered()
        .writes(["charge withdrawn", "going back: deadline", "compensated"])
        .ends_for_good();
}

#[test]
fn schedule_b10_a_doubt_waits_for_somebody_who_can_ask() {
    given(task([step("charge").probed()]))
        .claimed()
        .host_leaves()
        .when(times_out("charge"))
        .told(cancel())
        .administered()
        .writes(["received cancel"])
        .becomes_ready()
        .claimed()
        .starts(["run probe charge"]);
}

#[test]
fn schedule_b9_what_began_under_a_dead_host_is_not_withdrawn_after_an_administrative_claim() {
    order()
        .claimed()
        .host_dies()
        .told_to_waive("reserve")
        .administered()
        .writes(["received waive reserve", "reserve failed: its host is gone; again in 0ns"])
        .told(cancel())
        .seconds_later(600)
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo reserve"]);
}
