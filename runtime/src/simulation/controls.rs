//! Tests of the simulation: whatever is broken on purpose is found within so many schedules.

use super::{
    mutation::Mutation,
    schedules::{say, search},
};

/// The first seed that finds it.
fn found(mutation: Mutation, within: u64) {
    let (_, failed) = search(1, 1 + within, mutation);
    match failed {
        Some(seed) => say(format!("{mutation:?} is found by seed {seed}")),
        None => panic!("{mutation:?} is not found by {within} schedules"),
    }
}

#[test]
fn schedule_a1_an_unguarded_release_is_found() {
    found(Mutation::UnguardedRelease, 500);
}

#[test]
fn a_claim_that_loses_tickets_is_found() {
    found(Mutation::ClaimPopsFirst, 2_000);
}

#[test]
fn a_commit_that_lands_after_the_take_over_is_found() {
    found(Mutation::ReapEndsTheSeatLast, 2_000);
}

#[test]
fn a_reaper_that_orphans_sagas_is_found() {
    found(Mutation::ReapStrikesTheSeatFirst, 100);
}

#[test]
fn schedule_b17_a_seat_that_comes_back_to_life_is_found() {
    found(Mutation::RenewalRecreatesTheSeat, 500);
}

#[test]
fn inv2_an_effect_before_its_intent_is_found() {
    found(Mutation::EffectBeforeIntent, 100);
}

#[test]
fn inv7_an_undo_in_the_wrong_order_is_found() {
    found(Mutation::UndoesForwards, 100);
}

#[test]
fn inv14_a_store_without_recovery_is_found() {
    found(Mutation::NoRecovery, 100);
}

#[test]
fn inv10_a_letter_that_is_lost_is_found() {
    found(Mutation::LosesLetters, 100);
}

#[test]
fn a_commit_behind_a_hole_is_found() {
    found(Mutation::NoBatchNumber, 2_000);
}

#[test]
fn an_owner_whose_claim_was_lost_is_found() {
    found(Mutation::NoClaimNumber, 10_000);
}

#[test]
fn a_loss_that_only_a_pulse_could_show_is_found() {
    found(Mutation::NoNumbersInThePulse, 10_000);
}
