//! Conditions (O2).

use super::{
    events::{done, refuses, undo, unpark},
    script::given,
    task::{step, task},
};
use crate::kernel::SagaStatus;

#[test]
fn o2_a_verdict_is_journaled_with_what_it_saw() {
    given(task([step("reserve"), step("insure").when([0])]))
        .claimed()
        .when(done("reserve"))
        // Record 0 holds the request, record 2 the output of `reserve`.
        .writes(["reserve done", "insure runs, saw [0, 2]", "intent insure"]);
}

#[test]
fn o2_a_condition_may_decide_over_the_first_step() {
    given(task([step("insure").when([]), step("charge")]))
        .skipping(["insure"])
        .submitted()
        .writes(["started", "insure skipped, saw [0]", "intent charge"]);
}

#[test]
fn o2_a_skipped_step_hands_on_to_the_next_in_the_same_commit() {
    given(task([step("a"), step("b").when([0]), step("c").when([0]), step("d")]))
        .skipping(["b", "c"])
        .claimed()
        .when(done("a"))
        .writes(["a done", "b skipped, saw [0, 2]", "c skipped, saw [0, 2]", "intent d"]);
}

#[test]
fn o2_a_skipped_output_is_not_among_what_was_seen() {
    given(task([step("a").when([]), step("b").when([0])])).skipping(["a"]).submitted().writes([
        "started",
        "a skipped, saw [0]",
        "b runs, saw [0]",
        "intent b",
    ]);
}

#[test]
fn o2_some_members_of_a_group_may_be_skipped() {
    given(task([step("a").in_group("g").when([]), step("b").in_group("g")]))
        .skipping(["a"])
        .submitted()
        .writes(["started", "a skipped, saw [0]", "intent b"])
        .claimed()
        .when(done("b"))
        .writes(["b done", "completed"]);
}

#[test]
fn inv5_a_saga_without_a_step_to_run_ends_where_it_is_created() {
    given(task([step("a").when([]), step("b").when([])]))
        .skipping(["a", "b"])
        .submitted()
        .writes(["started", "a skipped, saw [0]", "b skipped, saw [0]", "completed"])
        .is(SagaStatus::Completed);
}

#[test]
fn c1_a_skipped_step_is_not_undone() {
    given(task([step("a"), step("b").when([]), step("c")]))
        .skipping(["b"])
        .claimed()
        .when(done("a"))
        .when(refuses("c"))
        .writes(["c refused: no", "going back: c refused", "intent undo a"])
        .when(undo(done("a")))
        .writes(["undo a done", "compensated"]);
}

#[test]
fn o2_no_condition_is_asked_twice_although_a_neighbour_panicked() {
    let group = [
        step("a").in_group("g").when([]),
        step("b").in_group("g").when([]),
        step("c").in_group("g").when([]),
    ];
    given(task(group))
        .skipping(["a"])
        .panicking(["c"])
        .submitted()
        .writes([
            "started",
            "a skipped, saw [0]",
            "b runs, saw [0]",
            "parked: when of `c` panicked",
        ])
        .is(SagaStatus::Parked)
        .panicking([])
        .told(unpark())
        .claimed()
        .writes(["received unpark", "c runs, saw [0]", "intent b", "intent c"]);
}
