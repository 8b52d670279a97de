//! The inbox: late reports and refused commits (J1, J5, A1).

use super::{
    events::{cancel, done, fails, refuses, times_out, undo},
    script::given,
    task::{ephemeral, step, task},
};
use crate::kernel::Definition;

fn order() -> Definition {
    task([step("reserve"), step("charge").retries(0)])
}

#[test]
fn j1_a_letter_that_asks_for_nothing_is_folded_alone() {
    given(order())
        .claimed()
        .told_to_waive("reserve")
        .writes(["received waive reserve"])
        .not_guarded()
        .starts_nothing();
}

#[test]
fn j5_a_late_success_of_an_open_step_is_its_outcome() {
    given(order())
        .claimed()
        .host_dies()
        .told_late(done("reserve"))
        .claimed()
        .writes(["received late reserve", "reserve done", "intent charge"])
        .starts(["run charge"]);
}

#[test]
fn j5_a_late_failure_is_ignored() {
    given(order())
        .claimed()
        .host_dies()
        .told_late(refuses("reserve"))
        .claimed()
        .writes(["received late reserve", "reserve failed: its host is gone; again in 0ns"])
        .starts(["run reserve #2"]);
}

#[test]
fn j5_after_a_late_success_the_own_attempt_counts_no_more_whatever_it_says() {
    for own in [done("reserve"), fails("reserve"), refuses("reserve"), times_out("reserve")] {
        given(task([step("reserve").retries(0), step("charge")]))
            .claimed()
            .host_dies()
            .claimed()
            .told_late(done("reserve"))
            .writes(["received late reserve", "reserve done", "intent charge"])
            .starts(["run charge"])
            .when(own)
            .writes([])
            .when(done("charge"))
            .writes(["charge done", "completed"]);
    }
}

#[test]
fn j5_a_second_late_success_is_dropped() {
    given(order())
        .claimed()
        .host_dies()
        .told_late(done("reserve"))
        .told_late(done("reserve"))
        .claimed()
        .writes([
            "received late reserve",
            "reserve done",
            "received late reserve",
            "intent charge",
        ]);
}

#[test]
fn j5_a_late_success_of_an_unknown_step_is_what_its_undo_gets() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip").retries(0)]))
        .claimed()
        .when(times_out("flight"))
        .writes(["flight unknown: timed out"])
        .starts(["stop"])
        .told_late(done("flight"))
        .writes(["received late flight", "flight done"])
        .when(done("hotel"))
        .writes([
            "hotel done",
            "going back: flight failed",
            "intent undo hotel",
            "intent undo flight",
        ])
        .when(undo(done("hotel")))
        .when(undo(done("flight")))
        .ends_with("compensated");
}

#[test]
fn schedule_b11_a_late_ephemeral_value_died_with_its_host() {
    given(task([ephemeral("draw"), step("print").reads([0])]))
        .claimed()
        .host_dies()
        .told_late(done("draw"))
        .claimed()
        .writes(["received late draw", "draw failed: its host is gone; again in 0ns"])
        .starts(["run draw #2"]);
}

#[test]
fn schedule_a1_a_refused_commit_is_decided_again_with_the_mail() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when_refused_for(cancel(), done("charge"))
        .writes(["charge done", "going back: cancelled", "intent undo charge"])
        .starts(["run undo charge"]);
}
