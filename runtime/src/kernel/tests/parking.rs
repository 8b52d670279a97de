//! Machinery that fails parks the saga (E2, D2, R3).

use super::{
    events::{cancel, cannot_be_written, done, fails, probe, refuses, undo, unpark},
    script::{Script, given},
    task::{ephemeral, step, task},
};
use crate::kernel::SagaStatus;

#[test]
fn e2_an_output_that_cannot_be_written_parks() {
    given(task([step("a"), step("b")]))
        .claimed()
        .when(cannot_be_written("a"))
        .writes(["parked: a undecodable"])
        .guarded()
        .is(SagaStatus::Parked)
        .told(unpark())
        .becomes_ready()
        .claimed()
        .writes(["received unpark"])
        .starts(["run a"])
        .when(done("a"))
        .writes(["a done", "intent b"]);
}

#[test]
fn e2_a_condition_that_panics_parks_and_is_asked_again_after_unpark() {
    given(task([step("a"), step("b").when([0])]))
        .panicking(["b"])
        .claimed()
        .when(done("a"))
        .writes(["a done", "parked: when of `b` panicked"])
        .is(SagaStatus::Parked)
        .panicking([])
        .told(unpark())
        .claimed()
        .writes(["received unpark", "b runs, saw [0, 2]", "intent b"]);
}

#[test]
fn e2_a_condition_or_a_response_whose_input_cannot_be_read_parks_and_is_asked_again() {
    given(task([step("a"), step("b").when([0])]))
        .unreadable(["b"])
        .claimed()
        .when(done("a"))
        .writes(["a done", "parked: b undecodable"])
        .is(SagaStatus::Parked)
        .unreadable(["response"])
        .told(unpark())
        .claimed()
        .writes(["received unpark", "b runs, saw [0, 2]", "intent b"])
        .when(done("b"))
        .writes(["b done", "parked: undecodable"])
        .unreadable([])
        .told(unpark())
        .claimed()
        .writes(["received unpark", "completed"]);
}

#[test]
fn e2_a_condition_of_the_first_step_parks_the_saga_where_it_is_created() {
    given(task([step("a").when([])]))
        .panicking(["a"])
        .submitted()
        .writes(["started", "parked: when of `a` panicked"])
        .is(SagaStatus::Parked);
}

#[test]
fn e2_a_response_that_panics_parks() {
    given(task([step("a")]))
        .panicking(["response"])
        .claimed()
        .when(done("a"))
        .writes(["a done", "parked: response panicked"])
        .panicking([])
        .told(unpark())
        .claimed()
        .writes(["received unpark", "completed"]);
}

#[test]
fn e2_an_undo_that_cannot_be_read_parks_on_the_way_back() {
    given(task([step("a"), step("b")]))
        .claimed()
        .when(done("a"))
        .when(refuses("b"))
        .when(undo(cannot_be_written("a")))
        .writes(["parked: a undecodable"])
        .told(unpark())
        .claimed()
        .writes(["received unpark"])
        .starts(["run undo a"])
        .when(undo(done("a")))
        .writes(["undo a done", "compensated"]);
}

#[test]
fn c7_an_undo_that_cannot_be_read_is_marked_or_waived_like_one_that_failed() {
    let parked = || {
        let member = |name| step(name).in_group("trip");
        given(task([step("a"), member("b"), member("c"), step("d")]))
            .claimed()
            .when(done("a"))
            .when(done("b"))
            .when(done("c"))
            .when(refuses("d"))
            .when(undo(cannot_be_written("b")))
            .when(undo(cannot_be_written("c")))
            .waits_for_somebody()
    };
    parked()
        .told_to_mark_done("b")
        .claimed()
        .writes(["received mark b done"])
        .waits_for_somebody()
        .told_to_waive("c")
        .claimed()
        .writes(["received waive c", "intent undo a"])
        .when(undo(done("a")))
        .ends_with("compensated; c: waived by alice: too small to matter");
    parked().told(unpark()).claimed().starts(["run undo b", "run undo c"]);
}

#[test]
fn e2_the_siblings_of_a_step_that_parks_finish_first() {
    given(task([step("a").in_group("g"), step("b").in_group("g"), step("c")]))
        .claimed()
        .when(cannot_be_written("a"))
        .writes(["parked: a undecodable"])
        .stays_owned()
        .starts_nothing()
        .when(done("b"))
        .writes(["b done"])
        .is(SagaStatus::Parked)
        .told(unpark())
        .claimed()
        .starts(["run a"])
        .when(done("a"))
        .writes(["a done", "intent c"]);
}

#[test]
fn j3_unpark_never_runs_a_step_again_that_refused() {
    given(task([step("a").in_group("g"), step("b").in_group("g")]))
        .claimed()
        .when(cannot_be_written("b"))
        .when(refuses("a"))
        .told(unpark())
        .claimed()
        .writes(["received unpark", "going back: a refused", "intent undo b"]);
}

#[test]
fn e2_an_output_that_cannot_be_written_does_not_park_a_saga_that_goes_back() {
    given(task([step("a").in_group("g"), step("b").in_group("g")]))
        .claimed()
        .when(refuses("a"))
        .when(cannot_be_written("b"))
        .writes(["b unknown: not a string", "going back: a refused", "intent undo b"]);
    let member = |name| step(name).in_group("g").await_all().retries(0);
    given(task([member("a"), member("b")]))
        .claimed()
        .when(refuses("a"))
        .when(cannot_be_written("b"))
        .writes(["b unknown: not a string", "going back: a refused", "intent undo b"]);
    given(task([step("a")])).claimed().told(cancel()).when(cannot_be_written("a")).writes([
        "a unknown: not a string",
        "going back: cancelled",
        "intent undo a",
    ]);
}

#[test]
fn e3_a_probe_that_cannot_be_read_does_not_park_a_saga_that_goes_back() {
    given(task([step("a").probed()]))
        .claimed()
        .told(cancel())
        .when(cannot_be_written("a"))
        .writes(["a failed: not a string; again in 1s"])
        .starts(["run probe a"])
        .when(probe(cannot_be_written("a")))
        .writes(["probe a unknown: not a string", "going back: cancelled", "intent undo a"]);
}

#[test]
fn e2_nor_does_an_ephemeral_value_that_cannot_be_made_again() {
    given(task([step("order"), ephemeral("draw"), step("print").reads([1])]))
        .claimed()
        .when(done("order"))
        .when(done("draw"))
        .host_dies()
        .claimed()
        .starts(["run draw #2"])
        .told(cancel())
        .starts(["stop"])
        .when(cannot_be_written("draw"))
        .waits_for(600);
}

fn crashed(times: u32) -> Script {
    let mut saga = given(task([step("a"), step("b")])).submitted();
    for _ in 0..times {
        saga = saga.claimed().host_dies();
    }
    saga
}

#[test]
fn r3_four_crashes_are_borne() {
    crashed(4).claimed().writes([]).starts(["run a #5"]);
}

#[test]
fn r3_five_crashes_in_a_row_park() {
    crashed(5)
        .claimed()
        .writes(["a #5 failed: its host is gone; again in 0ns", "parked: 5 crashes"])
        .is(SagaStatus::Parked);
}

#[test]
fn r3_progress_clears_the_crashes() {
    crashed(4).claimed().when(done("a")).host_dies().claimed().starts(["run b #2"]);
}

#[test]
fn r3_unpark_gives_five_more_tries() {
    crashed(5).claimed().told(unpark()).claimed().writes(["received unpark"]).starts(["run a #6"]);
}

#[test]
fn d3_what_is_unparked_has_all_its_tries_again() {
    let pays = || given(task([step("a"), step("pay").retries(1)])).claimed().when(done("a"));
    pays()
        .when(fails("pay"))
        .seconds_later(1)
        .when(cannot_be_written("pay"))
        .told(unpark())
        .claimed()
        .when(fails("pay"))
        .writes(["pay #2 failed: no reply; again in 1s"]);

    let mut saga = pays().when(fails("pay")).seconds_later(1);
    for _ in 0..5 {
        saga = saga.host_dies().claimed();
    }
    saga.ends_with("parked: 5 crashes")
        .told(unpark())
        .claimed()
        .when(fails("pay"))
        .writes(["pay #7 failed: no reply; again in 1s"]);
}

#[test]
fn d3_so_has_an_undo() {
    given(task([step("a"), step("b")]))
        .claimed()
        .when(done("a"))
        .when(refuses("b"))
        .when(undo(fails("a")))
        .seconds_later(1)
        .when(undo(cannot_be_written("a")))
        .seconds_later(25 * 3600)
        .told(unpark())
        .claimed()
        .when(undo(fails("a")))
        .is(SagaStatus::Compensating);
}
