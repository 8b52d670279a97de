//! Order, and what one commit holds (O1, J2, section "commits" of the protocol).

use super::{
    events::done,
    script::given,
    task::{ephemeral, read_only, step, task},
};
use crate::kernel::SagaStatus;

#[test]
fn o1_steps_run_in_their_order() {
    given(task([step("reserve"), step("charge"), step("ship")]))
        .submitted()
        .writes(["started", "intent reserve"])
        .becomes_ready()
        .claimed()
        .writes([])
        .starts(["run reserve"])
        .when(done("reserve"))
        .starts(["run charge"])
        .when(done("charge"))
        .starts(["run ship"])
        .when(done("ship"))
        .is(SagaStatus::Completed);
}

#[test]
fn j2_an_outcome_and_the_next_intent_are_one_commit() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .writes(["reserve done", "intent charge"])
        .not_guarded()
        .when(done("charge"))
        .writes(["charge done", "completed"])
        .guarded();
}

#[test]
fn n_steps_cost_n_plus_1_commits() {
    given(task([step("reserve"), ephemeral("draw"), step("charge").reads([1])]))
        .claimed()
        .when(done("reserve"))
        .when(done("draw"))
        .when(done("charge"))
        .is(SagaStatus::Completed)
        .commits(4);
}

#[test]
fn skipped_steps_cost_no_commit() {
    given(task([step("reserve"), read_only("check").when([0]), step("charge")]))
        .skipping(["check"])
        .claimed()
        .when(done("reserve"))
        .when(done("charge"))
        .is(SagaStatus::Completed)
        .commits(3);
}

#[test]
fn schedule_b11_an_ephemeral_step_ends_without_a_value_and_the_next_intent_comes_after_it() {
    given(task([ephemeral("draw"), step("print").reads([0])]))
        .submitted()
        .writes(["started", "intent draw"])
        .claimed()
        .when(done("draw"))
        .writes(["draw done, kept here", "intent print"])
        .starts(["run print"]);
}
