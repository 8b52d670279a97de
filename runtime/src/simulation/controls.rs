//! Tests of the simulation: whatever is broken on purpose is found within so many schedules, by the
//! rule that it breaks.

use super::{
    mutation::Mutation,
    schedules::{say, search},
};

/// Some line of a schedule says that this rule is broken.
fn found(mutation: Mutation, within: u64, rule: &str) {
    let says = |wrong: &[String]| wrong.iter().any(|line| is_of(rule, line));
    first(mutation, within, rule, says);
}

/// Some schedule breaks this rule, and nothing else.
fn found_alone(mutation: Mutation, within: u64, rule: &str) {
    let says = |wrong: &[String]| !wrong.is_empty() && wrong.iter().all(|line| is_of(rule, line));
    first(mutation, within, rule, says);
}

fn is_of(rule: &str, line: &str) -> bool {
    line.strip_prefix(rule).is_some_and(|rest| rest.starts_with(':'))
}

fn first(mutation: Mutation, within: u64, rule: &str, says: impl Fn(&[String]) -> bool + Sync) {
    let (_, failed) = search((1, 1 + within), mutation, says);
    match failed {
        Some(seed) => say(format!("{mutation:?} is found by {rule} in seed {seed}")),
        None => panic!("{mutation:?} is not found by {rule} in {within} schedules"),
    }
}

#[test]
fn schedule_a1_an_unguarded_release_is_found() {
    found(Mutation::UnguardedRelease, 500, "INV10");
}

#[test]
fn a_claim_that_loses_tickets_is_found() {
    found(Mutation::ClaimPopsFirst, 2_000, "INV14");
}

#[test]
fn a_commit_that_lands_after_the_take_over_is_found() {
    found(Mutation::ReapEndsTheSeatLast, 500, "INV13");
}

#[test]
fn a_reaper_that_orphans_sagas_is_found() {
    found(Mutation::ReapStrikesTheSeatFirst, 100, "INV14");
}

#[test]
fn schedule_b17_a_seat_that_comes_back_to_life_is_found() {
    found(Mutation::RenewalRecreatesTheSeat, 500, "INV13");
}

#[test]
fn inv2_an_effect_before_its_intent_is_found() {
    found(Mutation::EffectBeforeIntent, 100, "INV2");
}

#[test]
fn inv7_an_undo_in_the_wrong_order_is_found() {
    found_alone(Mutation::UndoesForwards, 100, "INV7");
}

#[test]
fn inv14_a_store_without_recovery_is_found() {
    found(Mutation::NoRecovery, 100, "INV14");
}

#[test]
fn inv10_a_letter_that_is_lost_is_found() {
    found(Mutation::LosesLetters, 100, "INV10");
}

#[test]
fn a_commit_behind_a_hole_is_found() {
    found(Mutation::NoBatchNumber, 2_000, "INV4");
}

#[test]
fn an_owner_whose_claim_was_lost_is_found() {
    found(Mutation::NoClaimNumber, 20_000, "INV13");
}

#[test]
fn a_loss_that_only_a_pulse_could_show_is_found() {
    found(Mutation::NoNumbersInThePulse, 20_000, "INV14");
}
