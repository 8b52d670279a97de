//! Going back (C1 to C11).

use super::{
    events::{cancel, done, fails, is_interrupted, refuses, times_out, undo, unpark},
    script::{Script, given},
    task::{no_undo, read_only, step, task},
};
use crate::kernel::SagaStatus;

/// `reserve` and `charge` are done, `ship` refuses.
fn refused_at_the_end() -> Script {
    given(task([step("reserve"), step("charge"), step("ship")]))
        .claimed()
        .when(done("reserve"))
        .when(done("charge"))
        .when(refuses("ship"))
}

/// The undo of `charge` cannot be done, `reserve` waits for it.
fn stuck() -> Script {
    refused_at_the_end().when(undo(refuses("charge")))
}

#[test]
fn c1_a_step_that_refused_has_no_effect_to_undo() {
    refused_at_the_end().writes([
        "ship refused: no",
        "going back: ship refused",
        "intent undo charge",
    ]);
}

#[test]
fn c1_the_step_that_failed_is_undone_too() {
    given(task([step("reserve"), step("charge").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(fails("charge"))
        .writes(["charge unknown: no reply", "going back: charge failed", "intent undo charge"])
        .starts(["run undo charge"]);
}

#[test]
fn c4_undo_runs_strictly_backwards_one_commit_each() {
    refused_at_the_end()
        .starts(["run undo charge"])
        .when(undo(done("charge")))
        .writes(["undo charge done", "intent undo reserve"])
        .starts(["run undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"])
        .guarded()
        .is(SagaStatus::Compensated);
}

#[test]
fn c5_an_undo_is_tried_again_on_its_own_budget() {
    given(task([step("charge").retries(0), step("ship")]))
        .claimed()
        .when(done("charge"))
        .when(refuses("ship"))
        .when(undo(fails("charge")))
        .seconds_later(1)
        .starts(["run undo charge #2"])
        .when(undo(done("charge")))
        .writes(["undo charge #2 done", "compensated"]);
}

#[test]
fn c5_an_undo_is_shielded_from_cancel_and_deadline() {
    given(task([step("charge"), step("ship")]).within(60))
        .claimed()
        .when(done("charge"))
        .when(refuses("ship"))
        .starts(["run undo charge"])
        .told(cancel())
        .writes(["received cancel"])
        .starts_nothing()
        .seconds_later(3600)
        .writes([])
        .starts_nothing()
        .when(undo(done("charge")))
        .writes(["undo charge done", "compensated"]);
}

#[test]
fn c5_an_interrupted_undo_runs_again_and_uses_up_nothing() {
    refused_at_the_end()
        .host_leaves()
        .when(undo(is_interrupted("charge")))
        .writes(["undo charge failed: interrupted; again in 0ns"])
        .becomes_ready()
        .claimed()
        .starts(["run undo charge #2"]);
}

#[test]
fn c7_after_twenty_tries_an_undo_has_failed_and_the_saga_is_stuck() {
    let mut saga = refused_at_the_end();
    for _ in 1..20 {
        saga = saga.when(undo(fails("charge"))).is(SagaStatus::Compensating);
        // Longer than the longest delay; released or not, somebody goes on.
        saga = saga.seconds_later(3600);
        if saga.is_unowned() {
            saga = saga.claimed();
        }
    }
    saga.starts(["run undo charge #20"])
        .when(undo(fails("charge")))
        .writes(["undo charge #20 unknown: no reply"])
        .is(SagaStatus::Stuck)
        .guarded();
}

#[test]
fn c5_an_undo_that_failed_a_day_ago_is_not_tried_again() {
    const DAY: u64 = 24 * 3600;
    let failed = |seconds| {
        let saga = refused_at_the_end().when(undo(fails("charge"))).seconds_later(seconds);
        saga.starts(["run undo charge #2"]).when(undo(fails("charge")))
    };
    failed(DAY - 3600).is(SagaStatus::Compensating);
    failed(DAY + 3600)
        .writes(["undo charge #2 unknown: no reply"])
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .starts(["run undo charge #3"])
        .when(undo(fails("charge")))
        .is(SagaStatus::Compensating);
}

#[test]
fn c7_a_refused_undo_is_stuck_at_once_and_what_comes_after_it_waits() {
    stuck().writes(["undo charge refused: no"]).is(SagaStatus::Stuck).starts_nothing();
}

#[test]
fn c7_undos_beside_the_failed_one_go_on() {
    given(task([step("hotel").in_group("trip"), step("flight").in_group("trip"), step("ship")]))
        .claimed()
        .when(done("hotel"))
        .when(done("flight"))
        .when(refuses("ship"))
        .when(undo(refuses("hotel")))
        .writes(["undo hotel refused: no"])
        .stays_owned()
        .is(SagaStatus::Compensating)
        .when(undo(done("flight")))
        .writes(["undo flight done"])
        .is(SagaStatus::Stuck);
}

#[test]
fn c7_unpark_runs_a_failed_undo_again() {
    stuck()
        .told(unpark())
        .becomes_ready()
        .claimed()
        .writes(["received unpark"])
        // What it does is told apart from what was tried before.
        .starts(["run undo charge #2"])
        .when(undo(done("charge")))
        .writes(["undo charge #2 done", "intent undo reserve"]);
}

#[test]
fn c7_mark_done_counts_a_failed_undo_as_done() {
    stuck()
        .told_to_mark_done("charge")
        .claimed()
        .writes(["received mark charge done", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated"]);
}

#[test]
fn c7_waive_leaves_the_effect_and_reports_it() {
    stuck()
        .told_to_waive("charge")
        .claimed()
        .writes(["received waive charge", "intent undo reserve"])
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "compensated; charge: waived by alice: too small to matter"]);
}

#[test]
fn c7_an_operator_cannot_settle_an_undo_that_did_not_fail() {
    refused_at_the_end()
        .told_to_waive("charge")
        .writes(["received waive charge"])
        .when(undo(done("charge")))
        .writes(["undo charge done", "intent undo reserve"]);
}

#[test]
fn c8_a_saga_is_not_settled_while_an_undone_step_may_still_turn_out_to_have_happened() {
    given(task([step("charge").retries(0)]))
        .claimed()
        .when(times_out("charge"))
        .when(undo(done("charge")))
        .ends_with("compensated; settles in 1260s");
}

#[test]
fn c11_what_may_remain_is_residual_and_what_changes_nothing_is_not() {
    given(task([
        no_undo("mail", "a mail cannot be recalled"),
        read_only("price"),
        no_undo("log", "kept for the auditors").retries(0),
    ]))
    .claimed()
    .when(done("mail"))
    .when(done("price"))
    .when(fails("log"))
    .writes([
        "log unknown: no reply",
        "going back: log failed",
        "compensated; mail: a mail cannot be recalled; log: kept for the auditors",
    ]);
}

#[test]
fn c11_a_refused_step_without_undo_leaves_nothing() {
    given(task([no_undo("mail", "a mail cannot be recalled")]))
        .claimed()
        .when(refuses("mail"))
        .writes(["mail refused: no", "going back: mail refused", "compensated"]);
}

#[test]
fn c9_c5_the_next_owner_goes_on_going_back() {
    refused_at_the_end()
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run undo charge #2"])
        .when(undo(done("charge")))
        .writes(["undo charge #2 done", "intent undo reserve"])
        .starts(["run undo reserve"]);
}
