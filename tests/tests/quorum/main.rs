//! Leases over several servers: what most of them say, whatever the others do.

mod admin;
mod candidates;
mod clients;
mod clocks;
mod fences;
mod needed;
mod node;
mod renewals;
mod runs;
mod servers;
mod truth;

use std::time::Duration;

use distributed_task::{
    backend::quorum::{QuorumLeases, QuorumLeasesBuilder},
    lease::{Acquired, Grant, LeaseError, LeaseStore as _, Owner},
};

use node::Node;

const LEASE: Duration = Duration::from_secs(10);
const NAME: &str = "nightly-report";

/// So many servers.
fn nodes(number: usize) -> Vec<Node> {
    (1..=number).map(|at| Node::new(&format!("server {at}"))).collect()
}

fn builder(nodes: &[Node]) -> QuorumLeasesBuilder {
    nodes.iter().cloned().fold(QuorumLeases::builder(), |with, node| with.node(node))
}

/// Leases over them, as one process has them.
async fn over(nodes: &[Node]) -> QuorumLeases {
    builder(nodes).open().await.expect("they can vote")
}

/// The same over three, of which the third is opened with the first call.
async fn over_two_and_a_third_later(nodes: &[Node]) -> QuorumLeases {
    let third = nodes[2].clone();
    let open = move || {
        let third = third.clone();
        async move { Ok::<_, LeaseError>(third) }
    };
    let builder = builder(&nodes[..2]).node_later("the third", open);
    builder.open().await.expect("they can vote")
}

/// The same, of which so many have to grant one.
async fn over_needed(nodes: &[Node], needed: usize) -> QuorumLeases {
    builder(nodes).min_store_nodes(needed).open().await.expect("they can vote")
}

async fn granted(leases: &QuorumLeases, owner: &Owner) -> Grant {
    match leases.try_acquire(NAME, owner, LEASE).await {
        Ok(Acquired::Granted(grant)) => grant,
        other => panic!("{other:?}"),
    }
}

/// On none of the servers.
#[track_caller]
fn nothing_is_left(nodes: &[Node]) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for (number, node) in nodes.iter().enumerate() {
            assert_eq!(node.has(NAME).await, None, "server {}, at {caller}", number + 1);
        }
    }
}

async fn is_granted(leases: &QuorumLeases) -> bool {
    let acquired = leases.try_acquire(NAME, &Owner::draw(), LEASE).await;
    matches!(acquired, Ok(Acquired::Granted(_)))
}
