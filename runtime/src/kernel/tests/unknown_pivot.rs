//! A pivot of which nobody knows (P2).

use super::{
    events::{
        cancel, cannot_be_written, cannot_tell, did_not_happen, done, fails, happened, probe,
        refuses, times_out, undo, unpark,
    },
    script::{Script, given},
    task::{Row, pivot, retriable, step, task},
};
use crate::kernel::SagaStatus;

fn selling(row: fn(Row) -> Row) -> Script {
    given(task([step("reserve"), row(pivot("sell").retries(1)), retriable("ship")]))
        .claimed()
        .when(done("reserve"))
        .starts(["run sell"])
}

fn probed(row: Row) -> Row {
    row.probed()
}

fn once(row: Row) -> Row {
    row.probed().at_most_once()
}

/// At most once, and its probe cannot tell.
fn unknown() -> Script {
    selling(once).when(times_out("sell")).starts(["run probe sell"]).when(cannot_tell("sell"))
}

#[test]
fn p2_a_pivot_in_doubt_is_first_asked_of_its_probe() {
    selling(probed)
        .when(times_out("sell"))
        .writes(["sell failed: timed out; again in 1s"])
        .starts(["run probe sell"])
        .when(happened("sell"))
        .writes(["probe sell done", "intent ship"]);
}

#[test]
fn p2_without_a_stop_it_is_tried_again_like_any_step() {
    selling(probed)
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .writes(["probe sell did not happen; again in 1s"])
        .seconds_later(1)
        .starts(["run sell #2"]);
    selling(probed)
        .when(times_out("sell"))
        .when(cannot_tell("sell"))
        .seconds_later(1)
        .starts(["run sell #2"]);
}

#[test]
fn p2_a_pivot_that_did_not_happen_at_its_last_try_goes_back() {
    selling(probed)
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .seconds_later(1)
        .when(fails("sell"))
        .when(did_not_happen("sell"))
        .writes(["probe sell did not happen", "going back: sell failed", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .ends_for_good();
}

#[test]
fn p2_with_a_probe_that_cannot_tell_it_parks() {
    unknown()
        .writes(["probe sell unknown: timed out", "parked: pivot unknown: timed out"])
        .guarded()
        .waits_for_somebody()
        .is(SagaStatus::Parked);
}

#[test]
fn p2_unpark_asks_the_probe_again_and_never_runs_it_again() {
    let mut saga = unknown();
    for _ in 0..3 {
        saga = saga
            .told(unpark())
            .claimed()
            .writes(["received unpark"])
            .starts(["run probe sell"])
            .when(cannot_tell("sell"))
            .writes(["probe sell unknown: timed out", "parked: pivot unknown: timed out"]);
    }
    saga.told(unpark())
        .claimed()
        .when(happened("sell"))
        .writes(["probe sell done", "intent ship"])
        .is(SagaStatus::Running);
}

#[test]
fn p2_what_did_not_happen_after_all_goes_back() {
    unknown().told(unpark()).claimed().when(did_not_happen("sell")).writes([
        "probe sell did not happen",
        "going back: sell failed",
        "intent undo reserve",
    ]);
}

#[test]
fn p2_a_lost_pivot_is_asked_about() {
    selling(once)
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run probe sell"])
        .when(cannot_tell("sell"))
        .writes([
            "sell failed: its host is gone; again in 0ns",
            "probe sell unknown: its host is gone",
            "parked: pivot unknown: its host is gone",
        ]);
}

#[test]
fn p2_an_output_of_it_that_cannot_be_written_is_asked_of_the_probe() {
    selling(once)
        .when(cannot_be_written("sell"))
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run probe sell"]);
    selling(once)
        .when(cannot_be_written("sell"))
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .starts(["run probe sell"]);
}

#[test]
fn p2_without_a_probe_unpark_runs_it_again() {
    selling(|row| row.retries(0))
        .when(fails("sell"))
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run sell #2"]);
}

// ---- a stop while it is in doubt ---------------------------------------------------------------

fn cancelled_in_doubt(row: fn(Row) -> Row) -> Script {
    selling(row)
        .when(times_out("sell"))
        .told(cancel())
        .writes(["received cancel"])
        .starts_nothing()
        .stays_owned()
}

#[test]
fn k3_a_cancel_is_too_late_when_it_happened() {
    cancelled_in_doubt(probed)
        .when(happened("sell"))
        .writes(["probe sell done", "intent ship"])
        .when(done("ship"))
        .writes(["ship done", "completed"]);
}

#[test]
fn k3_a_cancel_is_honoured_when_it_did_not() {
    cancelled_in_doubt(probed).when(did_not_happen("sell")).writes([
        "probe sell did not happen",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn k3_also_when_the_cancel_comes_before_it_is_tried_again() {
    selling(probed)
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .starts(["wait 1s"])
        .told(cancel())
        .writes([
            "received cancel",
            "sell #2 withdrawn",
            "going back: cancelled",
            "intent undo reserve",
        ]);
}

#[test]
fn k3_and_when_it_comes_while_the_last_answer_is_written() {
    selling(probed)
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .seconds_later(1)
        .when(fails("sell"))
        .told(cancel())
        .when(did_not_happen("sell"))
        .writes(["probe sell did not happen", "going back: cancelled", "intent undo reserve"]);
}

#[test]
fn k3_nobody_sells_to_learn_whether_it_was_sold() {
    cancelled_in_doubt(probed)
        .when(cannot_tell("sell"))
        .writes(["probe sell unknown: timed out", "parked: pivot unknown: timed out"]);
}

#[test]
fn k3_the_deadline_is_like_a_cancel() {
    let sale = task([step("reserve"), pivot("sell").probed(), retriable("ship")]).within(60);
    let selling = || {
        given(sale.clone())
            .claimed()
            .when(done("reserve"))
            .when(times_out("sell"))
            .seconds_later(60)
            .writes([])
            .stays_owned()
    };
    selling().when(did_not_happen("sell")).writes([
        "probe sell did not happen",
        "going back: deadline",
        "intent undo reserve",
    ]);
    selling()
        .when(happened("sell"))
        .writes(["probe sell done", "intent ship"])
        .starts(["run ship"]);
}

#[test]
fn k3_a_probe_of_a_cancelled_pivot_that_fails_is_asked_again() {
    cancelled_in_doubt(probed)
        .when(probe(fails("sell")))
        .seconds_later(60)
        .starts(["run probe sell #2"]);
}

#[test]
fn k1_a_cancel_of_an_unknown_pivot_is_not_forgotten_when_it_is_asked_about_again() {
    unknown()
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run probe sell"])
        .when(did_not_happen("sell"))
        .writes(["probe sell did not happen", "going back: cancelled", "intent undo reserve"]);
    selling(probed)
        .when(times_out("sell"))
        .when(cannot_tell("sell"))
        .seconds_later(1)
        .when(times_out("sell"))
        .when(cannot_tell("sell"))
        .waits_for_somebody()
        .told(cancel())
        .told(unpark())
        .claimed()
        .starts(["run probe sell"])
        .when(cannot_tell("sell"))
        .waits_for_somebody();
}

#[test]
fn k3_nor_when_it_is_run_again() {
    selling(|row| row.retries(0))
        .when(fails("sell"))
        .told(cancel())
        .told(unpark())
        .claimed()
        .starts(["run sell #2"])
        .when(refuses("sell"))
        .writes(["sell #2 refused: no", "going back: cancelled", "intent undo reserve"]);
}

// ---- the word of an operator -------------------------------------------------------------------

#[test]
fn p2_mark_done_with_an_output_goes_forward() {
    unknown()
        .told_the_output_of("sell")
        .becomes_ready()
        .claimed()
        .writes(["received output of sell", "intent ship"])
        .undo_gets("sell", "done: from the ledger")
        .starts(["run ship"]);
}

#[test]
fn p2_mark_not_done_goes_back() {
    unknown()
        .told_to_mark_not_done("sell")
        .claimed()
        .writes(["received mark sell not done", "going back: sell failed", "intent undo reserve"])
        .causes("sell failed: timed out")
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"]);
}

#[test]
fn p2_mark_done_without_an_output_changes_nothing() {
    unknown()
        .told_to_mark_done("sell")
        .claimed()
        .writes(["received mark sell done"])
        .waits_for_somebody();
}

#[test]
fn k3_a_cancel_before_the_word_is_too_late_or_is_not() {
    unknown()
        .told(cancel())
        .told_the_output_of("sell")
        .claimed()
        .writes(["received cancel", "received output of sell", "intent ship"])
        .when(done("ship"))
        .writes(["ship done", "completed"]);
    unknown()
        .told(cancel())
        .told_to_mark_not_done("sell")
        .claimed()
        .ends_with("intent undo reserve");
}

#[test]
fn p2_an_unpark_behind_the_word_does_not_overtake_the_pivot() {
    unknown().told_to_mark_not_done("sell").told(unpark()).claimed().writes([
        "received mark sell not done",
        "received unpark",
        "going back: sell failed",
        "intent undo reserve",
    ]);
    unknown().told(unpark()).told_to_mark_not_done("sell").claimed().starts(["run probe sell"]);
}

#[test]
fn j5_a_late_success_settles_it() {
    unknown().told_late(done("sell")).claimed().writes([
        "received late sell",
        "sell done",
        "intent ship",
    ]);
}

#[test]
fn c11_a_late_success_after_the_word_that_it_did_not_happen_is_reported() {
    unknown()
        .told_to_mark_not_done("sell")
        .claimed()
        .starts(["run undo reserve"])
        .told_late(done("sell"))
        .writes(["received late sell", "sell done, late"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated; sell: done and not undone"])
        .ends_for_good();
}

/// All before it was undone when it turned out that it had happened.
fn regretted() -> Script {
    selling(|row| row.probed().at_most_once())
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .writes(["probe sell did not happen", "going back: sell failed", "intent undo reserve"])
        .told_late(done("sell"))
        .writes(["received late sell", "sell done, late"])
        .is(SagaStatus::Compensating)
}

#[test]
fn c11_a_pivot_that_happened_although_its_probe_denied_it_is_reported() {
    regretted()
        .stays_owned()
        .when(undo(done("reserve")))
        .ends_with("compensated; sell: done and not undone");
}

#[test]
fn c11_so_is_one_that_happened_although_another_attempt_refused() {
    selling(probed)
        .when(refuses("sell"))
        .told_late(done("sell"))
        .writes(["received late sell", "sell done, late"])
        .when(undo(done("reserve")))
        .ends_with("compensated; sell: done and not undone");
}

#[test]
fn p3_a_saga_that_goes_back_does_not_turn_round_when_its_pivot_happened() {
    regretted()
        .when(undo(refuses("reserve")))
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run undo reserve #2"])
        .told(cancel())
        .writes(["received cancel"])
        .when(undo(done("reserve")))
        .ends_with("compensated; sell: done and not undone")
        .ends_for_good();
}
