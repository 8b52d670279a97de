//! A thread that outlives its time, and cannot be stopped (C3).

use super::{
    events::{cancel, done, fails, outlives_its_time, times_out, undo},
    script::{Script, given},
    task::{Row, pivot, step, task},
};
use crate::kernel::SagaStatus;

fn charging(row: fn(Row) -> Row) -> Script {
    given(task([step("reserve"), row(step("charge").limited_to(60))]))
        .claimed()
        .when(done("reserve"))
        .starts(["run charge"])
}

#[test]
fn c3_going_back_waits_for_a_thread_that_goes_on() {
    charging(|row| row.retries(0))
        .when(outlives_its_time("charge"))
        .writes(["charge unknown: timed out, and its thread does not stop"])
        .waits_for(60)
        .seconds_later(60)
        .claimed()
        .writes(["going back: charge failed", "intent undo charge"])
        .when(undo(done("charge")))
        .when(undo(done("reserve")))
        .ends_with("compensated; settles in 900s");
}

#[test]
fn c3_going_forward_does_not_wait_for_it() {
    charging(|row| row)
        .when(outlives_its_time("charge"))
        .seconds_later(1)
        .starts(["run charge #2"]);
}

#[test]
fn c3_the_next_owner_waits_for_it_too() {
    charging(|row| row.every(30))
        .when(outlives_its_time("charge"))
        .waits_for(30)
        .seconds_later(10)
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for(50);
}

#[test]
fn c3_a_rerun_that_answers_ends_that_wait() {
    charging(|row| row.retries(1))
        .when(outlives_its_time("charge"))
        .seconds_later(1)
        .when(fails("charge"))
        .writes(["charge #2 unknown: no reply", "going back: charge failed", "intent undo charge"]);
}

#[test]
fn c3_a_rerun_that_does_not_answer_does_not() {
    charging(|row| row.retries(1))
        .when(outlives_its_time("charge"))
        .seconds_later(1)
        .when(times_out("charge"))
        .writes(["charge #2 unknown: timed out"])
        .waits_for(59);
}

#[test]
fn c3_a_saga_that_parked_with_it_waits_when_it_is_cancelled() {
    charging(|row| row.retries(0).parks())
        .when(outlives_its_time("charge"))
        .waits_for_somebody()
        .seconds_later(20)
        .told(cancel())
        .claimed()
        .writes(["received cancel"])
        .waits_for(40);
}

#[test]
fn c3_the_word_of_an_operator_ends_the_wait() {
    charging(|row| row.retries(0).parks())
        .when(outlives_its_time("charge"))
        .told_to_mark_not_done("charge")
        .claimed()
        .writes([
            "received mark charge not done",
            "going back: charge failed",
            "intent undo reserve",
        ]);
}

#[test]
fn p2_a_pivot_that_goes_on_parks_at_once() {
    given(task([step("reserve"), pivot("sell").retries(0)]))
        .claimed()
        .when(done("reserve"))
        .when(outlives_its_time("sell"))
        .ends_with("parked: pivot unknown: timed out, and its thread does not stop")
        .is(SagaStatus::Parked);
}

#[test]
fn c3_the_next_deadline_does_not_cut_the_wait_short() {
    given(task([step("charge").limited_to(60).retries(0)]).within(100))
        .claimed()
        .seconds_later(50)
        .when(outlives_its_time("charge"))
        .waits_for(50)
        .seconds_later(50)
        .claimed()
        .writes([])
        .waits_for(10);
}

#[test]
fn schedule_a6_an_api_host_waits_where_it_is() {
    given(task([step("upload").on_api().limited_to(60).retries(0), step("pack")]))
        .submitted()
        .when(outlives_its_time("upload"))
        .stays_owned()
        .starts(["wait 60s"])
        .seconds_later(60)
        .writes(["going back: upload failed", "intent undo upload"]);
}
