//! Late reports that change nothing, or only what is reported (J3, J5, C8, C11).

use super::{
    events::{cancel, did_not_happen, done, fails, kill, refuses, times_out, undo, unpark},
    script::{Script, given},
    task::{no_undo, pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

/// Nobody knows whether it was charged; its undo runs.
fn undoing() -> Script {
    given(task([step("reserve"), step("charge").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("charge"))
        .starts(["run undo charge"])
        .undo_gets("charge", "nothing")
}

/// All is undone, and a late success is waited for.
fn undone() -> Script {
    undoing().when(undo(done("charge"))).when(undo(done("reserve")))
}

#[test]
fn j3_a_second_late_success_is_folded_and_dropped() {
    undoing()
        .told_late(done("charge"))
        .told_late(done("charge"))
        .writes(["received late charge"])
        .when(undo(done("charge")))
        .told_late(done("charge"))
        .writes(["received late charge"])
        .when(undo(done("charge")))
        .writes(["undo charge'1 done", "intent undo reserve"]);
}

#[test]
fn j3_so_is_a_late_success_of_a_step_whose_outcome_is_known() {
    undoing().told_late(done("reserve")).writes(["received late reserve"]).starts_nothing();
    undone().told_late(done("reserve")).claimed().writes(["received late reserve"]).waits();
}

#[test]
fn j5_a_late_failure_changes_nothing_on_the_way_back() {
    for end in [fails("charge"), refuses("charge"), times_out("charge")] {
        undoing().told_late(end).writes(["received late charge"]).starts_nothing();
    }
    undone().told_late(refuses("charge")).claimed().writes(["received late charge"]).waits();
}

#[test]
fn j5_nor_does_a_late_undo() {
    undoing().told_late(undo(done("charge"))).writes(["received late undo charge"]);
}

#[test]
fn c8_a_step_that_a_probe_denied_was_done_after_all() {
    given(task([step("reserve"), step("charge").probed().retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("charge"))
        .when(did_not_happen("charge"))
        .starts(["run undo reserve"])
        .told_late(done("charge"))
        .writes(["received late charge", "charge done, late"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "intent undo charge"])
        .undo_gets("charge", "done: charge")
        .when(undo(done("charge")))
        .writes(["undo charge done", "compensated"]);
}

#[test]
fn c8_a_step_that_was_given_up_and_not_undone_yet_is_undone_as_done() {
    let member = |name| step(name).retries(0).in_group("trip");
    given(task([member("hotel"), member("flight"), step("charge").retries(0)]))
        .claimed()
        .when(done("hotel"))
        .when(done("flight"))
        .host_leaves()
        .when(times_out("charge"))
        .becomes_ready()
        .told_late(done("charge"))
        .claimed()
        .writes(["received late charge", "charge done, late", "intent undo charge'1"]);
}

#[test]
fn c11_what_remains_although_a_probe_denied_it_is_residual() {
    given(task([
        step("reserve"),
        no_undo("mail", "a mail cannot be recalled").probed().retries(0),
    ]))
    .claimed()
    .when(done("reserve"))
    .when(times_out("mail"))
    .when(did_not_happen("mail"))
    .starts(["run undo reserve"])
    .told_late(done("mail"))
    .writes(["received late mail", "mail done, late"])
    .when(undo(done("reserve")))
    .writes(["undo reserve done", "compensated; mail: a mail cannot be recalled"]);
}

#[test]
fn c8_a_step_that_may_remain_is_not_undone_because_it_happened() {
    given(task([step("reserve"), no_undo("mail", "a mail cannot be recalled").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("mail"))
        .told_late(done("mail"))
        .writes(["received late mail"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated; mail: a mail cannot be recalled"]);
}

#[test]
fn c8_a_waived_step_stays_waived() {
    undoing()
        .when(undo(refuses("charge")))
        .told_to_waive("charge")
        .told_late(done("charge"))
        .claimed()
        .writes(["received waive charge", "received late charge", "intent undo reserve"]);
}

#[test]
fn p3_behind_the_pivot_a_late_success_is_the_outcome_of_a_stuck_step() {
    let sold = || {
        given(task([pivot("sell"), retriable("ship").probed().retries(0)]))
            .claimed()
            .when(done("sell"))
            .when(times_out("ship"))
            .when(did_not_happen("ship"))
            .is(SagaStatus::Stuck)
    };
    sold().told_late(done("ship")).claimed().writes([
        "received late ship",
        "ship done, late",
        "completed",
    ]);
}

#[test]
fn k5_what_is_over_is_neither_killed_nor_cancelled_nor_unparked() {
    for letter in [kill(), cancel(), unpark()] {
        undone()
            .told(letter)
            .claimed()
            .is(SagaStatus::Compensated)
            .waits_for(1260)
            .seconds_later(1260)
            .claimed()
            .ends_with("compensated")
            .ends_for_good();
    }
}

#[test]
fn k5_but_a_saga_that_opens_again_is() {
    undone().told(kill()).told_late(done("charge")).claimed().writes([
        "received kill",
        "received late charge",
        "charge done, late",
        "killed; charge: done and not undone",
    ]);
}

#[test]
fn schedule_b9_a_step_that_never_began_is_settled() {
    given(task([step("charge")]))
        .submitted()
        .told(cancel())
        .claimed()
        .ends_with("cancelled")
        .ends_for_good();
}
