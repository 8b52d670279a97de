//! Cancel, kill and deadline (K1 to K3, K5, B9).

use super::{
    events::{cancel, cannot_be_written, done, fails, is_interrupted, kill, refuses, undo},
    script::given,
    task::{no_undo, pivot, step, task},
};
use crate::kernel::{Definition, SagaStatus};

fn order() -> Definition {
    task([step("reserve"), step("charge")])
}

#[test]
fn schedule_b9_a_cancel_before_the_first_claim_withdraws_what_never_began() {
    given(order())
        .submitted()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "reserve withdrawn", "going back: cancelled", "cancelled"])
        .starts_nothing()
        .is(SagaStatus::Cancelled);
}

#[test]
fn schedule_b9_it_withdraws_every_member_of_a_group() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip")]))
        .submitted()
        .told(cancel())
        .claimed()
        .writes([
            "received cancel",
            "hotel withdrawn",
            "flight withdrawn",
            "going back: cancelled",
            "cancelled",
        ])
        .ends_for_good();
}

#[test]
fn schedule_b9_it_withdraws_the_pivot_too() {
    given(task([pivot("sell")]))
        .submitted()
        .told(cancel())
        .claimed()
        .ends_with("cancelled")
        .is(SagaStatus::Cancelled);
}

#[test]
fn schedule_b9_nothing_is_withdrawn_after_an_owner_died() {
    given(order())
        .claimed()
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "reserve failed: its host is gone; again in 0ns"])
        .waits_for(600)
        .seconds_later(600)
        .claimed()
        .writes(["going back: cancelled", "intent undo reserve"]);
}

#[test]
fn schedule_b9_an_attempt_that_began_is_known_to_every_later_owner() {
    given(order())
        .claimed()
        .host_leaves()
        .when(is_interrupted("reserve"))
        .becomes_ready()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo reserve"]);
}

#[test]
fn schedule_b9_nor_after_so_many_died_that_it_was_parked() {
    let mut saga = given(order()).submitted();
    for _ in 0..5 {
        saga = saga.claimed().host_dies();
    }
    saga.claimed()
        .ends_with("parked: 5 crashes")
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .seconds_later(600)
        .claimed()
        .writes(["going back: cancelled", "intent undo reserve"]);
}

#[test]
fn schedule_b9_an_output_that_cannot_be_written_shows_that_an_attempt_began() {
    given(order()).claimed().when(cannot_be_written("reserve")).told(cancel()).claimed().writes([
        "received cancel",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn e2_a_parked_saga_that_is_cancelled_goes_back() {
    given(order())
        .claimed()
        .when(cannot_be_written("reserve"))
        .is(SagaStatus::Parked)
        .told(cancel())
        .becomes_ready()
        .claimed()
        .starts(["run undo reserve"])
        .when(undo(done("reserve")))
        .ends_with("cancelled; settles in 1260s");
}

#[test]
fn p2_a_cancel_waits_while_nobody_knows_of_the_pivot() {
    given(task([pivot("sell").retries(0)]))
        .claimed()
        .when(fails("sell"))
        .is(SagaStatus::Parked)
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .is(SagaStatus::Parked);
}

#[test]
fn k2_a_running_step_is_told_to_stop_and_then_undone() {
    given(order())
        .claimed()
        .told(cancel())
        .writes(["received cancel"])
        .starts(["stop"])
        .stays_owned()
        .when(is_interrupted("reserve"))
        .writes(["reserve unknown: interrupted", "going back: cancelled", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "cancelled; settles in 1260s"]);
}

#[test]
fn k2_a_running_step_that_fails_under_a_cancel_is_not_tried_again() {
    given(order()).claimed().told(cancel()).when(fails("reserve")).writes([
        "reserve unknown: no reply",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn k2_a_saga_that_waits_is_cancelled_at_once() {
    given(task([step("charge").every(60)]))
        .claimed()
        .when(fails("charge"))
        .waits_for(60)
        .told(cancel())
        .becomes_ready()
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo charge"]);
}

#[test]
fn k1_two_cancels_are_one() {
    given(order()).submitted().told(cancel()).told(cancel()).claimed().writes([
        "received cancel",
        "received cancel",
        "reserve withdrawn",
        "going back: cancelled",
        "cancelled",
    ]);
}

#[test]
fn c11_a_failure_before_the_cancel_stays_the_cause() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip")]))
        .claimed()
        .when(refuses("hotel"))
        .told(cancel())
        .when(is_interrupted("flight"))
        .writes(["flight unknown: interrupted", "going back: hotel refused", "intent undo flight"]);
}

#[test]
fn k5_a_kill_ends_the_saga_without_undo_and_lists_what_remains() {
    given(task([no_undo("mail", "a mail cannot be recalled"), step("reserve"), step("charge")]))
        .claimed()
        .when(done("mail"))
        .when(done("reserve"))
        .told(kill())
        .writes([
            "received kill",
            "killed; mail: a mail cannot be recalled; reserve: done and not undone; \
             charge: may have happened",
        ])
        .is(SagaStatus::Killed);
}

#[test]
fn k5_a_kill_ends_a_stuck_saga() {
    given(order())
        .claimed()
        .when(done("reserve"))
        .when(refuses("charge"))
        .when(undo(refuses("reserve")))
        .is(SagaStatus::Stuck)
        .told(kill())
        .claimed()
        .writes(["received kill", "killed; reserve: not undone"]);
}

#[test]
fn k5_a_kill_is_the_last_word_whatever_else_is_in_the_inbox() {
    given(order()).submitted().told(kill()).told(cancel()).claimed().writes([
        "received kill",
        "received cancel",
        "killed; reserve: may have happened",
    ]);
}

#[test]
fn k5_a_kill_ends_a_saga_whose_hosts_keep_dying() {
    let mut saga = given(order()).submitted();
    for _ in 0..5 {
        saga = saga.claimed().host_dies();
    }
    saga.told(kill())
        .claimed()
        .writes(["received kill", "killed; reserve: may have happened"])
        .is(SagaStatus::Killed);
}

#[test]
fn the_deadline_is_like_a_cancel() {
    given(order().within(60))
        .claimed()
        .when(done("reserve"))
        .starts(["run charge", "wait 60s"])
        .seconds_later(60)
        .writes([])
        .starts(["stop"])
        .when(is_interrupted("charge"))
        .writes(["charge unknown: interrupted", "going back: deadline", "intent undo charge"]);
}

#[test]
fn a_step_that_fails_because_the_deadline_stopped_it_is_not_the_cause() {
    given(order().within(60)).claimed().seconds_later(60).when(fails("reserve")).writes([
        "reserve unknown: no reply",
        "going back: deadline",
        "intent undo reserve",
    ]);
}

#[test]
fn schedule_b13_the_deadline_of_a_queued_saga_is_judged_by_the_next_owner() {
    given(order().within(60)).submitted().seconds_later(60).claimed().writes([
        "reserve withdrawn",
        "going back: deadline",
        "compensated",
    ]);
}

#[test]
fn a_saga_that_is_done_at_its_deadline_goes_back() {
    given(task([step("charge")]).within(60))
        .claimed()
        .seconds_later(60)
        .when(done("charge"))
        .writes(["charge done", "going back: deadline", "intent undo charge"]);
}
