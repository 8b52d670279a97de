//! Owners that need more servers than most of them.

use distributed_task::{
    backend::quorum::QuorumOpenError,
    lease::{LeaseStore as _, Owner, Released, Renewed},
};
use tokio::time::advance;

use crate::{
    LEASE, NAME, builder, granted, is_granted, node::Mode, nodes, nothing_is_left, over,
    over_needed,
};

#[tokio::test(start_paused = true)]
async fn a_lease_that_all_servers_have_to_grant_is_not_had_without_one_of_them() {
    for mode in [Mode::Fails, Mode::Hangs, Mode::IsLate] {
        let nodes = nodes(3);
        let (leases, ours) = (over_needed(&nodes, 3).await, Owner::draw());
        nodes[2].set(mode);
        let error = leases.try_acquire(NAME, &ours, LEASE).await.expect_err("two are too few");
        assert!(error.to_string().contains("2 of 3 servers agreed, and 3 are needed"), "{error}");
        assert!(error.to_string().contains("server 3: "), "{error}");
        assert!(error.is_retryable(), "{error}");
        nodes[2].set(Mode::Good);
        leases.finished().await;
        nothing_is_left(&nodes).await;
        granted(&leases, &ours).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_all_servers_have_to_renew_is_lost_without_one_of_them() {
    let nodes = nodes(3);
    let (leases, ours) = (over_needed(&nodes, 3).await, Owner::draw());
    granted(&leases, &ours).await;
    nodes[0].set(Mode::Fails);
    advance(LEASE / 2).await;
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("two are too few");
    assert!(error.to_string().contains("2 of 3 servers agreed, and 3 are needed"), "{error}");
    // Back in time it goes on.
    nodes[0].set(Mode::Good);
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    // And too late it does not, although two servers were renewed to the last.
    nodes[0].set(Mode::Fails);
    for _ in 0..3 {
        advance(LEASE / 2).await;
        let _ = leases.try_renew(NAME, &ours, LEASE).await;
    }
    assert!(!is_granted(&leases).await, "nobody else has it either");
    nodes[0].set(Mode::Good);
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::NotOwner));
    leases.finished().await;
    assert!(is_granted(&leases).await, "all of them are free");
}

#[tokio::test(start_paused = true)]
async fn most_servers_are_enough_to_look_and_to_give_back_where_all_have_to_grant() {
    let nodes = nodes(3);
    let (leases, ours) = (over_needed(&nodes, 3).await, Owner::draw());
    granted(&leases, &ours).await;
    nodes[0].set(Mode::Fails);
    let seen = leases.inspect(NAME).await.expect("most answer");
    assert_eq!(seen.map(|tenure| tenure.owner), Some(ours.clone()));
    assert!(!is_granted(&leases).await, "most say that it is busy");
    assert_eq!(leases.release(NAME, &ours).await.ok(), Some(Released::Released));
    assert_eq!(leases.inspect(NAME).await.ok(), Some(None));
}

/// All have to hear the fence: else it could be that of the tenure before, after two servers lost their data.
#[tokio::test(start_paused = true)]
async fn what_one_did_not_hear_the_fence_of_is_not_granted_where_all_have_to_grant() {
    let nodes = nodes(3);
    let leases = over_needed(&nodes, 3).await;
    nodes[0].set(Mode::HearsNothing);
    let error = leases.try_acquire(NAME, &Owner::draw(), LEASE).await.expect_err("two heard it");
    assert!(error.to_string().contains("2 of 3 servers agreed, and 3 are needed"), "{error}");
    leases.finished().await;
    nothing_is_left(&nodes).await;
}

/// Or what is needed of all is lost with the data of one.
#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_is_given_it_again_where_all_have_to_renew() {
    let nodes = nodes(3);
    let (leases, ours) = (over_needed(&nodes, 3).await, Owner::draw());
    let fence = granted(&leases, &ours).await.fence;
    nodes[0].forget();
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("one does not know it");
    assert!(error.to_string().contains("server 1: the owner does not have the name"), "{error}");
    leases.finished().await;
    let again = nodes[0].store().inspect(NAME).await.expect("it is memory");
    assert_eq!(again.map(|tenure| (tenure.owner, tenure.fence)), Some((ours.clone(), fence)));
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
}

/// What it is for: keys that are deleted, or clocks that jump ahead, on most of the servers.
#[tokio::test(start_paused = true)]
async fn where_all_have_to_grant_one_that_remembers_keeps_a_second_owner_out() {
    let (nodes, ours) = (nodes(3), Owner::draw());
    let (first, second) = (over_needed(&nodes, 3).await, over_needed(&nodes, 3).await);
    granted(&first, &ours).await;
    first.finished().await;
    for node in &nodes[1..] {
        node.store().release(NAME, &ours).await.expect("it is memory");
    }
    assert!(!is_granted(&second).await, "one of them knows better");
    second.finished().await;
    assert!(is_granted(&over(&nodes).await).await, "where two are enough it does not");
}

#[tokio::test(start_paused = true)]
async fn a_number_of_servers_that_makes_no_sense_is_refused_with_what_to_write() {
    for (needed, says) in [
        (0, Some("write 3 or more")),
        (2, Some("two owners could have as many: write 3 or more")),
        (3, None),
        (5, None),
        (6, Some("there are 5 servers: write 5 or less")),
    ] {
        let opened = builder(&nodes(5)).min_store_nodes(needed).open().await;
        let Some(says) = says else {
            opened.expect("it makes sense");
            continue;
        };
        let error = opened.expect_err("it makes no sense");
        let QuorumOpenError::Setting { setting, what } = &error else { panic!("{error:?}") };
        assert_eq!(*setting, "min_store_nodes");
        assert!(what.contains(says), "{error}");
    }
}
