//! What operators say of a step that can go neither forward nor back (P3, C7), and what is folded
//! and changes nothing.

use super::{
    events::{
        cannot_be_written, cannot_tell, did_not_happen, done, fails, refuses, refuses_midway,
        times_out, undo, unpark,
    },
    script::{Script, given},
    task::{ephemeral, pivot, retriable, step, task},
};
use crate::kernel::{Letter, SagaStatus, Value};

fn sold() -> Script {
    given(task([step("reserve"), pivot("sell"), retriable("ship").retries(0), retriable("mail")]))
        .claimed()
        .when(done("reserve"))
        .when(done("sell"))
        .starts(["run ship"])
}

#[test]
fn p3_mark_done_gives_a_stuck_step_its_output() {
    for end in [fails("ship"), refuses("ship"), refuses_midway("ship")] {
        sold()
            .when(end)
            .is(SagaStatus::Stuck)
            .told_the_output_of("ship")
            .becomes_ready()
            .claimed()
            .writes(["received output of ship", "intent mail"])
            .undo_gets("ship", "done: from the ledger")
            .starts(["run mail"]);
    }
}

#[test]
fn p3_also_one_that_did_not_happen() {
    given(task([pivot("sell"), retriable("ship").retries(0).probed()]))
        .claimed()
        .when(done("sell"))
        .when(times_out("ship"))
        .when(did_not_happen("ship"))
        .writes(["probe ship did not happen"])
        .is(SagaStatus::Stuck)
        .told_the_output_of("ship")
        .claimed()
        .writes(["received output of ship", "completed"]);
}

#[test]
fn p3_unpark_runs_a_step_again_that_did_not_happen() {
    given(task([pivot("sell"), retriable("ship").retries(0).probed()]))
        .claimed()
        .when(done("sell"))
        .when(times_out("ship"))
        .when(did_not_happen("ship"))
        .told(unpark())
        .claimed()
        .starts(["run ship #2"]);
}

#[test]
fn e3_unpark_asks_the_probe_of_a_stuck_step_first() {
    given(task([pivot("sell"), retriable("ship").retries(0).probed().at_most_once()]))
        .claimed()
        .when(done("sell"))
        .when(times_out("ship"))
        .when(cannot_tell("ship"))
        .writes(["probe ship unknown: timed out"])
        .is(SagaStatus::Stuck)
        .told(unpark())
        .claimed()
        .starts(["run probe ship"]);
}

#[test]
fn j3_what_a_stuck_step_returned_late_counts_no_more() {
    sold()
        .when(fails("ship"))
        .told_the_output_of("ship")
        .told_late(done("ship"))
        .claimed()
        .writes(["received output of ship", "received late ship", "intent mail"])
        .undo_gets("ship", "done: from the ledger");
}

#[test]
fn p3_behind_the_pivot_nothing_can_be_marked_as_not_done() {
    sold()
        .when(fails("ship"))
        .told_to_mark_not_done("ship")
        .claimed()
        .writes(["received mark ship not done"])
        .is(SagaStatus::Stuck)
        .waits_for_somebody();
}

#[test]
fn p3_without_an_output_a_stuck_step_cannot_be_marked() {
    sold()
        .when(fails("ship"))
        .told_to_mark_done("ship")
        .claimed()
        .writes(["received mark ship done"])
        .is(SagaStatus::Stuck);
}

#[test]
fn schedule_b11_an_ephemeral_step_cannot_be_marked_it_has_no_output() {
    given(task([pivot("sell"), ephemeral("draw").retries(0), retriable("print").reads([1])]))
        .claimed()
        .when(done("sell"))
        .when(fails("draw"))
        .is(SagaStatus::Stuck)
        .told_the_output_of("draw")
        .claimed()
        .writes(["received output of draw"])
        .is(SagaStatus::Stuck);
}

#[test]
fn p3_two_members_of_a_group_are_marked_one_by_one() {
    let member = |name| retriable(name).retries(0).in_group("after");
    given(task([pivot("sell"), member("ship"), member("mail")]))
        .claimed()
        .when(done("sell"))
        .when(fails("ship"))
        .told_the_output_of("ship")
        .writes(["received output of ship"])
        .when(fails("mail"))
        .writes(["mail unknown: no reply"])
        .is(SagaStatus::Stuck)
        .told_the_output_of("mail")
        .claimed()
        .writes(["received output of mail", "completed"]);
}

#[test]
fn e2_a_mark_does_not_lift_what_another_member_parked() {
    let member = |name| retriable(name).retries(0).in_group("after");
    given(task([pivot("sell"), member("ship"), member("mail")]))
        .claimed()
        .when(done("sell"))
        .when(fails("ship"))
        .when(cannot_be_written("mail"))
        .waits_for_somebody()
        .told_the_output_of("ship")
        .claimed()
        .writes(["received output of ship"])
        .waits_for_somebody();
}

// ---- letters in the wrong state ----------------------------------------------------------------

/// Whatever an operator says of a step in this state is folded and changes nothing.
fn no_word_counts(state: fn() -> Script, step: &'static str) {
    let words: [fn(Script, &'static str) -> Script; 4] = [
        Script::told_to_mark_done,
        Script::told_the_output_of,
        Script::told_to_mark_not_done,
        Script::told_to_waive,
    ];
    for tell in words {
        let before = state();
        let (steps, place, status) = before.standing();
        let after = tell(before, step);
        let after = if after.is_unowned() { after.claimed() } else { after };
        assert_eq!(after.standing(), (steps, place, status), "a word on {step} changed something");
    }
}

#[test]
fn c7_no_word_counts_on_a_step_that_did_not_begin() {
    no_word_counts(sold, "mail");
}

#[test]
fn c7_nor_on_one_that_runs() {
    no_word_counts(sold, "ship");
}

#[test]
fn c7_nor_on_one_that_is_done() {
    no_word_counts(sold, "reserve");
    no_word_counts(sold, "sell");
}

#[test]
fn c7_nor_on_one_between_two_tries() {
    no_word_counts(|| given(task([step("charge")])).claimed().when(fails("charge")), "charge");
}

#[test]
fn c7_nor_on_one_that_is_being_asked_about() {
    let asking = || {
        let charge = step("charge").probed().parks().retries(0);
        given(task([charge])).claimed().when(times_out("charge"))
    };
    no_word_counts(asking, "charge");
}

#[test]
fn c7_nor_on_one_that_is_parked_for_another_reason() {
    let parked = || given(task([step("charge")])).claimed().when(cannot_be_written("charge"));
    no_word_counts(parked, "charge");
}

#[test]
fn c7_nor_on_one_that_is_being_undone() {
    let undoing = || {
        given(task([step("reserve"), step("charge")]))
            .claimed()
            .when(done("reserve"))
            .when(refuses("charge"))
    };
    no_word_counts(undoing, "reserve");
    no_word_counts(undoing, "charge");
}

#[test]
fn c7_a_failed_undo_takes_no_output_and_was_not_nothing() {
    let stuck = || {
        given(task([step("reserve"), step("charge")]))
            .claimed()
            .when(done("reserve"))
            .when(refuses("charge"))
            .when(undo(refuses("reserve")))
    };
    stuck().told_the_output_of("reserve").claimed().is(SagaStatus::Stuck).waits_for_somebody();
    stuck().told_to_mark_not_done("reserve").claimed().is(SagaStatus::Stuck).waits_for_somebody();
}

#[test]
fn c7_nor_on_a_failed_step_that_waits_for_its_siblings() {
    let waiting = || {
        let member = |name| step(name).retries(0).in_group("trip");
        given(task([member("hotel"), member("flight")])).claimed().when(fails("hotel"))
    };
    no_word_counts(waiting, "hotel");
}

#[test]
fn c7_nor_on_a_step_that_nobody_has() {
    let (evidence, by) = ("seen".to_owned(), "alice".to_owned());
    let output = Some(Value::journaled("x".to_owned()));
    let step = 99;
    for letter in [
        Letter::MarkDone { step, output, evidence: evidence.clone(), by: by.clone() },
        Letter::MarkDone { step, output: None, evidence: evidence.clone(), by: by.clone() },
        Letter::MarkNotDone { step, evidence, by: by.clone() },
        Letter::Waive { step, reason: "small".into(), by },
    ] {
        let saga = sold();
        let before = saga.standing();
        assert_eq!(saga.told(letter).standing(), before);
    }
}
