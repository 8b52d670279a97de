//! A success that comes when its step is being undone, or was (C8).

use super::{
    events::{cancel, done, fails, is_interrupted, refuses, times_out, undo},
    script::{Script, given},
    task::{no_undo, step, task},
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
fn c8_it_waits_for_a_late_success_when_a_doubtful_step_was_undone() {
    undone()
        .writes(["undo reserve done", "compensated; settles in 1260s"])
        .is(SagaStatus::Compensated)
        .guarded()
        .waits_for(1260);
}

#[test]
fn c8_twice_the_limit_of_the_step_and_a_minute_but_a_quarter_of_an_hour_at_least() {
    for (limit, window) in [(1, 900), (420, 900), (421, 902), (3600, 7260)] {
        given(task([step("charge").limited_to(limit).retries(0)]))
            .claimed()
            .when(times_out("charge"))
            .when(undo(done("charge")))
            .waits_for(window);
    }
}

#[test]
fn c8_then_it_is_settled_and_over() {
    undone()
        .seconds_later(1260)
        .claimed()
        .writes(["compensated"])
        .is(SagaStatus::Compensated)
        .ends_for_good();
}

#[test]
fn c8_an_owner_that_claims_too_early_gives_it_back_to_its_timer() {
    undone()
        .seconds_later(60)
        .told_to_waive("charge")
        .claimed()
        .writes(["received waive charge"])
        .waits_for(1200);
}

#[test]
fn c8_where_all_is_known_it_is_settled_at_once() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses("charge"))
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .ends_for_good();
}

#[test]
fn c8_the_residual_stands_in_both_ends() {
    given(task([no_undo("mail", "a mail cannot be recalled"), step("charge").retries(0)]))
        .claimed()
        .when(done("mail"))
        .when(times_out("charge"))
        .when(undo(done("charge")))
        .ends_with("compensated; mail: a mail cannot be recalled; settles in 1260s")
        .seconds_later(1260)
        .claimed()
        .writes(["compensated; mail: a mail cannot be recalled"]);
}

#[test]
fn c8_a_late_success_while_it_is_being_undone_asks_for_another_undo() {
    undoing()
        .told_late(done("charge"))
        .writes(["received late charge", "charge done, late", "intent undo charge'1"])
        .undo_gets("charge", "done: charge");
}

#[test]
fn c8_the_undo_that_runs_is_waited_for_and_its_end_means_nothing() {
    for end in [done("charge"), fails("charge"), refuses("charge"), times_out("charge")] {
        undoing()
            .told_late(done("charge"))
            .starts_nothing()
            .when(undo(end))
            .writes([])
            .starts(["run undo charge"])
            .when(undo(done("charge")))
            .writes(["undo charge'1 done", "intent undo reserve"])
            .when(undo(done("reserve")))
            .writes(["undo reserve done", "compensated"])
            .ends_for_good();
    }
}

#[test]
fn c8_a_host_that_leaves_waits_for_the_stale_undo() {
    undoing()
        .told_late(done("charge"))
        .host_leaves()
        .stays_owned()
        .when(undo(is_interrupted("charge")))
        .writes([])
        .becomes_ready()
        .claimed()
        .starts(["run undo charge"]);
}

#[test]
fn c8_a_host_that_dies_with_it_leaves_the_other_undo() {
    undoing()
        .told_late(done("charge"))
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run undo charge #2"])
        .when(undo(done("charge")))
        .writes(["undo charge'1 #2 done", "intent undo reserve"]);
}

#[test]
fn c8_an_undo_that_waits_for_its_next_try_gives_way() {
    undoing()
        .when(undo(fails("charge")))
        .told_late(done("charge"))
        .writes(["received late charge", "charge done, late", "intent undo charge'1"])
        .starts(["run undo charge"]);
}

#[test]
fn c8_a_failed_undo_is_not_stuck_any_more() {
    undoing()
        .when(undo(refuses("charge")))
        .is(SagaStatus::Stuck)
        .told_late(done("charge"))
        .claimed()
        .writes(["received late charge", "charge done, late", "intent undo charge'1"])
        .starts(["run undo charge"]);
}

#[test]
fn c8_what_was_undone_is_undone_again_after_what_is_being_undone() {
    undoing()
        .when(undo(done("charge")))
        .starts(["run undo reserve"])
        .told_late(done("charge"))
        .writes(["received late charge", "charge done, late"])
        .starts_nothing()
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "intent undo charge'1"])
        .when(undo(done("charge")))
        .writes(["undo charge'1 done", "compensated"])
        .ends_for_good();
}

#[test]
fn c8_a_saga_that_is_over_opens_again() {
    undone()
        .seconds_later(100)
        .told_late(done("charge"))
        .becomes_ready()
        .claimed()
        .writes(["received late charge", "charge done, late", "intent undo charge'1"])
        .is(SagaStatus::Compensating)
        .starts(["run undo charge"])
        .when(undo(done("charge")))
        .writes(["undo charge'1 done", "compensated"])
        .ends_for_good();
}

#[test]
fn c8_even_at_the_moment_when_it_would_be_settled() {
    undone().seconds_later(1260).told_late(done("charge")).claimed().writes([
        "received late charge",
        "charge done, late",
        "intent undo charge'1",
    ]);
}

#[test]
fn c8_it_may_be_cancelled_and_opens_again_as_cancelled() {
    given(task([step("charge")]))
        .claimed()
        .told(cancel())
        .when(is_interrupted("charge"))
        .when(undo(done("charge")))
        .ends_with("cancelled; settles in 1260s")
        .told_late(done("charge"))
        .claimed()
        .is(SagaStatus::Compensating)
        .when(undo(done("charge")))
        .writes(["undo charge'1 done", "cancelled"])
        .ends_for_good();
}

#[test]
fn c8_while_another_step_is_in_doubt_it_waits_again() {
    let member = |name| step(name).retries(0).in_group("trip");
    given(task([member("hotel"), member("flight")]))
        .claimed()
        .when(times_out("hotel"))
        .when(times_out("flight"))
        .when(undo(done("hotel")))
        .when(undo(done("flight")))
        .ends_with("compensated; settles in 1260s")
        .told_late(done("hotel"))
        .claimed()
        .when(undo(done("hotel")))
        .writes(["undo hotel'1 done", "compensated; settles in 1260s"])
        .told_late(done("flight"))
        .claimed()
        .when(undo(done("flight")))
        .writes(["undo flight'1 done", "compensated"])
        .ends_for_good();
}
