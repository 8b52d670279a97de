//! `on_exhausted = "park"` (E4).

use super::{
    events::{
        cancel, cannot_be_written, cannot_tell, did_not_happen, done, fails, happened,
        is_interrupted, kill, refuses, times_out, undo, unpark,
    },
    script::{Script, given},
    task::{pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

/// `charge` used up its only retry, and parks.
fn parked() -> Script {
    given(task([step("reserve"), step("charge").retries(1).parks()]))
        .claimed()
        .when(done("reserve"))
        .when(fails("charge"))
        .seconds_later(1)
        .when(fails("charge"))
}

#[test]
fn e4_a_step_that_used_up_its_retries_parks_if_it_says_so() {
    parked()
        .writes(["charge #2 failed: no reply; again in 0ns", "parked: charge exhausted: no reply"])
        .guarded()
        .waits_for_somebody()
        .is(SagaStatus::Parked);
}

#[test]
fn e4_unpark_gives_a_fresh_budget() {
    parked()
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run charge #3"])
        .when(fails("charge"))
        .writes(["charge #3 failed: no reply; again in 1s"])
        .seconds_later(1)
        .starts(["run charge #4"])
        .when(done("charge"))
        .writes(["charge #4 done", "completed"]);
}

#[test]
fn e4_when_that_is_used_up_too_it_parks_again() {
    parked()
        .told(unpark())
        .claimed()
        .when(fails("charge"))
        .seconds_later(1)
        .when(fails("charge"))
        .writes(["charge #4 failed: no reply; again in 0ns", "parked: charge exhausted: no reply"])
        .waits_for_somebody();
}

#[test]
fn e4_a_cancel_goes_back_and_it_is_unknown() {
    parked()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "going back: cancelled", "intent undo charge"])
        .undo_gets("charge", "nothing")
        .failed_for([("charge", "no reply")])
        .when(undo(done("charge")))
        .when(undo(done("reserve")))
        .ends_with("cancelled; settles in 1260s");
}

#[test]
fn e4_the_deadline_turns_it_back_once_somebody_unparks_it() {
    given(task([step("charge").retries(0).parks()]).within(60))
        .claimed()
        .when(fails("charge"))
        .waits_for_somebody()
        .seconds_later(60)
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .writes(["received unpark", "going back: deadline", "intent undo charge"]);
}

#[test]
fn k5_a_kill_ends_it() {
    parked().told(kill()).claimed().writes([
        "received kill",
        "killed; reserve: done and not undone; charge: may have happened",
    ]);
}

#[test]
fn e4_the_word_of_an_operator_is_its_outcome() {
    parked()
        .told_the_output_of("charge")
        .claimed()
        .writes(["received output of charge", "completed"])
        .undo_gets("charge", "done: from the ledger");
}

#[test]
fn e4_or_that_it_did_not_happen() {
    parked()
        .told_to_mark_not_done("charge")
        .claimed()
        .writes([
            "received mark charge not done",
            "going back: charge failed",
            "intent undo reserve",
        ])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .ends_for_good();
}

#[test]
fn c11_the_cause_is_its_last_failure() {
    parked().told_to_mark_not_done("charge").claimed().causes("charge failed: no reply");
}

#[test]
fn j5_a_late_success_needs_no_operator() {
    parked().told_late(done("charge")).claimed().writes([
        "received late charge",
        "charge done",
        "completed",
    ]);
}

#[test]
fn e4_no_other_letter_lifts_it() {
    parked()
        .told_to_waive("charge")
        .claimed()
        .writes(["received waive charge"])
        .waits_for_somebody();
    parked().told_to_mark_done("charge").claimed().waits_for_somebody();
    parked().told_the_output_of("reserve").claimed().waits_for_somebody();
    parked().told_to_mark_not_done("reserve").claimed().waits_for_somebody();
    parked().told_late(refuses("charge")).claimed().waits_for_somebody();
}

#[test]
fn e4_a_declared_error_does_not_park() {
    given(task([step("charge").parks()])).claimed().when(refuses("charge")).writes([
        "charge refused: no",
        "going back: charge refused",
        "compensated",
    ]);
}

#[test]
fn r3_a_host_that_dies_while_it_is_parked_has_lost_nothing() {
    parked()
        .told_to_waive("charge")
        .claimed_but_dies_before_it_writes()
        .told(unpark())
        .claimed()
        .writes(["received waive charge", "received unpark"])
        .starts(["run charge #3"]);
}

#[test]
fn e4_a_lost_attempt_after_an_unpark_counts_as_lost() {
    parked().told(unpark()).claimed().host_dies().told(cancel()).claimed().waits_for(600);
}

// ---- at most once ------------------------------------------------------------------------------

#[test]
fn e4_what_is_run_at_most_once_parks_at_the_first_doubt() {
    given(task([step("charge").at_most_once().parks()]))
        .claimed()
        .when(fails("charge"))
        .writes(["charge failed: no reply; again in 0ns", "parked: charge exhausted: no reply"]);
}

#[test]
fn e4_and_when_its_host_died() {
    given(task([step("charge").at_most_once().parks()]))
        .claimed()
        .host_dies()
        .claimed()
        .writes([
            "charge failed: its host is gone; again in 0ns",
            "parked: charge exhausted: its host is gone",
        ])
        .waits_for_somebody()
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for(600);
}

#[test]
fn e3_an_operator_may_run_it_again() {
    given(task([step("charge").at_most_once().parks()]))
        .claimed()
        .when(fails("charge"))
        .told(unpark())
        .claimed()
        .starts(["run charge #2"]);
}

#[test]
fn e3_an_unpark_that_comes_with_a_dead_host_counts() {
    given(task([step("charge").at_most_once().parks()]))
        .claimed()
        .when(fails("charge"))
        .told_to_waive("charge")
        .claimed_but_dies_before_it_writes()
        .told(unpark())
        .claimed()
        .starts(["run charge #2"]);
}

// ---- with a probe ------------------------------------------------------------------------------

fn asking_for_the_last_time() -> Script {
    given(task([step("charge").probed().retries(0).parks()]))
        .claimed()
        .when(times_out("charge"))
        .starts(["run probe charge"])
}

#[test]
fn e4_it_parks_when_its_probe_cannot_tell() {
    asking_for_the_last_time()
        .when(cannot_tell("charge"))
        .writes(["probe charge cannot tell; again in 0ns", "parked: charge exhausted: timed out"])
        .told(unpark())
        .claimed()
        .starts(["run charge #2"]);
}

#[test]
fn e4_it_parks_when_it_did_not_happen() {
    asking_for_the_last_time().when(did_not_happen("charge")).writes([
        "probe charge did not happen; again in 0ns",
        "parked: charge exhausted: timed out",
    ]);
}

#[test]
fn c1_what_did_not_happen_and_parked_is_withdrawn_when_it_is_cancelled() {
    asking_for_the_last_time()
        .when(did_not_happen("charge"))
        .told(cancel())
        .claimed()
        .writes(["received cancel", "charge #2 withdrawn", "going back: cancelled", "cancelled"])
        .ends_for_good();
}

#[test]
fn e4_it_does_not_park_when_it_happened() {
    asking_for_the_last_time().when(happened("charge")).writes(["probe charge done", "completed"]);
}

// ---- beside the pivot --------------------------------------------------------------------------

#[test]
fn p2_a_pivot_parks_as_unknown_whatever_it_says() {
    given(task([pivot("sell").retries(0).parks()]))
        .claimed()
        .when(fails("sell"))
        .writes(["sell unknown: no reply", "parked: pivot unknown: no reply"]);
}

fn shipping() -> Script {
    given(task([pivot("sell"), retriable("ship").retries(0).parks()]))
        .claimed()
        .when(done("sell"))
        .when(fails("ship"))
        .writes(["ship failed: no reply; again in 0ns", "parked: ship exhausted: no reply"])
}

#[test]
fn p3_behind_the_pivot_it_parks_and_never_goes_back() {
    shipping()
        .told_to_mark_not_done("ship")
        .claimed()
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .starts(["run ship #2"]);
    shipping().told(cancel()).claimed().writes(["received cancel"]).waits_for_somebody();
    shipping().told(unpark()).claimed().starts(["run ship #2"]);
    shipping()
        .told_the_output_of("ship")
        .claimed()
        .writes(["received output of ship", "completed"]);
}

#[test]
fn c5_a_cancel_does_not_lift_what_parked_the_way_back() {
    given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .when(refuses("charge"))
        .when(undo(cannot_be_written("reserve")))
        .waits_for_somebody()
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for_somebody();
}

#[test]
fn e4_an_interrupted_attempt_uses_up_nothing() {
    given(task([step("charge").retries(0).parks()]))
        .claimed()
        .when(is_interrupted("charge"))
        .writes(["charge failed: interrupted; again in 0ns"])
        .starts(["run charge #2"]);
}
