//! Which way a saga goes, for those who answer a cancel (K3).

use super::{
    events::{did_not_happen, done, refuses, times_out, unpark},
    script::{Script, given},
    task::{pivot, retriable, step, task},
};
use crate::kernel::{Direction, Letter};

/// Nobody knows whether it was sold.
fn unknown() -> Script {
    selling().when(times_out("sell"))
}

fn selling() -> Script {
    given(task([step("reserve"), pivot("sell").retries(0), retriable("ship")]))
        .claimed()
        .when(done("reserve"))
        .starts(["run sell"])
}

fn direction(saga: &Script) -> Direction {
    Direction::of(&saga.definition, &saga.journal)
}

#[test]
fn k3_until_the_pivot_is_done_a_saga_can_be_told_to_go_back() {
    assert_eq!(direction(&selling()), Direction::Forward);
    assert_eq!(direction(&unknown()), Direction::Forward);
}

#[test]
fn k3_however_it_was_learned_that_the_pivot_is_done() {
    let late = unknown().told_late(done("sell")).claimed();
    let marked = unknown().told_the_output_of("sell").claimed();
    for past in [selling().when(done("sell")), late, marked] {
        assert_eq!(direction(&past), Direction::PastPivot);
    }
}

#[test]
fn k3_a_word_on_a_pivot_that_runs_is_no_news() {
    let running = unknown().told(unpark()).claimed().told_the_output_of("sell");
    assert_eq!(direction(&running), Direction::Forward);
    let by = || "alice".to_owned();
    let elsewhere = Letter::Waive { step: 1, reason: "small".into(), by: by() };
    assert_eq!(direction(&selling().told(elsewhere)), Direction::Forward);
}

#[test]
fn k3_what_goes_back_goes_back_although_its_pivot_happened() {
    assert_eq!(direction(&selling().when(refuses("sell"))), Direction::Back);
    let regretted = given(task([step("reserve"), pivot("sell").probed().at_most_once()]))
        .claimed()
        .when(done("reserve"))
        .when(times_out("sell"))
        .when(did_not_happen("sell"))
        .told_late(done("sell"));
    assert_eq!(direction(&regretted), Direction::Back);
}
