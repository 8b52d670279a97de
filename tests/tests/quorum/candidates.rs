//! Who stands in an election over several servers, while some of them are away.

use std::{collections::BTreeMap, time::Duration};

use distributed_task::{
    coordination::{Candidacy, Coordination, CoordinationOptions, Role},
    lease::{Beat, CandidateStore as _, LeaseError},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    LEASE, NAME,
    node::{Mode, Node},
    nodes, over, over_two_and_a_third_later,
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

fn beat<'a>(name: &'a str, candidate: &'a str, none: &'a BTreeMap<String, String>) -> Beat<'a> {
    Beat {
        name,
        candidate,
        owner: None,
        is_healthy: true,
        health_score: 1.0,
        metadata: none,
        interval: BEATS,
    }
}

/// Whoever stands says so as often as it wants: a server that hangs is not waited for.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_holds_up_no_beat() {
    let nodes = nodes(3);
    let leases = over(&nodes).await;
    let none = BTreeMap::new();
    let beat = beat(NAME, "one", &none);
    nodes[1].set(Mode::Hangs);
    let begun = Instant::now();
    let live = leases.beat(beat).await.expect("two servers heard it");
    assert_eq!((live.candidates, live.next_gone <= BEATS * 3), (1, true));
    assert!(begun.elapsed() <= Duration::from_millis(50), "{:?}", begun.elapsed());
    nodes[2].set(Mode::Hangs);
    let nobody = timeout(LEASE, leases.beat(beat)).await.expect("it ends");
    assert!(matches!(nobody, Err(LeaseError::Unanswered(_) | LeaseError::Refused { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_at_a_moment_is_one_call_to_each_server_and_each_name_is_decided_by_itself() {
    let (nodes, none) = (nodes(3), BTreeMap::new());
    let leases = over_two_and_a_third_later(&nodes).await;
    // Who stands for the first name most servers know, and for the second one of them does.
    for (node, name) in [(0, "first"), (2, "first"), (1, "second")] {
        let other = nodes[node].store();
        other.beat(beat(name, "other", &none)).await.expect("it is memory");
    }
    let wrong = Beat { health_score: f64::NAN, ..beat("wrong", "one", &none) };
    let beats = [beat("first", "one", &none), wrong, beat("second", "one", &none)];
    let answers = leases.beat_all(&beats).await.expect("each is answered");
    let [Ok(first), Err(refused), Ok(second)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((first.candidates, second.candidates), (2, 1));
    assert!(matches!(refused, LeaseError::Refused { retryable: false, .. }), "{refused:?}");

    nodes[1..].iter().for_each(|node| node.set(Mode::Fails));
    let answers = leases.beat_all(&beats).await.expect("each is answered");
    for answer in [&answers[0], &answers[2]] {
        let error = answer.as_ref().expect_err("one cannot decide");
        assert!(error.is_retryable(), "{error:?}");
        for server in ["server 2", "the third"] {
            let why = format!("{server}: the lease store did nothing: no memory");
            assert!(error.to_string().contains(&why), "{error}");
        }
    }
    for node in &nodes {
        assert_eq!(node.beats(), [2, 2]);
    }
}

/// Of which sizes the calls to each server are, while a hundred candidates of a process beat once.
async fn calls(options: &str) -> Vec<Vec<usize>> {
    let options: CoordinationOptions = serde_json::from_str(options).expect("they can be read");
    let nodes = nodes(3);
    let process = Coordination::on_this_runtime(over(&nodes).await);
    let process = process.with_options(options).expect("they are right");
    let election = |turn| process.election(format!("job-{turn}")).heartbeat_interval(BEATS);
    let all: Vec<_> = (0..100).map(|turn| election(turn).start().expect("it stands")).collect();
    sleep(BEATS / 2).await;
    let before: Vec<_> = nodes.iter().map(|node| node.beats().len()).collect();
    sleep(BEATS).await;
    drop(all);
    nodes.iter().zip(before).map(|(node, before)| node.beats()[before..].to_vec()).collect()
}

#[tokio::test(start_paused = true)]
async fn beats_to_each_server_are_as_many_in_a_call_as_was_said() {
    assert_eq!(calls("{}").await, [[50, 50]; 3]);
    let none = calls(r#"{ "batching": { "enable_batching": false } }"#).await;
    assert_eq!(none, [[1; 100]; 3]);
}
