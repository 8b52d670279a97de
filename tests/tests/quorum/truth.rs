//! Every combination of servers that grant, refuse, fail and hang (QL-01, QL-02, QL-05).

use std::error::Error as _;

use distributed_task::{
    backend::quorum::QuorumError,
    lease::{Acquired, LeaseStore as _, Owner},
};
use tokio::time::Instant;

use crate::{LEASE, NAME, node::Mode, nodes, over_needed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Yes,
    No,
    Error,
    Hangs,
    IsLate,
}

const KINDS: [Kind; 5] = [Kind::Yes, Kind::No, Kind::Error, Kind::Hangs, Kind::IsLate];

async fn holds(kinds: &[Kind], needed: usize) {
    let nodes = nodes(kinds.len());
    let leases = over_needed(&nodes, needed).await;
    let (ours, theirs) = (Owner::draw(), Owner::draw());
    for (node, kind) in nodes.iter().zip(kinds) {
        match kind {
            Kind::Yes => {}
            Kind::No => {
                node.store().try_acquire(NAME, &theirs, 100 * LEASE).await.expect("it is memory");
            }
            Kind::Error => node.set(Mode::Fails),
            Kind::Hangs => node.set(Mode::Hangs),
            Kind::IsLate => node.set(Mode::IsLate),
        }
    }
    let of = |kind| kinds.iter().filter(|it| **it == kind).count();
    let (majority, yes, no) = (kinds.len() / 2 + 1, of(Kind::Yes), of(Kind::No));
    let begun = Instant::now();
    let answer = leases.try_acquire(NAME, &ours, LEASE).await;
    let (is_granted, is_wanted) = match &answer {
        Ok(Acquired::Granted(grant)) => {
            // Who hangs is not waited for.
            assert!(begun.elapsed().is_zero(), "{kinds:?}: {:?}", begun.elapsed());
            assert_eq!(grant.left.as_millis(), 9_898, "{kinds:?}");
            (true, yes >= needed)
        }
        Ok(Acquired::Busy(busy)) => {
            assert!(busy.holder.as_ref().is_none_or(|holder| *holder == theirs), "{kinds:?}");
            (false, no >= majority || yes < needed && yes + no >= needed)
        }
        Err(error) => {
            let source = error.source().and_then(|source| source.downcast_ref::<QuorumError>());
            let Some(QuorumError::NoQuorum { agreed, needed: told, servers }) = source else {
                panic!("{kinds:?}: {error:?}");
            };
            assert_eq!((*agreed, *told), (yes, needed), "{kinds:?}");
            for (at, kind) in kinds.iter().enumerate() {
                assert_eq!(servers[at].1.is_none(), *kind == Kind::Yes, "{kinds:?}: {error}");
            }
            assert!(error.is_retryable(), "{kinds:?}");
            let is_unknown = yes + of(Kind::Hangs) + of(Kind::IsLate) > 0;
            assert_eq!(error.is_outcome_unknown(), is_unknown, "{kinds:?}: {error}");
            (false, yes + no < needed)
        }
    };
    assert!(is_wanted, "{needed} are needed: {kinds:?}: {answer:?}");

    let late = nodes.iter().zip(kinds).filter(|(_, kind)| **kind == Kind::IsLate);
    for (node, _) in late {
        assert_eq!(node.has(NAME).await, Some(ours.clone()), "it did it, and nobody knows");
    }
    // Late answers come, and what they did is kept or freed.
    nodes.iter().for_each(|node| node.set(Mode::Good));
    leases.finished().await;
    for (node, kind) in nodes.iter().zip(kinds) {
        let wanted = match kind {
            Kind::No => Some(theirs.clone()),
            Kind::Error => None,
            Kind::Yes | Kind::Hangs | Kind::IsLate => is_granted.then(|| ours.clone()),
        };
        assert_eq!(node.has(NAME).await, wanted, "{kinds:?}: {kind:?}");
    }
}

/// All of them for so many servers.
fn all(number: u32) -> impl Iterator<Item = Vec<Kind>> {
    (0..KINDS.len().pow(number)).map(move |case| {
        (0..number).map(|at| KINDS[case / KINDS.len().pow(at) % KINDS.len()]).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn most_servers_decide_and_nothing_is_left_of_an_attempt_that_fails() {
    for kinds in [1, 3, 5].into_iter().flat_map(all) {
        holds(&kinds, kinds.len() / 2 + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_more_are_needed_fewer_grant_nothing_and_nothing_is_left_of_it() {
    for (number, needed) in [(3, 3), (5, 4), (5, 5)] {
        for kinds in all(number) {
            holds(&kinds, needed).await;
        }
    }
}
