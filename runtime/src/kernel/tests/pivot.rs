//! The point of no return (P1 to P3, K3).

use super::{
    events::{cancel, done, fails, is_interrupted, refuses, times_out, undo, unpark},
    script::{Script, given},
    task::{ephemeral, pivot, retriable, step, task},
};
use crate::kernel::{Definition, SagaStatus};

fn sale() -> Definition {
    task([step("reserve"), pivot("sell").retries(1), retriable("ship").retries(0)])
}

fn selling() -> Script {
    given(sale()).claimed().when(done("reserve")).starts(["run sell"])
}

fn sold() -> Script {
    selling().when(done("sell")).starts(["run ship"])
}

fn nobody_knows_whether_it_was_sold() -> Script {
    selling().when(times_out("sell")).seconds_later(1).when(times_out("sell"))
}

#[test]
fn k3_the_intent_of_the_pivot_is_guarded() {
    given(sale()).claimed().when(done("reserve")).writes(["reserve done", "intent sell"]).guarded();
}

#[test]
fn k3_a_cancel_before_the_pivot_wins() {
    given(sale()).claimed().told(cancel()).when(done("reserve")).writes([
        "reserve done",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn k3_a_cancel_does_not_interrupt_the_pivot() {
    selling().told(cancel()).writes(["received cancel"]).starts_nothing().stays_owned();
}

#[test]
fn k3_a_cancel_while_the_pivot_runs_is_too_late_when_it_succeeds() {
    selling()
        .told(cancel())
        .when(done("sell"))
        .writes(["sell done", "intent ship"])
        .when(done("ship"))
        .writes(["ship done", "completed"]);
}

#[test]
fn k3_a_cancel_while_the_pivot_runs_is_honoured_when_it_refuses() {
    selling()
        .told(cancel())
        .when(refuses("sell"))
        .writes(["sell refused: no", "going back: cancelled", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "cancelled"]);
}

#[test]
fn k3_a_cancelled_pivot_is_still_tried_again_until_it_is_known() {
    selling()
        .told(cancel())
        .when(times_out("sell"))
        .writes(["sell failed: timed out; again in 1s"])
        .starts(["wait 1s"])
        .seconds_later(1)
        .starts(["run sell #2"]);
}

#[test]
fn p2_an_unknown_pivot_goes_neither_forward_nor_back() {
    nobody_knows_whether_it_was_sold()
        .writes(["sell #2 unknown: timed out", "parked: pivot unknown: timed out"])
        .is(SagaStatus::Parked)
        .guarded();
}

#[test]
fn p2_a_cancel_does_not_move_an_unknown_pivot() {
    selling()
        .told(cancel())
        .when(times_out("sell"))
        .seconds_later(1)
        .when(times_out("sell"))
        .writes(["sell #2 unknown: timed out", "parked: pivot unknown: timed out"])
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .is(SagaStatus::Parked);
}

#[test]
fn p3_a_pivot_whose_intent_was_written_for_so_long_that_the_deadline_passed_is_taken_back() {
    given(sale().within(60))
        .claimed()
        .when_written_for(60, done("reserve"))
        .writes(["reserve done", "intent sell"])
        .starts(["wait 0ns"])
        .seconds_later(0)
        .writes(["sell withdrawn", "going back: deadline", "intent undo reserve"]);
}

#[test]
fn k3_a_cancel_of_a_pivot_that_waits_for_a_slot_is_honoured() {
    given(sale())
        .claimed()
        .without_a_slot()
        .when(done("reserve"))
        .starts(["wants a slot"])
        .told(cancel())
        .writes([
            "received cancel",
            "sell withdrawn",
            "going back: cancelled",
            "intent undo reserve",
        ]);
}

#[test]
fn k3_what_a_pivot_reads_that_has_not_begun_is_told_to_stop() {
    let open = ephemeral("open").retries(0);
    let left = || {
        let steps = [step("reserve"), open.clone(), pivot("sell").reads([1])];
        given(task(steps)).claimed().when(done("reserve")).host_leaves().when(done("open"))
    };
    left()
        .claimed()
        .writes(["intent sell"])
        .starts(["run open"])
        .told(cancel())
        .starts(["stop"])
        .when(is_interrupted("open"))
        .writes(["sell withdrawn", "going back: cancelled", "intent undo reserve"]);
    left().claimed().when(refuses("open")).writes([
        "sell withdrawn",
        "going back: open refused",
        "intent undo reserve",
    ]);
}

#[test]
fn p2_nor_does_the_deadline() {
    given(sale().within(60))
        .claimed()
        .when(done("reserve"))
        .when(times_out("sell"))
        .seconds_later(60)
        .starts(["run sell #2"])
        .when(times_out("sell"))
        .writes(["sell #2 unknown: timed out", "parked: pivot unknown: timed out"]);
}

#[test]
fn p2_unpark_tries_an_unknown_pivot_again_under_its_key() {
    nobody_knows_whether_it_was_sold()
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run sell #3"])
        .when(done("sell"))
        .writes(["sell #3 done", "intent ship"]);
}

#[test]
fn j5_a_late_success_settles_an_unknown_pivot() {
    nobody_knows_whether_it_was_sold()
        .told_late(done("sell"))
        .claimed()
        .writes(["received late sell", "sell done", "intent ship"])
        .starts(["run ship"]);
}

#[test]
fn p3_behind_the_pivot_a_cancel_is_too_late() {
    sold()
        .told(cancel())
        .writes(["received cancel"])
        .starts_nothing()
        .when(done("ship"))
        .writes(["ship done", "completed"]);
}

#[test]
fn p3_behind_the_pivot_the_deadline_stops_nothing() {
    given(sale().within(60))
        .claimed()
        .when(done("reserve"))
        .when(done("sell"))
        .starts(["run ship"])
        .seconds_later(120)
        .writes([])
        .starts_nothing()
        .when(done("ship"))
        .writes(["ship done", "completed"]);
}

#[test]
fn p3_a_long_wait_behind_the_pivot_is_not_cut_short_by_a_deadline_that_is_over() {
    given(task([pivot("sell"), retriable("ship").every(60)]).within(10))
        .claimed()
        .when(done("sell"))
        .seconds_later(20)
        .when(fails("ship"))
        .waits_for(60);
}

#[test]
fn p2_a_long_wait_of_the_pivot_is_not_cut_short_by_a_deadline_that_is_over() {
    given(task([pivot("sell").every(60)]).within(10))
        .claimed()
        .seconds_later(20)
        .when(fails("sell"))
        .waits_for(60);
}

#[test]
fn p3_a_step_behind_the_pivot_that_cannot_succeed_is_stuck_and_nothing_is_undone() {
    sold().when(fails("ship")).writes(["ship unknown: no reply"]).is(SagaStatus::Stuck);
}

#[test]
fn p3_unpark_tries_a_stuck_step_again_under_its_key() {
    sold()
        .when(fails("ship"))
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run ship #2"])
        .when(done("ship"))
        .writes(["ship #2 done", "completed"]);
}

#[test]
fn j3_a_refused_step_that_an_operator_runs_again_is_a_new_generation() {
    sold()
        .when(refuses("ship"))
        .writes(["ship refused: no"])
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .writes(["received unpark", "intent ship'1"])
        .when(done("ship"))
        .writes(["ship'1 done", "completed"]);
}

#[test]
fn p3_behind_the_pivot_a_lost_interrupt_is_nothing_but_another_try() {
    sold()
        .host_leaves()
        .when(is_interrupted("ship"))
        .writes(["ship failed: interrupted; again in 0ns"])
        .becomes_ready()
        .claimed()
        .starts(["run ship #2"]);
}

// ---- a pivot that reads an ephemeral value -----------------------------------------------------

/// `sell` began, and what it reads died with its worker.
fn selling_what_was_lost() -> Script {
    let open = ephemeral("open").retries(1);
    given(task([step("reserve"), open, pivot("sell").reads([1])]))
        .claimed()
        .when(done("reserve"))
        .when(done("open"))
        .starts(["run sell"])
        .host_dies()
        .claimed()
        .starts(["run open #2"])
}

#[test]
fn p2_a_pivot_is_unknown_when_its_input_is_refused_the_second_time() {
    selling_what_was_lost()
        .when(refuses("open"))
        .writes(["sell #2 unknown: no", "parked: pivot unknown: no"])
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .starts(["run open"]);
}

#[test]
fn p2_a_pivot_is_unknown_when_its_input_cannot_be_made_again() {
    selling_what_was_lost()
        .when(fails("open"))
        .writes([])
        .starts(["wait 1s"])
        .seconds_later(1)
        .when(fails("open"))
        .writes(["sell #2 unknown: no reply", "parked: pivot unknown: no reply"])
        .is(SagaStatus::Parked);
}

#[test]
fn k3_a_cancel_does_not_stop_what_an_open_pivot_needs() {
    selling_what_was_lost()
        .told(cancel())
        .writes(["received cancel", "sell failed: its host is gone; again in 0ns"])
        .starts_nothing()
        .when(done("open"))
        .starts(["run sell #2"])
        .when(done("sell"))
        .ends_with("completed");
}

#[test]
fn k3_nor_does_the_deadline() {
    given(task([ephemeral("open"), pivot("sell").reads([0])]).within(60))
        .claimed()
        .when(done("open"))
        .host_dies()
        .claimed()
        .starts(["run open #2", "wait 60s"])
        .seconds_later(60)
        .starts_nothing()
        .when(done("open"))
        .starts(["run sell #2"]);
}

#[test]
fn schedule_b9_a_pivot_that_never_began_is_withdrawn_when_its_input_cannot_be_made_again() {
    given(task([step("reserve").on_api(), ephemeral("open").on_api(), pivot("sell").reads([1])]))
        .submitted()
        .when(done("reserve"))
        .when(done("open"))
        .writes(["open done, kept here", "intent sell"])
        .becomes_ready()
        .claimed()
        .starts(["run open"])
        .when(refuses("open"))
        .writes(["sell withdrawn", "going back: open refused", "intent undo reserve"]);
}
