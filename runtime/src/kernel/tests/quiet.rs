//! Nothing is undone while an attempt may still run (C3).

use super::{
    events::{
        cancel, cannot_tell, did_not_happen, done, fails, happened, is_interrupted,
        outlives_its_time, refuses, times_out, unpark,
    },
    script::{Script, given},
    task::{Row, ephemeral, read_only, step, task},
};

fn charging(row: fn(Row) -> Row) -> Script {
    given(task([step("reserve"), row(step("charge").limited_to(60))]))
        .claimed()
        .when(done("reserve"))
        .starts(["run charge"])
}

/// The host died ten seconds ago.
fn lost() -> Script {
    charging(|row| row).host_dies().seconds_later(10)
}

#[test]
fn c3_going_back_waits_for_an_attempt_that_was_lost_with_its_host() {
    lost()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "charge failed: its host is gone; again in 0ns"])
        .waits_for(50)
        .seconds_later(50)
        .claimed()
        .writes(["going back: cancelled", "intent undo charge"]);
}

#[test]
fn c3_a_short_rest_of_it_stays_with_the_owner() {
    lost()
        .seconds_later(46)
        .told(cancel())
        .claimed()
        .stays_owned()
        .starts(["wait 4s"])
        .seconds_later(4)
        .writes(["going back: cancelled", "intent undo charge"]);
}

#[test]
fn c3_when_its_time_is_over_nobody_waits() {
    lost().seconds_later(50).told(cancel()).claimed().writes([
        "received cancel",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn c3_going_forward_does_not_wait() {
    lost().claimed().writes([]).starts(["run charge #2"]);
}

#[test]
fn c3_a_letter_in_between_does_not_make_anybody_forget_it() {
    lost()
        .told(cancel())
        .claimed()
        .waits_for(50)
        .told_to_waive("reserve")
        .claimed()
        .writes(["received waive reserve"])
        .waits_for(50)
        .told(cancel())
        .administered()
        .writes(["received cancel"])
        .waits_for(50);
}

#[test]
fn c3_nor_does_a_letter_before_the_cancel() {
    lost()
        .told_to_waive("reserve")
        .administered()
        .becomes_ready()
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for(50);
}

#[test]
fn c3_nor_does_a_crash_loop() {
    let mut saga = charging(|row| row);
    for _ in 0..5 {
        saga = saga.host_dies().claimed();
    }
    saga.ends_with("parked: 5 crashes")
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for(60);
}

#[test]
fn c3_nor_does_a_cancel_that_is_read_before_the_claim_is_settled() {
    let waiting = || given(task([step("charge").limited_to(60)])).claimed();
    waiting()
        .host_dies()
        .told(cancel())
        .claimed_and_told(cancel())
        .writes(["charge failed: its host is gone; again in 0ns"])
        .waits_for(60);
}

#[test]
fn c3_a_rerun_that_answers_under_the_same_key_ends_the_wait() {
    lost().claimed().told(cancel()).starts(["stop"]).when(fails("charge")).writes([
        "charge #2 unknown: no reply",
        "going back: cancelled",
        "intent undo charge",
    ]);
    lost().claimed().told(cancel()).when(done("charge")).writes([
        "charge #2 done",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn c3_a_rerun_that_is_ended_from_outside_has_not_answered() {
    for end in [is_interrupted("charge"), times_out("charge")] {
        lost().claimed().told(cancel()).when(end).waits_for(50);
    }
    lost()
        .claimed()
        .told(cancel())
        .when(is_interrupted("charge"))
        .writes(["charge failed: its host is gone; again in 0ns", "charge #2 unknown: interrupted"])
        .waits_for(50)
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .waits_for(50)
        .seconds_later(50)
        .claimed()
        .writes(["going back: cancelled", "intent undo charge"]);
}

#[test]
fn c3_a_late_success_ends_the_wait() {
    lost().told(cancel()).claimed().waits_for(50).told_late(done("charge")).claimed().writes([
        "received late charge",
        "charge done",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn c3_a_probe_that_answers_ends_the_wait() {
    let lost = || charging(Row::probed).host_dies().told(cancel()).claimed();
    lost().starts(["run probe charge"]);
    lost().when(happened("charge")).writes([
        "probe charge done",
        "going back: cancelled",
        "intent undo charge",
    ]);
    lost().when(did_not_happen("charge")).writes([
        "probe charge did not happen",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn c3_a_probe_that_cannot_tell_does_not() {
    charging(Row::probed)
        .host_dies()
        .told(cancel())
        .claimed()
        .when(cannot_tell("charge"))
        .writes(["probe charge unknown: its host is gone"])
        .waits_for(60);
}

#[test]
fn c3_what_changes_nothing_may_go_on_beside_an_undo() {
    given(task([step("reserve"), read_only("price")]))
        .claimed()
        .when(done("reserve"))
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo reserve"]);
    given(task([step("reserve"), read_only("price").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(outlives_its_time("price"))
        .ends_with("intent undo reserve");
}

#[test]
fn c3_every_member_of_a_group_is_waited_for() {
    given(task([
        step("hotel").limited_to(60).in_group("trip"),
        step("flight").limited_to(90).in_group("trip"),
    ]))
    .claimed()
    .host_dies()
    .claimed()
    .starts(["run hotel #2", "run flight #2"])
    .when(refuses("hotel"))
    .starts(["stop"])
    .when(is_interrupted("flight"))
    .waits_for(90)
    .seconds_later(90)
    .claimed()
    .writes(["going back: hotel refused", "intent undo flight"]);
}

#[test]
fn c3_what_was_not_due_when_its_host_died_was_not_lost() {
    given(task([step("charge").every(4)]))
        .claimed()
        .when(fails("charge"))
        .starts(["wait 4s"])
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo charge"]);
}

#[test]
fn c3_what_was_due_was() {
    given(task([step("charge").every(4)]))
        .claimed()
        .when(fails("charge"))
        .seconds_later(4)
        .starts(["run charge #2"])
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "charge #2 failed: its host is gone; again in 0ns"]);
}

#[test]
fn c3_a_probe_that_was_lost_runs_beside_nothing() {
    charging(Row::probed)
        .when(fails("charge"))
        .starts(["run probe charge"])
        .host_dies()
        .told(cancel())
        .claimed()
        .when(cannot_tell("charge"))
        .writes(["probe charge unknown: no reply", "going back: cancelled", "intent undo charge"]);
}

#[test]
fn c5_the_way_back_waits_for_no_undo_that_was_lost() {
    charging(|row| row)
        .when(refuses("charge"))
        .starts(["run undo reserve"])
        .host_dies()
        .claimed()
        .starts(["run undo reserve #2"]);
}

#[test]
fn c3_a_host_that_leaves_gives_the_wait_to_the_journal() {
    lost()
        .seconds_later(46)
        .told(cancel())
        .claimed()
        .starts(["wait 4s"])
        .host_leaves()
        .waits_for(4);
}

#[test]
fn c3_a_second_run_that_failed_for_good_is_tried_again_after_the_wait() {
    given(task([ephemeral("draw").retries(0), step("print").limited_to(60).reads([0])]))
        .claimed()
        .when(done("draw"))
        .host_dies()
        .claimed()
        .when(refuses("draw"))
        .writes([])
        .waits_for(60)
        .seconds_later(60)
        .claimed()
        .starts(["run draw #2"])
        .when(refuses("draw"))
        .writes(["going back: draw refused", "intent undo print"]);
}
