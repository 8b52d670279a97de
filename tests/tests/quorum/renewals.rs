//! What each server is asked to renew.

use std::time::Duration;

use distributed_task::{
    backend::quorum::QuorumLeases,
    coordination::{Coordination, CoordinationOptions},
    lease::{Acquired, LeaseError, LeaseStore as _, Owner, Renewal, Renewed},
};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::{
    LEASE,
    node::{Mode, Node},
    nodes, over, over_two_and_a_third_later,
};

/// Names that one owner has.
async fn held(leases: &QuorumLeases, owner: &Owner, many: usize) -> Vec<Renewal> {
    let renewal =
        |turn| Renewal { name: format!("held-{turn}").into(), owner: owner.clone(), lease: LEASE };
    let renewals: Vec<Renewal> = (0..many).map(renewal).collect();
    let acquired = renewals.iter().map(|one| leases.try_acquire(&one.name, owner, LEASE));
    for acquired in join_all(acquired).await {
        assert!(matches!(acquired, Ok(Acquired::Granted(_))), "{acquired:?}");
    }
    leases.finished().await;
    renewals
}

async fn renewed(leases: &QuorumLeases, renewals: &[Renewal]) -> Vec<Result<Renewed, LeaseError>> {
    let renewed = leases.renew_all(renewals).await.expect("each is answered");
    assert_eq!(renewed.len(), renewals.len());
    renewed
}

#[tokio::test(start_paused = true)]
async fn what_is_renewed_at_a_moment_is_one_call_to_each_server() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let mut renewals = held(&leases, &owner, 300).await;
    renewals[7].owner = Owner::draw();
    renewals[299].owner = Owner::draw();
    renewals[150].lease = LEASE * 100;
    for (turn, renewed) in renewed(&leases, &renewals).await.into_iter().enumerate() {
        match turn {
            7 | 299 => assert_eq!(renewed.ok(), Some(Renewed::NotOwner), "{turn}"),
            150 => assert!(!renewed.expect_err("it is too long").is_retryable()),
            _ => assert_eq!(renewed.ok(), Some(Renewed::Renewed), "{turn}"),
        }
    }
    for node in &nodes {
        assert_eq!(node.renewals(), [299]);
    }
    leases.finished().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_server_still_does_for_one_owner_is_waited_for_by_no_other_one() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let renewals = held(&leases, &owner, 3).await;
    nodes[0].set(Mode::Hangs);
    let begun = Instant::now();
    for some in [&renewals[..1], &renewals[..]] {
        for renewed in renewed(&leases, some).await {
            assert_eq!(renewed.ok(), Some(Renewed::Renewed));
        }
    }
    assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
    // The first one has to wait there for its own answer.
    assert_eq!(nodes[0].renewals(), [1, 2]);
    nodes[0].set(Mode::Good);
    leases.finished().await;
    assert_eq!(nodes[0].renewals(), [1, 2], "nobody waits for the second one of the first");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgot_them_all_is_given_each_again_under_its_own_fence() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let renewals = held(&leases, &owner, 20).await;
    nodes[0].forget();
    for renewed in renewed(&leases, &renewals).await {
        assert_eq!(renewed.ok(), Some(Renewed::Renewed));
    }
    leases.finished().await;
    let mut fences = Vec::new();
    for one in &renewals {
        let [given, known] = [0, 1].map(|at| nodes[at].store());
        let [given, known] = [given.inspect(&one.name).await, known.inspect(&one.name).await];
        let fence = given.expect("it is memory").expect("it was given again").fence;
        assert_eq!(Some(fence), known.expect("it is memory").map(|tenure| tenure.fence));
        fences.push(fence);
    }
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), 20, "each has one of its own");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_renewed_twice_together_is_so_one_after_the_other() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let [first, second] = held(&leases, &owner, 2).await.try_into().expect("these are two");
    for renewed in renewed(&leases, &[first.clone(), second, first]).await {
        assert_eq!(renewed.ok(), Some(Renewed::Renewed));
    }
    leases.finished().await;
    for node in &nodes[..2] {
        assert_eq!(node.renewals(), [2, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_servers_refuse_all_together_each_is_told_of() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let renewals = held(&leases, &owner, 3).await;
    nodes[1..].iter().for_each(|node| node.set(Mode::Fails));
    for renewed in renewed(&leases, &renewals).await {
        let error = renewed.expect_err("one cannot decide");
        assert!(error.is_retryable(), "{error:?}");
        for server in ["server 2", "server 3"] {
            let why = format!("{server}: the lease store did nothing: no memory");
            assert!(error.to_string().contains(&why), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_opened_later_is_asked_for_all_of_them_as_well() {
    let (nodes, owner) = (nodes(3), Owner::draw());
    let leases = over_two_and_a_third_later(&nodes).await;
    let renewals = held(&leases, &owner, 20).await;
    renewed(&leases, &renewals).await;
    assert_eq!(nodes[2].renewals(), [20]);
}

/// Of which sizes the calls to each server were, while a hundred leases were due once.
async fn calls(options: &str) -> Vec<Vec<usize>> {
    let options: CoordinationOptions = serde_json::from_str(options).expect("they can be read");
    let nodes = nodes(3);
    let process = Coordination::on_this_runtime(over(&nodes).await);
    let process = process.with_options(options).expect("they are right");
    let lease = Duration::from_secs(6);
    let taken = (0..100).map(|turn| process.lease(format!("held-{turn}")).ttl(lease));
    let held = join_all(taken.map(async |lease| lease.try_acquire().await)).await;
    sleep(lease / 2).await;
    assert!(held.iter().all(|held| held.as_ref().is_ok_and(Option::is_some)), "{held:?}");
    nodes.iter().map(Node::renewals).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_to_each_server_are_as_large_as_was_said() {
    for sizes in calls("{}").await {
        assert_eq!(sizes.iter().sum::<usize>(), 100);
        assert!(sizes.iter().all(|size| *size <= 50) && sizes.len() <= 6, "{sizes:?}");
    }
    for sizes in calls(r#"{ "batching": { "enable_batching": false } }"#).await {
        assert_eq!(sizes, [1; 100]);
    }
}
