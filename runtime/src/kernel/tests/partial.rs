//! A declared error after a part of the work (E1).

use super::{
    events::{done, fails, is_interrupted, kill, refuses, refuses_midway, undo, unpark},
    script::{Script, given},
    task::{no_undo, pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

#[test]
fn e1_a_step_that_did_a_part_turns_the_saga_back_and_is_undone_too() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses_midway("charge"))
        .writes([
            "charge done in part, refused: no",
            "going back: charge refused",
            "intent undo charge",
        ])
        .starts(["run undo charge"])
        .when(undo(done("charge")))
        .writes(["undo charge done", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .ends_for_good();
}

#[test]
fn e1_its_undo_is_told_the_part() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses_midway("charge"))
        .undo_gets("charge", "part: half")
        .undo_gets("reserve", "done: reserve")
        .failed_for([("charge", "no")]);
}

#[test]
fn e1_it_is_not_tried_again() {
    given(task([step("charge")])).claimed().when(refuses_midway("charge")).writes([
        "charge done in part, refused: no",
        "going back: charge refused",
        "intent undo charge",
    ]);
}

#[test]
fn c11_a_part_that_may_remain_is_residual() {
    given(task([no_undo("mail", "a mail cannot be recalled")]))
        .claimed()
        .when(refuses_midway("mail"))
        .writes([
            "mail done in part, refused: no",
            "going back: mail refused",
            "compensated; mail: a mail cannot be recalled",
        ]);
}

#[test]
fn k5_a_kill_lists_what_was_done_in_part() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip")]))
        .claimed()
        .when(refuses_midway("hotel"))
        .told(kill())
        .writes([
            "received kill",
            "killed; hotel: done in part and not undone; flight: may have happened",
        ]);
}

#[test]
fn b1_a_member_that_did_a_part_fails_the_group_fast() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip")]))
        .claimed()
        .when(refuses_midway("hotel"))
        .writes(["hotel done in part, refused: no"])
        .starts(["stop"])
        .when(is_interrupted("flight"))
        .writes([
            "flight unknown: interrupted",
            "going back: hotel refused",
            "intent undo hotel",
            "intent undo flight",
        ]);
}

#[test]
fn b2_with_await_all_its_siblings_finish_first() {
    let member = |name| step(name).in_group("trip").await_all();
    given(task([member("hotel"), member("flight")]))
        .claimed()
        .when(refuses_midway("hotel"))
        .starts_nothing()
        .when(fails("flight"))
        .seconds_later(1)
        .when(done("flight"))
        .writes([
            "flight #2 done",
            "going back: hotel refused",
            "intent undo hotel",
            "intent undo flight",
        ]);
}

#[test]
fn e1_a_pivot_that_did_a_part_goes_back_and_its_part_is_residual() {
    given(task([step("reserve"), pivot("sell")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses_midway("sell"))
        .ends_with("intent undo reserve")
        .when(undo(done("reserve")))
        .ends_with("compensated; sell: done in part and not undone");
}

#[test]
fn e1_an_undo_that_does_a_part_has_failed() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses("charge"))
        .when(undo(refuses_midway("reserve")))
        .writes(["undo reserve done in part, refused: no"])
        .is(SagaStatus::Stuck);
}

fn shipped_in_part() -> Script {
    given(task([pivot("sell"), retriable("ship")]))
        .claimed()
        .when(done("sell"))
        .when(refuses_midway("ship"))
        .writes(["ship done in part, refused: no"])
        .is(SagaStatus::Stuck)
}

#[test]
fn p3_behind_the_pivot_it_is_stuck_and_another_run_is_another_generation() {
    shipped_in_part()
        .told(unpark())
        .claimed()
        .writes(["received unpark", "intent ship'1"])
        .starts(["run ship"])
        .when(done("ship"))
        .writes(["ship'1 done", "completed"]);
}

#[test]
fn c11_what_an_earlier_generation_did_in_part_is_not_forgotten() {
    shipped_in_part()
        .told(unpark())
        .claimed()
        .when(refuses("ship"))
        .told(kill())
        .claimed()
        .ends_with("killed; sell: done and not undone; ship: done in part and not undone");
}

#[test]
fn c11_not_even_when_the_kill_comes_with_the_unpark() {
    shipped_in_part().told(unpark()).told(kill()).claimed().writes([
        "received unpark",
        "received kill",
        "killed; sell: done and not undone; ship: done in part and not undone",
    ]);
}
