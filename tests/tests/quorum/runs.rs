//! Which attempt a run is, while servers are away.

use std::time::Duration;

use distributed_task::{
    backend::quorum::QuorumLeases,
    lease::{Grant, LeaseStore as _, Owner, RunEnd, RunStore as _, Turn},
};

use crate::{
    LEASE, NAME,
    node::{Mode, Node},
    nodes, over,
};

async fn begun(leases: &QuorumLeases, owner: &Owner) -> Option<Grant> {
    match leases.begin_run(NAME, owner, LEASE, Duration::ZERO).await {
        Ok(Turn::Granted(grant)) => Some(grant),
        _ => None,
    }
}

/// Only these are away.
fn away(nodes: &[Node], which: &[usize]) {
    set(nodes, which, Mode::Fails);
}

/// Only these are in this mode.
fn set(nodes: &[Node], which: &[usize], mode: Mode) {
    nodes.iter().for_each(|node| node.set(Mode::Good));
    which.iter().for_each(|at| nodes[*at].set(mode));
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_run_that_was_cut_off_is_told_so_whichever_servers_are_away() {
    let modes = [Mode::Fails, Mode::Hangs, Mode::IsLate, Mode::HearsNothing];
    for (turns, mode) in (0..81).flat_map(|turns| modes.map(|mode| (turns, mode))) {
        let turns = [27, 9, 3, 1].map(|place| turns / place % 3);
        let nodes = nodes(3);
        let leases = over(&nodes).await;
        for (turn, attempt) in turns.into_iter().zip(1..) {
            set(&nodes, &[turn], mode);
            let grant = begun(&leases, &Owner::draw()).await.expect("two are there");
            assert_eq!(grant.attempt, Some(attempt), "{turns:?}, one after the other: {mode:?}");
            tokio::time::sleep(LEASE * 2).await;
        }
        set(&nodes, &[], mode);
        leases.finished().await;
    }
}

/// Whether or not it remembers that a run began there.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_given_to_a_server_again_is_counted_once() {
    for forgets in [false, true] {
        let nodes = nodes(3);
        let (leases, owner) = (over(&nodes).await, Owner::draw());
        begun(&leases, &owner).await.expect("all are there");
        leases.finished().await;
        match forgets {
            true => nodes[0].forget(),
            false => drop(nodes[0].store().release(NAME, &owner).await.expect("it is memory")),
        }
        for _ in 0..2 {
            tokio::time::sleep(LEASE / 3).await;
            leases.try_renew(NAME, &owner, LEASE).await.expect("two know it");
            leases.finished().await;
        }
        assert_eq!(nodes[0].has(NAME).await, Some(owner));
        tokio::time::sleep(LEASE * 2).await;
        let turn = nodes[0].store().begin_run(NAME, &Owner::draw(), LEASE, Duration::ZERO).await;
        let Ok(Turn::Granted(grant)) = turn else { panic!("{turn:?}") };
        assert_eq!(grant.attempt, Some(2), "it forgets: {forgets}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_too_few_servers_granted_is_not_counted() {
    let nodes = nodes(3);
    let leases = over(&nodes).await;
    for _ in 0..3 {
        away(&nodes, &[1, 2]);
        assert_eq!(begun(&leases, &Owner::draw()).await, None);
        leases.finished().await;
    }
    // Nor is one whose fence most of them did not hear.
    away(&nodes, &[]);
    nodes[1..].iter().for_each(|node| node.set(Mode::HearsNothing));
    assert_eq!(begun(&leases, &Owner::draw()).await, None);
    leases.finished().await;
    away(&nodes, &[1]);
    let grant = begun(&leases, &Owner::draw()).await.expect("two are there");
    assert_eq!(grant.attempt, Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_told_when_most_servers_know_it() {
    let nodes = nodes(3);
    let (leases, owner) = (over(&nodes).await, Owner::draw());
    begun(&leases, &owner).await.expect("all are there");
    away(&nodes, &[0, 1]);
    let told = leases.end_run(NAME, &owner, RunEnd::Ended).await;
    assert!(told.is_err_and(|error| error.is_retryable()));
    away(&nodes, &[0]);
    leases.end_run(NAME, &owner, RunEnd::Ended).await.expect("two are there");
    away(&nodes, &[]);
    leases.release(NAME, &owner).await.expect("all are there");
    leases.finished().await;
    // The first one did not hear of it, and may say so.
    away(&nodes, &[0]);
    let grant = begun(&leases, &Owner::draw()).await.expect("two are there");
    assert_eq!(grant.attempt, Some(1));
}

/// Others are kept out for longer, and one server is given the name again meanwhile.
#[tokio::test(start_paused = true)]
async fn a_run_that_ended_is_not_begun_again_on_a_server_that_forgot() {
    let nodes = nodes(3);
    let (leases, owner) = (over(&nodes).await, Owner::draw());
    begun(&leases, &owner).await.expect("all are there");
    leases.end_run(NAME, &owner, RunEnd::Ended).await.expect("all are there");
    nodes[0].forget();
    for _ in 0..2 {
        tokio::time::sleep(LEASE / 3).await;
        leases.try_renew(NAME, &owner, LEASE).await.expect("two know it");
        leases.finished().await;
    }
    assert_eq!(nodes[0].has(NAME).await, Some(owner.clone()));
    leases.release(NAME, &owner).await.expect("all are there");
    leases.finished().await;
    let grant = begun(&leases, &Owner::draw()).await.expect("all are there");
    assert_eq!(grant.attempt, Some(1));
}
