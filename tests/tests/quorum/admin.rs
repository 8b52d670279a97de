//! What an operator sees of a quorum, and does to it, while some of the servers are away.

use std::{collections::BTreeMap, error::Error as _};

use distributed_task::{
    backend::quorum::{QuorumError, QuorumLeases},
    coordination::{Coordination, LossCause},
    lease::{Beat, HeldName, LeaseAdmin as _, LeaseError, LeaseStore as _, Owner, Renewed},
};
use futures_util::TryStreamExt as _;

use crate::{LEASE, NAME, granted, is_granted, node::Mode, nodes, over};

async fn names(leases: &QuorumLeases) -> Vec<HeldName> {
    leases.names().try_collect().await.expect("most servers answer")
}

#[tokio::test(start_paused = true)]
async fn what_most_servers_know_is_told_while_one_is_away() {
    let (nodes, ours) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let grant = granted(&leases, &ours).await;
    leases.finished().await;
    let theirs = Owner::draw();
    nodes[0].store().try_acquire("of one", &theirs, LEASE).await.expect("it is memory");
    for mode in [Mode::Good, Mode::Fails, Mode::Hangs] {
        nodes[2].set(mode);
        let told = names(&leases).await;
        let told: Vec<_> = told
            .iter()
            .map(|held| {
                let holder = held.holder.as_ref().expect("somebody has it");
                (&*held.name, &holder.owner, holder.fence)
            })
            .collect();
        assert_eq!(told[0], (NAME, &ours, grant.fence), "{mode:?}");
        // The one that is silent may know it as well.
        assert_eq!(told.len(), if mode == Mode::Good { 1 } else { 2 }, "{mode:?}: {told:?}");
        leases.try_renew(NAME, &ours, LEASE).await.expect("most servers answer");
    }
    nodes[1].set(Mode::Fails);
    let error = leases.names().try_collect::<Vec<_>>().await.expect_err("one is no majority");
    let source = error.source().and_then(|source| source.downcast_ref::<QuorumError>());
    let Some(QuorumError::NoQuorum { agreed: 1, needed: 2, servers }) = source else {
        panic!("{error:?}")
    };
    assert!(servers[0].1.is_none() && servers[1].1.is_some(), "{error}");
}

/// On a server that is away the tenure runs out; on one that never had it there is nothing to end.
#[tokio::test(start_paused = true)]
async fn a_tenure_is_ended_while_a_server_is_away() {
    for (without, away, mode) in [
        (None, None, Mode::Good),
        (None, Some(2), Mode::Fails),
        (None, Some(2), Mode::Hangs),
        (Some((2, Mode::Fails)), None, Mode::Good),
        (Some((2, Mode::HearsNothing)), None, Mode::Good),
        // One server of three has it, one has it and does not answer.
        (Some((1, Mode::Fails)), Some(2), Mode::Fails),
        (Some((1, Mode::Fails)), Some(2), Mode::Hangs),
    ] {
        let case = format!("{without:?}, {away:?}, {mode:?}");
        let (nodes, ours) = (nodes(3), Owner::draw());
        let leases = over(&nodes).await;
        if let Some((node, mode)) = without {
            nodes[node].set(mode);
        }
        let fence = granted(&leases, &ours).await.fence;
        nodes.iter().for_each(|node| node.set(Mode::Good));
        if let Some(away) = away {
            nodes[away].set(mode);
        }
        let ended = leases.force_release(NAME, fence, "ops: it hangs").await;
        assert_eq!(ended.expect("most answer"), Some(ours.clone()), "{case}");
        let renewed = leases.try_renew(NAME, &ours, LEASE).await.expect("most answer");
        assert_eq!(renewed, Renewed::Forced, "{case}");
        assert!(is_granted(&leases).await, "{case}");
        let again = leases.force_release(NAME, fence, "ops: it hangs").await;
        assert_eq!(again.expect("most answer"), Some(ours), "{case}");
        assert!(!is_granted(&leases).await, "{case}: the next one was not ended");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_be_ended_where_most_servers_are_away() {
    let (nodes, ours) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    let fence = granted(&leases, &ours).await.fence;
    nodes[1].set(Mode::Fails);
    nodes[2].set(Mode::Hangs);
    leases.force_release(NAME, fence, "ops").await.expect_err("one is no majority");
}

#[tokio::test(start_paused = true)]
async fn a_holder_over_a_quorum_is_told_that_an_operator_did_it() {
    let process = Coordination::on_this_runtime(over(&nodes(3)).await);
    let held = process.lock(NAME).lease(LEASE).acquire().await.expect("it is free");
    let monitor = process.monitor();
    let active = monitor.active_locks().await.expect("most servers answer");
    let [lock] = &active[..] else { panic!("{active:?}") };
    let tenure = lock.holder.as_ref().expect("somebody has it");
    assert_eq!((&*lock.name, tenure.fence), (NAME, held.fence()));
    assert!(monitor.force_release(NAME, tenure.fence, "a test").await.expect("they answer"));
    assert_eq!(held.lost().await.cause, LossCause::Forced);
}

fn words(doing: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("doing".to_owned(), doing.to_owned())])
}

#[tokio::test(start_paused = true)]
async fn what_most_servers_were_told_of_a_lease_is_told() {
    let (nodes, ours) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    granted(&leases, &ours).await;
    leases.finished().await;
    // What is said last comes first by its letters.
    for left in (1..=9).rev() {
        let said = words(&format!("{left} pages are left"));
        let (away, mode) = (left % 3, if left > 3 { Mode::Fails } else { Mode::Hangs });
        let seen = async || {
            let tenure = leases.inspect(NAME).await.expect("most servers answer");
            let names = names(&leases).await;
            let [HeldName { holder: Some(listed), .. }] = &names[..] else { panic!("{names:?}") };
            [tenure.expect("it is ours").metadata, listed.metadata.clone()]
        };
        // One server does not hear it, and tells older words when it is back.
        nodes[away].set(mode);
        assert!(leases.describe(NAME, &ours, &said).await.expect("most servers answer"));
        assert_eq!(seen().await, [said.clone(), said.clone()]);
        leases.try_renew(NAME, &ours, LEASE).await.expect("most servers answer");
        nodes[away].set(Mode::Good);
        assert_eq!(seen().await, [said.clone(), said]);
    }
}

#[tokio::test(start_paused = true)]
async fn whether_most_servers_were_told_is_said_or_that_nobody_knows() {
    let (nodes, ours) = (nodes(3), Owner::draw());
    let leases = over(&nodes).await;
    // The third one does not have it.
    nodes[2].set(Mode::Fails);
    granted(&leases, &ours).await;
    leases.finished().await;
    nodes[2].set(Mode::Good);
    let said = words("page 3");
    assert!(leases.describe(NAME, &ours, &said).await.expect("all servers answer"));
    assert!(!leases.describe(NAME, &Owner::draw(), &said).await.expect("all servers answer"));
    nodes[1].set(Mode::Fails);
    let error = leases.describe(NAME, &ours, &said).await.expect_err("the second may know it");
    assert!(matches!(error, LeaseError::Unanswered(_)), "{error:?}");
    nodes[0].set(Mode::Fails);
    leases.describe(NAME, &ours, &said).await.expect_err("one is no majority");
    nodes.iter().for_each(|node| node.set(Mode::Fails));
    let error = leases.describe(NAME, &ours, &words(&"x".repeat(Beat::MAX_METADATA))).await;
    let error = error.expect_err("it is too much, and nobody is asked");
    assert!(matches!(error, LeaseError::Refused { retryable: false, .. }), "{error:?}");
}
