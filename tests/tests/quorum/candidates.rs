//! Who stands in an election over several servers, while some of them are away.

use std::time::Duration;

use distributed_task::{
    coordination::{Candidacy, Coordination, Role},
    lease::{CandidateStore as _, LeaseError},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    LEASE, NAME,
    node::{Mode, Node},
    nodes, over,
};

const BEATS: Duration = Duration::from_secs(1);

async fn stands(nodes: &[Node], id: &str) -> Candidacy {
    let process = Coordination::on_this_runtime(over(nodes).await);
    let election = process.election(NAME).candidate_id(id).lease_duration(LEASE);
    election.min_candidates(2).heartbeat_interval(BEATS).start().expect("a quorum knows who stands")
}

async fn leads(candidacy: &Candidacy) {
    let mut states = candidacy.watch();
    let leading = async { while states.next().await.expect("it stands").role != Role::Leader {} };
    timeout(LEASE * 10, leading).await.expect("there are two of them");
}

#[tokio::test(start_paused = true)]
async fn candidates_are_those_whom_most_servers_know() {
    for mode in [Mode::Fails, Mode::Hangs] {
        let nodes = nodes(3);
        let one = stands(&nodes, "one").await;
        sleep(LEASE).await;
        assert!(!one.is_leader(), "it is alone");
        let two = stands(&nodes, "two").await;
        let leading = async {
            tokio::select! {
                () = leads(&one) => (&one, &two),
                () = leads(&two) => (&two, &one),
            }
        };
        let both = timeout(LEASE * 10, leading).await;
        let (leader, other) = both.expect("there are two of them");

        // One server is away, and then another one.
        for away in [0, 2] {
            nodes[away].set(mode);
            sleep(BEATS * 5).await;
            assert!(leader.is_leader(), "two of three servers do, without {away}: {mode:?}");
            let known = other.candidates().await.expect("most servers answer");
            let known: Vec<_> = known.iter().map(|one| (&*one.candidate, one.is_leader)).collect();
            let [first, second] = [&one, &two].map(|one| (one.candidate(), one.is_leader()));
            assert_eq!(known, [first, second], "{mode:?}");
            nodes[away].set(Mode::Good);
            sleep(BEATS * 5).await;
        }

        other.stop().await;
        sleep(BEATS * 4).await;
        assert!(!leader.is_leader(), "it is alone again");
        leader.stop().await;
    }
}

/// Whoever stands says so as often as it wants: a server that hangs is not waited for.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_holds_up_no_beat() {
    let nodes = nodes(3);
    let leases = over(&nodes).await;
    let none = std::collections::BTreeMap::new();
    let beat = distributed_task::lease::Beat {
        name: NAME,
        candidate: "one",
        owner: None,
        is_healthy: true,
        health_score: 1.0,
        metadata: &none,
        interval: BEATS,
    };
    nodes[1].set(Mode::Hangs);
    let begun = Instant::now();
    let live = leases.beat(beat).await.expect("two servers heard it");
    assert_eq!((live.candidates, live.next_gone <= BEATS * 3), (1, true));
    assert!(begun.elapsed() <= Duration::from_millis(50), "{:?}", begun.elapsed());
    nodes[2].set(Mode::Hangs);
    let nobody = timeout(LEASE, leases.beat(beat)).await.expect("it ends");
    assert!(matches!(nobody, Err(LeaseError::Unanswered(_) | LeaseError::Refused { .. })));
}
