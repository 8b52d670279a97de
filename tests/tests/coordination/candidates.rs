//! What the candidates of an election know of each other.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        Candidacy, CandidateHealth, Coordination, Election, ElectionFinding, LeaderElectionOptions,
        LeaderInfo, ReleaseOutcome, Role, StartError, Stopped,
    },
    lease::{LeaseStore, Safety},
};
use tokio::time::timeout;

use crate::{
    stands::{RETRY, candidate, lead, until},
    world::{LEASE, World, hands_on, on_both, pass},
};

/// How often a candidate says that it stands: a machine that is busy does not miss three.
pub const BEAT: Duration = Duration::from_millis(300);

/// One that says where it is.
fn placed(process: &Coordination, id: &str, region: &str) -> Election {
    candidate(process, id).heartbeat_interval(BEAT).metadata("region", region)
}

async fn candidates(election: &Election) -> Vec<CandidateHealth> {
    election.candidates().await.expect("the store answers")
}

/// Those who stand, when it has come to that.
pub async fn seen(
    election: &Election,
    wanted: impl Fn(&[CandidateHealth]) -> bool,
) -> Vec<CandidateHealth> {
    let looking = async {
        loop {
            let all = candidates(election).await;
            if wanted(&all) {
                return all;
            }
            pass(BEAT / 20).await;
        }
    };
    timeout(Duration::from_secs(10), looking).await.expect("it comes to that")
}

async fn leader_info(election: &Election) -> Option<LeaderInfo> {
    election.leader_info().await.expect("the store answers")
}

/// How many keys there are, where there are any.
fn keys(world: &World) -> usize {
    match world {
        World::Memory(_) => 0,
        World::Redis(server) => server.cli(&["DBSIZE"]).parse().expect("it is a number"),
    }
}

fn is_led_by(candidacy: &Candidacy) -> impl Fn(&[CandidateHealth]) -> bool {
    move |all| all.iter().any(|one| one.is_leader && &*one.candidate == candidacy.candidate())
}

on_both! {
    async fn each_is_seen_with_what_it_says_of_itself(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (placed(&one, "web-1", "eu"), placed(&two, "web-2", "us"));
        let first = ours.start().expect("it stands");
        until(&first, Role::Leader).await;
        let second = theirs.start().expect("it stands");
        seen(&ours, |all| all.len() == 2).await;
        let all = seen(&ours, is_led_by(&first)).await;
        assert_eq!(second.candidates().await.expect("the store answers").len(), 2);
        let [led, follows] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&*led.candidate, led.is_leader), (first.candidate(), true));
        assert_eq!((&*follows.candidate, follows.is_leader), (second.candidate(), false));
        assert_eq!((&*led.metadata["region"], &*follows.metadata["region"]), ("eu", "us"));
        assert!(all.iter().all(|one| one.is_healthy && one.health_score == 1.0));

        // What is known of a leader is what it says as a candidate.
        let info = leader_info(&theirs).await.expect("somebody leads");
        assert_eq!((info.id, info.metadata.as_ref()), (led.candidate.clone(), Some(&led.metadata)));
        let mut states = second.watch();
        let observed = async {
            loop {
                let state = states.next().await.expect("it stands");
                let leader = state.observed.and_then(|it| it.leader);
                if let Some(metadata) = leader.and_then(|leader| leader.metadata) {
                    return metadata;
                }
                if let Some(leader) = second.current_leader().and_then(|it| it.leader)
                    && let Some(metadata) = leader.metadata
                {
                    return metadata;
                }
            }
        };
        let observed = timeout(LEASE * 10, observed).await.expect("it is seen");
        assert_eq!(observed, led.metadata);
        let own = first.current_leader().and_then(|it| it.leader).and_then(|it| it.metadata);
        assert_eq!(own.as_ref(), Some(&led.metadata));

        let text = serde_json::to_string(&all).expect("it can be written");
        assert_eq!(serde_json::from_str::<Vec<CandidateHealth>>(&text).expect("it can be read"), all);
    }

    /// LE-50: others are told at once, also of who leads; what it is preferred by stays.
    async fn what_one_says_of_itself_may_change(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let seldom = Duration::from_secs(3600);
        let ours = placed(&one, "web-1", "eu").heartbeat_interval(seldom).priority(7);
        let (first, health) = ours.start_with_health().expect("it stands");
        until(&first, Role::Leader).await;
        let second = placed(&two, "web-2", "us").start().expect("it stands");
        seen(&ours, |all| all.len() == 2).await;

        health.update_metadata([("region".to_owned(), "asia".to_owned())].into()).expect("it is short");
        let all = seen(&ours, |all| all[0].metadata["region"] == "asia").await;
        assert_eq!((all[0].priority(), &*all[1].metadata["region"]), (Some(7), "us"));
        let info = leader_info(&placed(&two, "any", "eu")).await.expect("somebody leads");
        assert_eq!(info.metadata.as_ref(), Some(&all[0].metadata));
        let own = first.current_leader().and_then(|it| it.leader).and_then(|it| it.metadata);
        assert_eq!(own, info.metadata);
        let mut states = second.watch();
        let follows = async {
            while states.next().await.expect("it stands").observed.and_then(|it| it.leader?.metadata) != own {}
        };
        timeout(LEASE * 10, follows).await.expect("it is seen by those who stand");

        let long = health.update_metadata([("region".to_owned(), "x".repeat(4096))].into());
        let findings = long.expect_err("it is too long").findings;
        assert!(matches!(findings[..], [ElectionFinding::TooMuchMetadata(_)]), "{findings:?}");
        assert_eq!(candidates(&ours).await[0].metadata, all[0].metadata, "nothing has changed");
    }

    /// At no moment do two.
    async fn after_a_takeover_exactly_one_leads(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (placed(&one, "web-1", "eu"), placed(&two, "web-2", "us"));
        let (first, health) = ours.start_with_health().expect("it stands");
        until(&first, Role::Leader).await;
        let second = theirs.start().expect("it stands");
        seen(&ours, |all| all.len() == 2).await;
        health.update_health(0.0);
        let all = seen(&ours, |all| {
            let leaders = all.iter().filter(|one| one.is_leader).count();
            assert!(leaders <= 1, "{all:?}");
            is_led_by(&second)(all)
        })
        .await;
        assert_eq!(all.len(), 2, "the other one still stands");
    }

    /// Whether it is healthy enough is seen before the next beat, and is not forgotten by it.
    async fn who_falls_ill_is_seen_to_be(world: World) {
        let process = world.process().await;
        let seldom = candidate(&process, "web").heartbeat_interval(Duration::from_secs(3600));
        let (_candidacy, health) = seldom.start_with_health().expect("it stands");
        seen(&seldom, |all| all.len() == 1).await;
        health.update_health(0.5);
        let all = seen(&seldom, |all| !all[0].is_healthy && !all[0].is_leader).await;
        assert_eq!(all[0].health_score, 0.5);
        health.update_health(0.9);
        let all = seen(&seldom, |all| all[0].is_healthy).await;
        assert_eq!(all[0].health_score, 0.9);
    }

    /// Nothing of it comes through any more, as when its process is stopped.
    async fn who_is_silent_is_gone_after_three_beats_and_comes_back(world: World) {
        let (one, (two, wire)) = (world.process().await, world.process_on_a_wire().await);
        let (ours, theirs) = (placed(&one, "web-1", "eu"), placed(&two, "web-2", "us"));
        let _first = ours.start().expect("it stands");
        let second = theirs.start().expect("it stands");
        seen(&ours, |all| all.len() == 2).await;
        wire.cut();
        pass(BEAT).await;
        drop(second);
        let all = seen(&ours, |all| all.len() == 1).await;
        assert!(all[0].candidate.starts_with("web-1"), "{all:?}");
        pass(BEAT * 3).await;
        assert!(candidates(&ours).await.iter().all(|one| one.candidate.starts_with("web-1")));
        wire.mend();
        assert_eq!(two.shutdown(LEASE * 2).await, 0, "it has ended by now");
        let _again = theirs.start().expect("it stands again");
        seen(&ours, |all| all.len() == 2).await;
    }

    async fn who_is_mute_for_less_is_not_gone(world: World) {
        let (one, (two, wire)) = (world.process().await, world.process_on_a_wire().await);
        let beat = BEAT * 4;
        let ours = placed(&one, "web-1", "eu");
        let second = placed(&two, "web-2", "us").heartbeat_interval(beat).start().expect("it stands");
        seen(&ours, |all| all.len() == 1).await;
        wire.cut();
        pass(beat * 3 / 2).await;
        wire.mend();
        let said = wire.beats();
        while wire.beats() == said {
            assert_eq!(candidates(&ours).await.len(), 1);
            pass(BEAT / 10).await;
        }
        second.stop().await;
        assert_eq!(candidates(&ours).await, []);
    }

    async fn who_stops_has_left(world: World) {
        let process = world.process().await;
        let election = placed(&process, "web", "eu");
        let candidacy = election.start().expect("it stands");
        until(&candidacy, Role::Leader).await;
        seen(&election, is_led_by(&candidacy)).await;
        candidacy.stop().await;
        assert_eq!(candidates(&election).await, []);
        assert_eq!(leader_info(&election).await, None);
        // And so has who is dropped.
        drop(election.start().expect("it stands again"));
        assert_eq!(process.shutdown(LEASE).await, 0);
        assert_eq!(candidates(&election).await, []);
    }

    /// And nothing is left where nobody stands.
    async fn looking_creates_nothing(world: World) {
        let process = world.process().await;
        let election = placed(&process, "web", "eu");
        for _ in 0..3 {
            assert_eq!(leader_info(&election).await, None);
            assert_eq!(candidates(&election).await, []);
        }
        assert_eq!(keys(&world), 0);
        let candidacy = election.start().expect("it stands");
        until(&candidacy, Role::Leader).await;
        seen(&election, is_led_by(&candidacy)).await;
        let before = keys(&world);
        assert_eq!((candidates(&election).await.len(), keys(&world)), (1, before));
        candidacy.stop().await;
        // The last fence is what is remembered.
        assert_eq!(keys(&world), before.min(1));
    }

    /// Who has nothing to say does not say that it stands.
    async fn a_plain_campaign_sends_no_beats(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let election = candidate(&process, "web").heartbeat_interval(BEAT);
        let leadership = lead(&election).await;
        assert_eq!(leader_info(&election).await.expect("it leads").metadata, None);
        pass(BEAT * 2).await;
        leadership.resign().await;

        let mut off = LeaderElectionOptions::default();
        off.enable_health_checks = false;
        off.heartbeat_interval = BEAT;
        let candidacy = process.election("off").options(off).start().expect("it stands");
        until(&candidacy, Role::Leader).await;
        pass(BEAT * 2).await;
        candidacy.stop().await;
        assert_eq!(wire.beats(), 0);
    }

    /// A campaign that has something to say says so for as long as it waits or leads.
    async fn a_campaign_says_what_was_given_to_it(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (placed(&one, "web-1", "eu"), placed(&two, "web-2", "us"));
        let leadership = lead(&ours).await;
        let waiting = tokio::spawn({
            let theirs = theirs.clone();
            async move { theirs.campaign().await.expect("the store answers") }
        });
        seen(&ours, |all| all.len() == 2 && all[0].is_leader).await;
        let region = |info: Option<LeaderInfo>| info.and_then(|it| it.metadata).map(|it| it["region"].clone());
        assert_eq!(region(leader_info(&theirs).await).as_deref(), Some("eu"));
        leadership.resign().await;
        let second = timeout(LEASE * 4, waiting).await.expect("it is told").expect("nothing panics");
        let all = seen(&ours, |all| all.len() == 1).await;
        assert!(all[0].is_leader);
        assert_eq!(region(leader_info(&ours).await).as_deref(), Some("us"));
        pass(BEAT * 5).await;
        assert_eq!(candidates(&ours).await.len(), 1, "it beats while it leads");
        drop(second);
        assert_eq!(two.shutdown(LEASE).await, 0);
        assert_eq!(candidates(&ours).await, []);
    }
}

/// A store that knows leases and nothing else.
struct Plain(MemoryLeases);

impl LeaseStore for Plain {
    hands_on!(0: try_acquire try_renew release inspect);

    fn safety(&self) -> Safety {
        Safety::Server
    }
}

/// With what else is wrong.
#[tokio::test(start_paused = true)]
async fn a_store_that_knows_no_candidates_counts_none() {
    let process = Coordination::on_this_runtime(Plain(MemoryLeases::new()));
    let mut options = LeaderElectionOptions::default();
    options.lead_if_alone_unhealthy = true;
    let counts =
        process.election("counts").options(options).candidate_id("").min_candidates(3).priority(1);
    let Err(StartError::Invalid(error)) = counts.start() else { panic!("it cannot be followed") };
    let wanted = [
        ElectionFinding::CandidateId(0),
        ElectionFinding::UnknownCandidates(3),
        ElectionFinding::UnknownPriorities(1),
        ElectionFinding::UnknownOthers,
    ];
    assert_eq!(error.findings, wanted);
    for reading in ["min_candidates", "`RedisLeases`", "`QuorumLeases`", "of servers"] {
        assert!(error.to_string().contains(reading), "{reading}: {error}");
    }
    // LE-10: who wants a quorum is told of both kinds.
    let mut options = LeaderElectionOptions::default();
    options.require_quorum = true;
    let wants = process.election("quorum").options(options.clone());
    let error = wants.try_campaign().await.expect_err("there is none");
    let one = process.election("quorum").options(options.clone()).min_candidates(1).terms();
    let findings = one.expect_err("one is no quorum").findings;
    assert!(findings.contains(&ElectionFinding::NoQuorum), "{findings:?}");
    for reading in ["`require_quorum`", "`QuorumLeases`", "`min_candidates`"] {
        assert!(error.to_string().contains(reading), "{reading}: {error}");
    }
    let safe = Coordination::on_this_runtime(MemoryLeases::new());
    assert_eq!(safe.election("quorum").options(options.clone()).terms().map(|_| ()), Ok(()));
    options.min_candidates = Some(3);
    let two = wants.options(options).start();
    let Err(StartError::Invalid(error)) = two else { panic!("nobody is counted") };
    assert_eq!(error.findings, [ElectionFinding::UnknownCandidates(3)]);
    // All else goes on without.
    let election = placed(&process, "web", "eu");
    let candidacy = election.start().expect("it stands");
    until(&candidacy, Role::Leader).await;
    assert_eq!(leader_info(&election).await.expect("it leads").metadata, None);
    let error = election.candidates().await.expect_err("nobody knows");
    assert!(!error.is_retryable() && !error.is_outcome_unknown(), "{error:?}");
    pass(RETRY).await;
    assert_eq!(candidacy.stop().await, Stopped::Released(ReleaseOutcome::Released));
}
