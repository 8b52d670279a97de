//! A saga whose hosts die in a row is parked, whatever it was told before, unless it can go back
//! without running what may kill them (R3, R4).

use super::{
    events::{cancel, did_not_happen, done, fails, is_interrupted, refuses, undo, unpark},
    script::{Script, given},
    task::{Row, pivot, read_only, step, task},
};

/// So many hosts claim it and die.
fn loses_hosts(mut saga: Script, hosts: usize) -> Script {
    for _ in 0..hosts {
        saga = saga.claimed().host_dies();
    }
    saga
}

/// The pivot runs when a cancel comes, and then its hosts die.
fn cancelled_while_it_sells(row: fn(Row) -> Row) -> Script {
    let selling = given(task([step("reserve"), row(pivot("sell"))]))
        .claimed()
        .when(done("reserve"))
        .starts(["run sell"])
        .told(cancel())
        .writes(["received cancel"])
        .host_dies();
    loses_hosts(selling, 4)
}

#[test]
fn r3_a_cancel_that_waits_for_the_pivot_does_not_keep_it_from_being_parked() {
    cancelled_while_it_sells(|row| row)
        .claimed()
        .writes(["sell #5 failed: its host is gone; again in 0ns", "parked: 5 crashes"])
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run sell #6"])
        .when(refuses("sell"))
        .ends_with("intent undo reserve");
}

#[test]
fn r3_nor_one_whose_probe_kills_its_hosts() {
    cancelled_while_it_sells(Row::probed)
        .claimed()
        .ends_with("parked: 5 crashes")
        .waits_for_somebody()
        .told(unpark())
        .claimed()
        .starts(["run probe sell"])
        .when(did_not_happen("sell"))
        .ends_with("intent undo reserve");
    let asking = given(task([step("reserve").probed(), step("charge")]))
        .claimed()
        .told(cancel())
        .host_dies();
    loses_hosts(asking, 4).claimed().ends_with("parked: 5 crashes").waits_for_somebody();
}

#[test]
fn r3_nor_a_group_that_waits_for_its_siblings() {
    let member = |name| step(name).in_group("trip").await_all();
    let waiting = given(task([member("hotel"), member("flight")]))
        .claimed()
        .when(refuses("flight"))
        .host_dies();
    loses_hosts(waiting, 4).claimed().ends_with("parked: 5 crashes");
}

#[test]
fn r3_what_can_go_back_without_running_anything_before_goes_back() {
    let mut reading = given(task([step("reserve"), read_only("price")]))
        .claimed()
        .when(done("reserve"))
        .told(cancel())
        .host_dies();
    for _ in 0..4 {
        reading = reading.claimed_but_dies_before_it_writes();
    }
    reading.claimed().writes(["going back: cancelled", "intent undo reserve"]);
}

#[test]
fn r3_an_undo_that_kills_its_hosts_is_parked() {
    let undoing = given(task([step("reserve"), step("charge")]))
        .claimed()
        .when(done("reserve"))
        .told(cancel())
        .when(is_interrupted("charge"))
        .starts(["run undo charge"])
        .when(undo(fails("charge")))
        .host_dies();
    loses_hosts(undoing, 4).claimed().writes(["parked: 5 crashes"]).waits_for_somebody();
}
