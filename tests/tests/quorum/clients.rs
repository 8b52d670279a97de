//! Owners that keep, lose and give back what they have, beside servers that fail.

use std::time::Duration;

use distributed_task::lease::{Acquired, LeaseStore as _, Owner, Released, Renewed, Safety};
use tokio::time::{Instant, advance};

use crate::{LEASE, NAME, builder, granted, is_granted, node::Mode, nodes, nothing_is_left, over};

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_makes_nothing_slower() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    nodes[0].set(Mode::Hangs);
    let begun = Instant::now();
    granted(&leases, &ours).await;
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    assert!(leases.inspect(NAME).await.is_ok_and(|tenure| tenure.is_some()));
    assert_eq!(leases.release(NAME, &ours).await.ok(), Some(Released::Released));
    assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
    assert_eq!(leases.safety(), Safety::Quorum);
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_fewer_than_half_of_the_servers() {
    let nodes = nodes(5);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    granted(&leases, &ours).await;
    nodes[..2].iter().for_each(|node| node.set(Mode::Fails));
    for _ in 0..5 {
        advance(LEASE / 2).await;
        assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    }
    nodes[2].set(Mode::Fails);
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("two cannot decide");
    assert!(error.is_retryable() && error.is_outcome_unknown(), "{error}");
    assert!(error.to_string().contains("2 of 5 servers agreed, and 3 are needed"), "{error}");
    // Back in time it goes on.
    nodes[2].set(Mode::Good);
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    // And too late it does not, although two servers were renewed to the last.
    nodes[2].set(Mode::Fails);
    for _ in 0..3 {
        advance(LEASE / 2).await;
        let _ = leases.try_renew(NAME, &ours, LEASE).await;
    }
    nodes.iter().for_each(|node| node.set(Mode::Good));
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::NotOwner));
    leases.finished().await;
    assert!(is_granted(&leases).await, "the two were freed");
}

/// Two of its addresses lead to one server, which says so twice; others have the rest.
#[tokio::test(start_paused = true)]
async fn a_server_that_two_addresses_lead_to_renews_once() {
    let (nodes, same) = (nodes(3), nodes(3));
    for (theirs, server) in same.iter().zip(&nodes) {
        theirs.leads_to(server);
    }
    let (leases, others, ours) = (over(&nodes).await, over(&same).await, Owner::draw());
    granted(&leases, &ours).await;
    leases.finished().await;
    nodes[0].leads_to(&nodes[1]);
    nodes[2].set(Mode::Fails);
    advance(LEASE / 2).await;
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("one server is not most");
    assert!(error.to_string().contains("1 of 3 servers agreed"), "{error}");
    advance(LEASE).await;
    assert!(is_granted(&others).await, "it has run out in two of three");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_is_given_it_again_while_most_know_it() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    let fence = granted(&leases, &ours).await.fence;
    leases.finished().await;
    nodes[0].forget();
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::Renewed));
    leases.finished().await;
    let again = nodes[0].store().inspect(NAME).await.expect("it is memory");
    assert_eq!(again.map(|tenure| (tenure.owner, tenure.fence)), Some((ours, fence)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_is_not_given_it_again_while_it_is_not_known_who_knows_it() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    granted(&leases, &ours).await;
    leases.finished().await;
    nodes[0].forget();
    nodes[1].set(Mode::Fails);
    let error = leases.try_renew(NAME, &ours, LEASE).await.expect_err("one is not enough");
    assert!(
        error.to_string().contains("server 1: the owner does not have the name there"),
        "{error}"
    );
    leases.finished().await;
    assert_eq!(nodes[0].has(NAME).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_most_servers_granted_and_did_not_hear_the_fence_of_is_not_granted() {
    let nodes = nodes(3);
    let leases = over(&nodes).await;
    nodes[..2].iter().for_each(|node| node.set(Mode::HearsNothing));
    let error = leases.try_acquire(NAME, &Owner::draw(), LEASE).await.expect_err("one heard it");
    assert!(error.to_string().contains("1 of 3 servers agreed"), "{error}");
    leases.finished().await;
    nothing_is_left(&nodes).await;
    nodes[0].set(Mode::Good);
    granted(&leases, &Owner::draw()).await;
}

#[tokio::test(start_paused = true)]
async fn what_most_servers_forgot_is_lost_and_is_not_brought_back() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    granted(&leases, &ours).await;
    leases.finished().await;
    nodes[..2].iter().for_each(|node| node.forget());
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::NotOwner));
    leases.finished().await;
    nothing_is_left(&nodes).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_started_does_not_vote_until_what_it_forgot_is_over() {
    let nodes = nodes(5);
    let (ours, first, second) = (Owner::draw(), over(&nodes).await, over(&nodes).await);
    let grant = granted(&first, &ours).await;
    first.finished().await;
    // Three of five have it, and one of them forgets it.
    for node in &nodes[3..] {
        node.store().release(NAME, &ours).await.expect("it is memory");
    }
    nodes[2].forget();
    assert!(!is_granted(&second).await, "it knew the server before");
    assert!(!is_granted(&over(&nodes).await).await, "it never knew it");
    // The two that still have it run out, and the one that started is no longer needed.
    second.finished().await;
    advance(grant.left + Duration::from_millis(200)).await;
    assert!(is_granted(&second).await);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_on_one_server_lets_nobody_in() {
    let nodes = nodes(3);
    let (ours, first, second) = (Owner::draw(), over(&nodes).await, over(&nodes).await);
    granted(&first, &ours).await;
    first.finished().await;
    nodes[0].store().release(NAME, &ours).await.expect("it is memory");
    assert!(!is_granted(&second).await, "two know better");
    // On most of them it does: that is what is not promised.
    nodes[1].store().release(NAME, &ours).await.expect("it is memory");
    assert!(is_granted(&second).await);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_takes_nothing_from_an_owner_that_has_it() {
    let nodes = nodes(3);
    let (ours, first, second) = (Owner::draw(), over(&nodes).await, over(&nodes).await);
    let fence = granted(&first, &ours).await.fence;
    nodes[..2].iter().for_each(|node| node.set(Mode::Hangs));
    assert!(first.try_acquire(NAME, &ours, LEASE).await.is_err());
    nodes.iter().for_each(|node| node.set(Mode::Good));
    first.finished().await;
    assert!(!is_granted(&second).await, "it is ours");
    assert_eq!(granted(&first, &ours).await.fence, fence);
}

#[tokio::test(start_paused = true)]
async fn what_frees_an_attempt_that_failed_does_not_free_the_next_one() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    nodes[0].set(Mode::FreesLate);
    nodes[1..].iter().for_each(|node| node.set(Mode::Fails));
    assert!(leases.try_acquire(NAME, &ours, LEASE).await.is_err());
    assert_eq!(nodes[0].has(NAME).await, Some(ours.clone()), "it will be freed");
    // Of the first two the first does not count: what it has yet to free is this.
    nodes[1].set(Mode::Good);
    let error = leases.try_acquire(NAME, &ours, LEASE).await.expect_err("one is not enough");
    assert!(error.to_string().contains("server 1: did not answer"), "{error}");
    nodes[0].set(Mode::Good);
    leases.finished().await;
    granted(&leases, &ours).await;
    for node in &nodes[..2] {
        assert_eq!(node.has(NAME).await, Some(ours.clone()), "the owner does not block itself");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_did_not_free_is_freed_later() {
    for fails in [true, false] {
        let nodes = nodes(3);
        let (leases, ours) = (over(&nodes).await, Owner::draw());
        nodes[0].set(Mode::FreesNothing);
        if fails {
            nodes[1..].iter().for_each(|node| node.set(Mode::Fails));
            assert!(leases.try_acquire(NAME, &ours, LEASE).await.is_err());
        } else {
            granted(&leases, &ours).await;
            assert_eq!(leases.release(NAME, &ours).await.ok(), Some(Released::Released));
        }
        wait_until(|| nodes[0].frees() > 1).await;
        assert_eq!(nodes[0].has(NAME).await, Some(ours), "it does not free it");
        nodes[0].set(Mode::Good);
        leases.finished().await;
        assert_eq!(nodes[0].has(NAME).await, None);
    }
}

/// Lets time pass until then.
async fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never is");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_not_asked_what_nobody_waits_for_any_more() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    nodes[0].set(Mode::Hangs);
    nodes[1..].iter().for_each(|node| node.set(Mode::Fails));
    for _ in 0..10 {
        assert!(leases.try_acquire(NAME, &ours, LEASE).await.is_err());
    }
    nodes[0].set(Mode::Good);
    leases.finished().await;
    assert_eq!((nodes[0].votes(), nodes[1].votes()), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_over_for_its_owner_before_it_is_for_any_server() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    let left = granted(&leases, &ours).await.left;
    advance(left + Duration::from_millis(1)).await;
    for node in &nodes {
        assert_eq!(node.has(NAME).await, Some(ours.clone()));
    }
    assert_eq!(leases.try_renew(NAME, &ours, LEASE).await.ok(), Some(Renewed::NotOwner));
    leases.finished().await;
    nothing_is_left(&nodes).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_lost_it_may_begin_anew_and_is_not_freed_by_what_is_over() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    let grant = granted(&leases, &ours).await;
    advance(grant.left + Duration::from_millis(1)).await;
    let again = granted(&leases, &ours).await;
    assert!(again.fence > grant.fence, "it is another tenure");
    // What it gives back at last is free, also where it takes it again in the next moment.
    assert_eq!(leases.release(NAME, &ours).await.ok(), Some(Released::Released));
    granted(&leases, &ours).await;
    leases.finished().await;
    for node in &nodes {
        assert_eq!(node.has(NAME).await, Some(ours.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_is_freed() {
    let nodes = nodes(3);
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    nodes.iter().for_each(|node| node.set(Mode::IsLate));
    let call = leases.try_acquire(NAME, &ours, LEASE);
    assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
    for node in &nodes {
        assert_eq!(node.has(NAME).await, Some(ours.clone()));
    }
    nodes.iter().for_each(|node| node.set(Mode::Good));
    leases.finished().await;
    nothing_is_left(&nodes).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_too_late_is_not_granted() {
    let nodes = nodes(3);
    let leases = builder(&nodes).node_timeout(2 * LEASE).open().await.expect("they can vote");
    nodes.iter().for_each(|node| node.set(Mode::IsLate));
    let back = async {
        // Nine tenths and a bit.
        tokio::time::sleep(LEASE * 91 / 100).await;
        nodes.iter().for_each(|node| node.set(Mode::Good));
    };
    let ours = Owner::draw();
    let (answer, ()) = tokio::join!(leases.try_acquire(NAME, &ours, LEASE), back);
    let error = answer.expect_err("too little is left");
    assert!(error.to_string().contains("too little was left"), "{error}");
    leases.finished().await;
    nothing_is_left(&nodes).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_longer_than_servers_are_kept_out_is_refused() {
    let leases = over(&nodes(3)).await;
    let error = leases.try_acquire(NAME, &Owner::draw(), Duration::from_secs(61)).await;
    let error = error.expect_err("it is too long");
    assert!(!error.is_retryable() && !error.is_outcome_unknown(), "{error:?}");
    assert!(error.to_string().contains("`max_lease` is 60s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn of_owners_who_share_the_servers_one_gets_them_all() {
    let nodes = nodes(3);
    // Each got one server, and tries again.
    let clients = [over(&nodes).await, over(&nodes).await, over(&nodes).await];
    let owners = [Owner::draw(), Owner::draw(), Owner::draw()];
    for (node, owner) in nodes.iter().zip(&owners) {
        node.store().try_acquire(NAME, owner, LEASE).await.expect("it is memory");
    }
    let attempts = clients.iter().zip(&owners).map(|(leases, owner)| async move {
        matches!(leases.try_acquire(NAME, owner, LEASE).await, Ok(Acquired::Granted(_)))
    });
    let won = futures_util::future::join_all(attempts).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}
