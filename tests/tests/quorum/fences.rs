//! The fence rises over all tenures, whichever servers are away (QL-07).

use distributed_task::{
    kernel::Fence,
    lease::{Agreed, Ballot, LeaseAdmin as _, LeaseStore as _, Owner, QuorumNode as _},
};
use futures_util::TryStreamExt as _;

use crate::{
    LEASE, NAME, granted,
    node::{Mode, Node},
    nodes, over,
};

/// A small generator: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The first tenure whose fence is not higher than that before, with another two of five servers away
/// at each.
async fn first_that_falls(nodes: Vec<Node>, tenures: usize) -> Option<usize> {
    let (leases, mut chance, mut last) = (over(&nodes).await, Chance(7), Fence::NONE);
    for tenure in 0..tenures {
        nodes.iter().for_each(|node| node.set(Mode::Good));
        for _ in 0..2 {
            let away = usize::try_from(chance.below(5)).expect("it is below 5");
            nodes[away].set(Mode::Fails);
        }
        let owner = Owner::draw();
        let fence = granted(&leases, &owner).await.fence;
        if fence <= last {
            return Some(tenure);
        }
        last = fence;
        nodes.iter().for_each(|node| node.set(Mode::Good));
        leases.release(NAME, &owner).await.expect("all are there");
        leases.finished().await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn fences_rise_over_all_tenures_whichever_servers_are_away() {
    let nodes = (1..=5).map(|at| Node::new(&format!("server {at}"))).collect();
    assert_eq!(first_that_falls(nodes, 10_000).await, None);
}

#[tokio::test(start_paused = true)]
async fn without_the_second_phase_they_do_not() {
    let nodes = (1..=5).map(|at| Node::deaf(&format!("server {at}"))).collect();
    assert!(first_that_falls(nodes, 10_000).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn all_servers_know_the_fence_that_was_agreed_on() {
    let nodes: Vec<_> = (1..=3).map(|at| Node::new(&format!("server {at}"))).collect();
    let (leases, ours) = (over(&nodes).await, Owner::draw());
    // The third one is late, and gave a fence of its own, which is higher.
    let far = Owner::draw();
    granted_far_ahead(&nodes[2], &far).await;
    nodes[2].set(Mode::Hangs);
    let fence = granted(&leases, &ours).await.fence;
    nodes[2].set(Mode::Good);
    leases.finished().await;
    for node in &nodes {
        let tenure = node.store().inspect(NAME).await.expect("it is memory");
        assert_eq!(tenure.map(|tenure| tenure.fence), Some(fence));
    }
    leases.release(NAME, &ours).await.expect("all are there");
    leases.finished().await;
    assert!(granted(&leases, &Owner::draw()).await.fence > fence);
}

/// A server that was late granted it under a fence of its own, and nobody told it the one that was agreed on.
#[tokio::test(start_paused = true)]
async fn who_looks_is_told_the_fence_of_the_grant_whoever_was_late() {
    for (late, is_ahead) in [0, 1, 2].into_iter().flat_map(|late| [(late, true), (late, false)]) {
        for (away, mode) in
            [(late, Mode::Good), (0, Mode::Fails), (1, Mode::Hangs), (2, Mode::Fails)]
        {
            let case = format!("{late} was late, ahead: {is_ahead}; {away}: {mode:?}");
            let nodes = nodes(3);
            let (leases, ours) = (over(&nodes).await, Owner::draw());
            for (at, node) in nodes.iter().enumerate() {
                if (at == late) == is_ahead {
                    granted_far_ahead(node, &Owner::draw()).await;
                }
            }
            nodes[late].set(Mode::Fails);
            let fence = granted(&leases, &ours).await.fence;
            leases.finished().await;
            nodes[late].set(Mode::Good);
            let ballot = Ballot { name: NAME, owner: &ours, lease: LEASE, is_run: false };
            nodes[late].store().vote(ballot).await.expect("it is memory");
            nodes[away].set(mode);
            let told = leases.inspect(NAME).await.expect("most servers answer");
            let told = told.map(|tenure| (tenure.owner, tenure.fence));
            assert_eq!(told, Some((ours.clone(), fence)), "{case}");
            let names: Vec<_> = leases.names().try_collect().await.expect("most servers answer");
            let told =
                names.iter().find(|held| held.name == NAME).and_then(|it| it.holder.as_ref());
            assert_eq!(told.map(|tenure| tenure.fence), Some(fence), "{case}");
            let ended = leases.force_release(NAME, fence, "a test").await;
            assert_eq!(ended.expect("most servers answer"), Some(ours), "{case}");
        }
    }
}

/// The next fence of this server is far ahead of those of the others.
async fn granted_far_ahead(node: &Node, owner: &Owner) {
    let store = node.store();
    let life = std::time::Duration::from_secs(1);
    store.try_acquire("other", owner, life).await.expect("it is memory");
    let agreed = Agreed { fence: Fence(1 << 60), attempt: None };
    store.raise("other", owner, agreed).await.expect("it is memory");
}
