//! An attempt that may have happened is first asked of the probe (E3).

use super::{
    events::{
        cancel, cannot_be_written, cannot_tell, did_not_happen, done, fails, happened,
        is_interrupted, outlives_its_time, panics, probe, refuses, refuses_midway, times_out, undo,
        unpark,
    },
    script::{Script, given},
    task::{step, task},
};
use crate::kernel::{Definition, SagaStatus};

fn order() -> Definition {
    task([step("reserve"), step("charge").probed().retries(1)])
}

fn charging() -> Script {
    given(order()).claimed().when(done("reserve")).starts(["run charge"])
}

/// Nobody knows whether it was charged, and the probe is on its way.
fn asking() -> Script {
    charging().when(times_out("charge")).starts(["run probe charge"])
}

#[test]
fn e3_every_end_that_leaves_a_doubt_is_first_asked_of_the_probe() {
    for end in [
        fails("charge"),
        times_out("charge"),
        panics("charge"),
        is_interrupted("charge"),
        outlives_its_time("charge"),
    ] {
        charging().when(end).starts(["run probe charge"]).stays_owned();
    }
}

#[test]
fn e3_no_end_that_leaves_none_is() {
    charging().when(done("charge")).writes(["charge done", "completed"]);
    charging().when(refuses("charge")).ends_with("intent undo reserve");
    charging().when(refuses_midway("charge")).starts(["run undo charge"]);
}

#[test]
fn e3_the_doubt_is_one_record_and_the_probe_is_asked_at_once() {
    charging()
        .when(fails("charge"))
        .writes(["charge failed: no reply; again in 1s"])
        .starts(["run probe charge"]);
}

#[test]
fn e3_a_long_wait_for_the_next_try_does_not_hold_up_the_question() {
    given(task([step("charge").probed().every(60)]))
        .claimed()
        .when(fails("charge"))
        .writes(["charge failed: no reply; again in 60s"])
        .stays_owned()
        .starts(["run probe charge"]);
}

#[test]
fn e3_what_happened_is_the_outcome() {
    asking()
        .when(happened("charge"))
        .writes(["probe charge done", "completed"])
        .undo_gets("charge", "done: charge");
}

#[test]
fn e3_what_did_not_happen_is_tried_again_when_that_is_due() {
    asking()
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen; again in 1s"])
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["run charge #2"])
        .when(done("charge"))
        .writes(["charge #2 done", "completed"]);
}

#[test]
fn e3_a_probe_that_takes_long_delays_the_next_try_no_more() {
    asking()
        .seconds_later(20)
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen; again in 0ns"])
        .starts(["run charge #2"]);
}

#[test]
fn e3_where_a_probe_cannot_tell_the_same_key_does() {
    asking()
        .when(cannot_tell("charge"))
        .writes(["probe charge cannot tell; again in 1s"])
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["run charge #2"]);
}

#[test]
fn e3_each_doubt_is_asked_for_itself() {
    asking()
        .when(cannot_tell("charge"))
        .seconds_later(1)
        .when(fails("charge"))
        .writes(["charge #2 failed: no reply; again in 1s"])
        .starts(["run probe charge"]);
}

/// The last try of `charge` is in doubt.
fn asking_for_the_last_time() -> Script {
    asking()
        .when(did_not_happen("charge"))
        .seconds_later(1)
        .when(fails("charge"))
        .starts(["run probe charge"])
}

#[test]
fn e3_what_happened_at_the_last_try_is_the_outcome_too() {
    asking_for_the_last_time().when(happened("charge")).writes(["probe charge done", "completed"]);
}

#[test]
fn e3_what_did_not_happen_at_the_last_try_is_withdrawn_and_not_undone() {
    asking_for_the_last_time()
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen", "going back: charge failed", "intent undo reserve"])
        .failed_for([("charge", "no reply")])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .ends_for_good();
}

#[test]
fn e3_what_nobody_can_tell_at_the_last_try_is_unknown_and_undone() {
    asking_for_the_last_time()
        .when(cannot_tell("charge"))
        .writes([
            "probe charge unknown: no reply",
            "going back: charge failed",
            "intent undo charge",
        ])
        .undo_gets("charge", "nothing");
}

#[test]
fn e3_a_probe_that_refuses_cannot_tell() {
    asking().when(probe(refuses("charge"))).writes(["probe charge cannot tell; again in 1s"]);
    asking()
        .when(probe(refuses_midway("charge")))
        .writes(["probe charge cannot tell; again in 1s"]);
}

#[test]
fn e3_a_probe_that_fails_is_asked_again() {
    let jittered = |script: Script| script.seconds_later(60).starts(["run probe charge #2"]);
    jittered(asking().when(probe(fails("charge"))));
    jittered(asking().when(probe(times_out("charge"))));
}

#[test]
fn e3_a_probe_that_failed_too_often_cannot_tell() {
    let mut saga = asking();
    for _ in 0..3 {
        saga = saga.when(probe(fails("charge"))).seconds_later(60);
    }
    saga.starts(["run probe charge #4"])
        .when(probe(fails("charge")))
        .writes(["probe charge #4 cannot tell; again in 0ns"])
        .starts(["run charge #2"]);
}

#[test]
fn e3_an_interrupted_probe_has_not_failed() {
    let mut saga = asking();
    for _ in 0..5 {
        saga = saga.host_leaves().when(probe(is_interrupted("charge"))).becomes_ready().claimed();
    }
    saga.starts(["run probe charge #6"])
        .when(probe(fails("charge")))
        .is(SagaStatus::Waiting)
        .seconds_later(60)
        .starts(["run probe charge #7"]);
}

#[test]
fn e3_a_probe_whose_answer_cannot_be_read_parks_and_is_asked_again_after_unpark() {
    asking()
        .when(probe(cannot_be_written("charge")))
        .writes(["parked: charge undecodable"])
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run probe charge"]);
}

#[test]
fn e3_an_output_that_cannot_be_written_is_asked_of_the_probe_after_unpark() {
    charging()
        .when(cannot_be_written("charge"))
        .writes(["parked: charge undecodable"])
        .told(unpark())
        .claimed()
        .starts(["run probe charge"])
        .when(happened("charge"))
        .writes(["probe charge done", "completed"]);
}

// ---- the doubt is durable ----------------------------------------------------------------------

#[test]
fn e3_the_next_owner_asks_too() {
    charging()
        .host_leaves()
        .when(fails("charge"))
        .becomes_ready()
        .claimed()
        .writes([])
        .starts(["run probe charge"]);
}

#[test]
fn e3_a_host_that_died_left_a_doubt() {
    charging()
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run probe charge"])
        .when(happened("charge"))
        .writes(["probe charge done", "completed"]);
}

#[test]
fn e3_a_lost_attempt_that_did_not_happen_is_run_again_at_once() {
    charging()
        .host_dies()
        .claimed()
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen; again in 0ns"])
        .starts(["run charge #2"]);
}

#[test]
fn r3_a_lost_attempt_uses_up_no_retry() {
    charging()
        .host_dies()
        .claimed()
        .when(cannot_tell("charge"))
        .writes([
            "charge failed: its host is gone; again in 0ns",
            "probe charge cannot tell; again in 0ns",
        ])
        .starts(["run charge #2"])
        .when(fails("charge"))
        .when(cannot_tell("charge"))
        .seconds_later(1)
        .starts(["run charge #3"]);
}

#[test]
fn e3_a_host_that_dies_during_a_probe_leaves_the_doubt() {
    asking()
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run probe charge"])
        .host_dies()
        .claimed()
        .starts(["run probe charge"]);
}

#[test]
fn e3_a_host_that_dies_before_its_question_to_a_lost_attempt_is_answered_leaves_the_doubt() {
    charging().host_dies().claimed().host_dies().claimed().starts(["run probe charge"]);
}

#[test]
fn e3_a_failed_question_to_a_lost_attempt_is_durable() {
    charging()
        .host_dies()
        .claimed()
        .host_leaves()
        .when(probe(is_interrupted("charge")))
        .writes([
            "charge failed: its host is gone; again in 0ns",
            "probe charge failed: interrupted; again in 0ns",
        ])
        .becomes_ready()
        .claimed()
        .starts(["run probe charge #2"]);
}

#[test]
fn e3_a_letter_does_not_make_anybody_forget_a_lost_attempt() {
    charging()
        .host_dies()
        .told_to_waive("reserve")
        .without_a_slot()
        .claimed()
        .writes(["received waive reserve", "charge failed: its host is gone; again in 0ns"])
        .host_leaves()
        .becomes_ready()
        .with_a_slot()
        .claimed()
        .starts(["run probe charge"]);
}

#[test]
fn e3_nor_does_a_crash_loop() {
    let mut saga = charging();
    for _ in 0..5 {
        saga = saga.host_dies().claimed();
    }
    saga.ends_with("parked: 5 crashes").told(unpark()).claimed().starts(["run probe charge"]);
}

#[test]
fn j5_a_late_success_settles_the_doubt_and_the_probe_counts_no_more() {
    asking()
        .told_late(done("charge"))
        .writes(["received late charge", "charge done", "completed"])
        .ends_for_good();
    let saga = task([step("charge").probed(), step("ship")]);
    given(saga)
        .claimed()
        .when(times_out("charge"))
        .told_late(done("charge"))
        .writes(["received late charge", "charge done", "intent ship"])
        .when(cannot_tell("charge"))
        .writes([])
        .when(done("ship"))
        .writes(["ship done", "completed"]);
}

#[test]
fn k1_a_cancel_and_a_doubt_are_folded_in_any_order() {
    charging().told(cancel()).starts(["stop"]).when(fails("charge")).starts(["run probe charge"]);
}
