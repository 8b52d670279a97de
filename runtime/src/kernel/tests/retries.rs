//! Retries, time-outs and exhaustion (R1 to R3, E1, E3, E4, T1, B12).

use super::{
    events::{asks_to_wait, done, fails, panics, refuses, times_out, undo},
    script::given,
    task::{read_only, step, task},
};
use crate::kernel::SagaStatus;

#[test]
fn schedule_b12_a_failed_attempt_and_the_intent_of_the_next_are_one_record() {
    given(task([step("charge")]))
        .claimed()
        .when(fails("charge"))
        .writes(["charge failed: no reply; again in 1s"])
        .starts(["wait 1s"])
        .seconds_later(1)
        .writes([])
        .starts(["run charge #2"]);
}

#[test]
fn r1_max_counts_the_tries_after_the_first() {
    given(task([step("charge").retries(2)]))
        .claimed()
        .when(fails("charge"))
        .seconds_later(1)
        .when(fails("charge"))
        .writes(["charge #2 failed: no reply; again in 1s"])
        .seconds_later(1)
        .starts(["run charge #3"])
        .when(fails("charge"))
        .writes(["charge #3 unknown: no reply", "going back: charge failed", "intent undo charge"]);
}

#[test]
fn r1_exponential_delays_double() {
    given(task([step("charge").doubling()]))
        .claimed()
        .when(fails("charge"))
        .starts(["wait 1s"])
        .seconds_later(1)
        .when(fails("charge"))
        .starts(["wait 2s"])
        .seconds_later(2)
        .when(fails("charge"))
        .starts(["wait 4s"]);
}

#[test]
fn r1_a_longer_wait_that_was_asked_for_is_kept() {
    given(task([step("charge")])).claimed().when(asks_to_wait("charge", 4)).starts(["wait 4s"]);
}

#[test]
fn schedule_b12_a_short_wait_stays_with_the_owner() {
    given(task([step("charge").every(5)]))
        .claimed()
        .when(fails("charge"))
        .not_guarded()
        .stays_owned()
        .starts(["wait 5s"])
        .is(SagaStatus::Waiting);
}

#[test]
fn r2_a_longer_wait_is_the_journals() {
    given(task([step("charge").every(6)]))
        .claimed()
        .when(fails("charge"))
        .guarded()
        .waits_for(6)
        .seconds_later(6)
        .claimed()
        .writes([])
        .starts(["run charge #2"]);
}

#[test]
fn r2_an_owner_that_claims_too_early_gives_the_saga_back_to_its_timer() {
    given(task([step("charge").every(60)]))
        .claimed()
        .when(fails("charge"))
        .seconds_later(60)
        .claimed()
        .when(fails("charge"))
        .waits_for(60);
}

#[test]
fn schedule_b13_the_timer_is_set_to_the_deadline_when_that_comes_first() {
    given(task([step("charge").every(60)]).within(30))
        .claimed()
        .when(fails("charge"))
        .waits_for(30)
        .seconds_later(30)
        .claimed()
        .writes(["going back: deadline", "intent undo charge"]);
}

#[test]
fn t1_a_time_out_never_means_that_it_did_not_happen() {
    given(task([step("charge").retries(0)]))
        .claimed()
        .when(times_out("charge"))
        .writes(["charge unknown: timed out", "going back: charge failed", "intent undo charge"])
        .when(undo(done("charge")))
        .writes(["undo charge done", "compensated; settles in 1260s"]);
}

#[test]
fn e3_an_unknown_attempt_is_tried_again_under_its_key() {
    given(task([step("charge")]))
        .claimed()
        .when(times_out("charge"))
        .writes(["charge failed: timed out; again in 1s"])
        .seconds_later(1)
        .starts(["run charge #2"]);
}

#[test]
fn e1_a_panic_is_an_unknown_attempt() {
    given(task([step("charge").retries(1)]))
        .claimed()
        .when(panics("charge"))
        .writes(["charge failed: panicked: oh; again in 1s"])
        .seconds_later(1)
        .when(panics("charge"))
        .writes([
            "charge #2 unknown: panicked: oh",
            "going back: charge failed",
            "intent undo charge",
        ]);
}

#[test]
fn e1_a_declared_error_is_not_tried_again() {
    given(task([step("charge")])).claimed().when(refuses("charge")).writes([
        "charge refused: no",
        "going back: charge refused",
        "compensated",
    ]);
}

#[test]
fn e1_a_declared_error_denies_earlier_attempts_too() {
    given(task([step("charge")]))
        .claimed()
        .when(times_out("charge"))
        .seconds_later(1)
        .when(refuses("charge"))
        .writes(["charge #2 refused: no", "going back: charge refused", "compensated"]);
}

#[test]
fn e4_exhausted_retries_of_a_step_that_changes_nothing_leave_nothing_to_undo() {
    given(task([step("reserve"), read_only("price").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(fails("price"))
        .writes(["price unknown: no reply", "going back: price failed", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"]);
}

#[test]
fn r3_crashes_and_failures_both_count_as_attempts_but_only_failures_use_up_retries() {
    given(task([step("charge").retries(1)]))
        .claimed()
        .host_dies()
        .claimed()
        .starts(["run charge #2"])
        .when(fails("charge"))
        .writes(["charge #2 failed: no reply; again in 1s"])
        .seconds_later(1)
        .starts(["run charge #3"]);
}

#[test]
fn r3_a_crash_counts_for_the_step_that_it_hit_and_not_for_the_next() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .host_dies()
        .claimed()
        .starts(["run reserve #2"])
        .when(done("reserve"))
        .writes(["reserve #2 done", "intent charge"])
        .starts(["run charge"]);
}

#[test]
fn r3_members_of_a_group_keep_their_numbers_after_a_crash() {
    given(task([step("a").in_group("g"), step("b").in_group("g")]))
        .claimed()
        .host_dies()
        .claimed()
        .starts(["run a #2", "run b #2"])
        .when(done("a"))
        .writes(["a #2 done"])
        .when(done("b"))
        .writes(["b #2 done", "completed"]);
}
