//! Probes beside all else that happens: a cancel, the deadline, siblings, a host that leaves (E3).

use super::{
    events::{
        cancel, cannot_be_written, cannot_tell, did_not_happen, done, fails, happened,
        is_interrupted, kill, probe, times_out, undo,
    },
    script::{Script, given},
    task::{no_undo, read_only, step, task},
};
use crate::kernel::SagaStatus;

fn asking() -> Script {
    given(task([step("reserve"), step("charge").probed()]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("charge"))
        .starts(["run probe charge"])
}

// ---- a saga that is to go back -----------------------------------------------------------------

#[test]
fn e3_a_probe_is_asked_although_the_saga_is_to_go_back() {
    given(task([step("reserve"), step("charge").probed()]))
        .claimed()
        .when(done("reserve"))
        .told(cancel())
        .starts(["stop"])
        .when(is_interrupted("charge"))
        .writes(["charge failed: interrupted; again in 0ns"])
        .starts(["run probe charge"]);
}

#[test]
fn e3_a_cancel_waits_for_the_probe_and_does_not_stop_it() {
    asking().told(cancel()).writes(["received cancel"]).starts_nothing().stays_owned();
}

#[test]
fn e3_a_cancelled_step_that_happened_is_undone_with_what_it_returned() {
    asking()
        .told(cancel())
        .when(happened("charge"))
        .writes(["probe charge done", "going back: cancelled", "intent undo charge"])
        .undo_gets("charge", "done: charge")
        .when(undo(done("charge")))
        .when(undo(done("reserve")))
        .writes(["undo reserve done", "cancelled"])
        .ends_for_good();
}

#[test]
fn e3_a_cancelled_step_that_did_not_happen_is_neither_tried_again_nor_undone() {
    asking().told(cancel()).when(did_not_happen("charge")).writes([
        "probe charge did not happen",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn e3_a_cancelled_step_of_which_the_probe_cannot_tell_is_undone_as_unknown() {
    asking().told(cancel()).when(cannot_tell("charge")).writes([
        "probe charge unknown: timed out",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn e3_on_the_way_back_a_probe_that_fails_is_asked_again_too() {
    asking()
        .told(cancel())
        .when(probe(fails("charge")))
        .stays_owned()
        .seconds_later(60)
        .starts(["run probe charge #2"])
        .when(did_not_happen("charge"))
        .ends_with("intent undo reserve");
}

#[test]
fn e3_a_cancel_before_the_wait_for_the_next_question_is_over_waits_for_it() {
    asking()
        .when(probe(fails("charge")))
        .told(cancel())
        .writes(["received cancel"])
        .stays_owned()
        .seconds_later(60)
        .starts(["run probe charge #2"]);
}

#[test]
fn c1_what_its_probe_denied_is_withdrawn_when_the_saga_is_cancelled_before_the_next_try() {
    asking().when(did_not_happen("charge")).starts(["wait 1s"]).told(cancel()).writes([
        "received cancel",
        "charge #2 withdrawn",
        "going back: cancelled",
        "intent undo reserve",
    ]);
}

#[test]
fn c1_also_by_the_next_owner() {
    given(task([step("charge").probed().every(60)]))
        .claimed()
        .when(fails("charge"))
        .when(did_not_happen("charge"))
        .waits_for(60)
        .told(cancel())
        .claimed()
        .writes(["received cancel", "charge #2 withdrawn", "going back: cancelled", "cancelled"])
        .ends_for_good();
}

#[test]
fn c1_not_once_it_was_tried_again() {
    let again =
        || asking().when(did_not_happen("charge")).seconds_later(1).starts(["run charge #2"]);
    again()
        .when(cannot_be_written("charge"))
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .starts(["run probe charge"]);
    again()
        .host_dies()
        .told(cancel())
        .claimed()
        .writes(["received cancel", "charge #2 failed: its host is gone; again in 0ns"])
        .starts(["run probe charge"]);
    again().when(fails("charge")).when(cannot_tell("charge")).told(cancel()).writes([
        "received cancel",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn c1_nor_when_it_cannot_be_asked_about_again() {
    let lost = |script: Script| script.host_dies().told_to_waive("reserve").administered();
    let again = asking().when(did_not_happen("charge")).seconds_later(1);
    lost(again).told(cancel()).claimed().writes(["received cancel"]).starts(["run probe charge"]);
}

#[test]
fn e3_a_step_of_which_the_probe_cannot_tell_is_cancelled_at_once_and_undone() {
    asking().when(cannot_tell("charge")).starts(["wait 1s"]).told(cancel()).writes([
        "received cancel",
        "going back: cancelled",
        "intent undo charge",
    ]);
}

#[test]
fn e3_the_deadline_waits_for_the_probe() {
    given(task([step("reserve"), step("charge").probed()]).within(60))
        .claimed()
        .when(done("reserve"))
        .when(times_out("charge"))
        .starts(["run probe charge", "wait 60s"])
        .seconds_later(60)
        .writes([])
        .starts_nothing()
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen", "going back: deadline", "intent undo reserve"]);
}

#[test]
fn e3_the_deadline_comes_before_a_long_wait_for_the_next_try() {
    given(task([step("charge").probed().every(90)]).within(60))
        .claimed()
        .when(fails("charge"))
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen; again in 90s"])
        .waits_for(60)
        .seconds_later(60)
        .claimed()
        .writes(["charge #2 withdrawn", "going back: deadline", "compensated"]);
}

#[test]
fn e3_what_was_lost_while_the_saga_was_cancelled_is_asked_of_the_probe() {
    given(task([step("charge").probed()]))
        .claimed()
        .told(cancel())
        .host_dies()
        .claimed()
        .writes([])
        .starts(["run probe charge"])
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen", "going back: cancelled", "cancelled"])
        .ends_for_good();
}

#[test]
fn k5_a_kill_waits_for_no_probe() {
    asking().told(kill()).writes([
        "received kill",
        "killed; reserve: done and not undone; charge: may have happened",
    ]);
}

#[test]
fn e3_a_probe_denies_what_is_allowed_to_remain() {
    given(task([no_undo("mail", "a mail cannot be recalled").probed().retries(0)]))
        .claimed()
        .when(fails("mail"))
        .when(did_not_happen("mail"))
        .writes(["probe mail did not happen", "going back: mail failed", "compensated"]);
}

// ---- hosts -------------------------------------------------------------------------------------

#[test]
fn e3_a_host_that_leaves_waits_for_the_answer() {
    asking()
        .host_leaves()
        .stays_owned()
        .starts_nothing()
        .when(did_not_happen("charge"))
        .writes(["probe charge did not happen; again in 1s"])
        .waits_for(1);
}

#[test]
fn e3_a_host_that_leaves_with_a_doubt_asks_nobody_any_more() {
    given(task([step("charge").probed()]))
        .claimed()
        .host_leaves()
        .when(fails("charge"))
        .starts_nothing()
        .becomes_ready();
}

#[test]
fn e3_a_question_that_waits_is_the_journals_when_its_host_leaves() {
    asking()
        .when(probe(fails("charge")))
        .host_leaves()
        .waits()
        .seconds_later(60)
        .claimed()
        .starts(["run probe charge #2"]);
}

#[test]
fn e3_without_a_slot_nobody_is_asked() {
    asking_without_a_slot()
        .starts(["wants a slot"])
        .gets_a_slot()
        .writes([])
        .starts(["run probe charge"]);
}

fn asking_without_a_slot() -> Script {
    given(task([step("charge").probed()])).claimed().without_a_slot().when(times_out("charge"))
}

#[test]
fn e3_a_step_that_changes_nothing_may_have_a_probe() {
    given(task([read_only("price").probed().retries(0)]))
        .claimed()
        .when(fails("price"))
        .starts(["run probe price"])
        .when(happened("price"))
        .is(SagaStatus::Completed);
}
