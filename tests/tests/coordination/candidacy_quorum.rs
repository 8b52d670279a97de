//! Candidates that lead only while there are enough of them.

use std::time::Duration;

use distributed_task::coordination::{
    CampaignError, Candidacy, Coordination, Election, ElectionEvent, ElectionFinding, HealthStatus,
    LeadershipEnd, Role,
};
use tokio::time::{Instant, timeout};

use crate::{
    candidates::BEAT,
    control::Control,
    stands::{candidate, event, leader, until},
    world::{LEASE, World, on_both, pass},
};

/// One that leads among three.
fn of_three(process: &Coordination, id: &str) -> Election {
    candidate(process, id).heartbeat_interval(BEAT).min_candidates(3)
}

async fn leading<'a>(all: &[&'a Candidacy]) -> &'a Candidacy {
    let looking = async {
        loop {
            if let Some(leads) = all.iter().find(|one| one.is_leader()) {
                return *leads;
            }
            pass(BEAT / 10).await;
        }
    };
    timeout(Duration::from_secs(10), looking).await.expect("one of them comes to lead")
}

/// As long as it may take, and no longer than the machine lets it.
fn in_time(world: &World, control: &Control, took: Duration, bound: Duration) {
    match world {
        World::Memory(_) => assert!(took <= bound + Duration::from_millis(5), "{took:?}"),
        World::Redis(_) => control.within("it steps down", took, bound),
    }
}

on_both! {
    /// LE-11 and LE-12.
    async fn who_sees_too_few_steps_down_and_leads_again_when_there_are_enough(world: World) {
        let control = Control::start();
        let (one, two, (three, wire)) =
            (world.process().await, world.process().await, world.process_on_a_wire().await);
        wire.grant_nothing();
        let first = of_three(&one, "web-1").start().expect("it stands");
        let second = of_three(&two, "web-2").start().expect("it stands");
        pass(BEAT * 4).await;
        assert!(!first.is_leader() && !second.is_leader(), "they are two");
        assert_eq!(leader(&of_three(&one, "other")).await, None);
        assert_eq!(first.snapshot().role, Role::Follower);
        let health = first.health();
        assert_eq!(health.status, HealthStatus::Degraded);
        let reason = health.reason.expect("it is said");
        assert!(reason.contains("it sees 2 of the 3 candidates"), "{reason}");

        // The others do not beat when it does.
        pass(BEAT / 3).await;
        let _third = of_three(&three, "web-3").start().expect("it stands");
        let leads = leading(&[&first, &second]).await;
        let mut events = leads.events();
        pass(LEASE * 2).await;
        assert!(leads.is_leader(), "it goes on while they are three");

        let beats = wire.beats();
        while wire.beats() == beats {
            pass(BEAT / 20).await;
        }
        wire.cut();
        let silent = Instant::now();
        let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
        let took = silent.elapsed();
        let ElectionEvent::LostLeadership { cause, .. } = lost else { unreachable!() };
        assert_eq!(cause, LeadershipEnd::TooFewCandidates);
        in_time(&world, &control, took, BEAT * 3);
        pass(LEASE * 2).await;
        assert!(!first.is_leader() && !second.is_leader(), "nobody leads by two");
        assert_eq!(leader(&of_three(&one, "other")).await, None, "and the lease was given back");

        wire.mend();
        leading(&[&first, &second]).await;
    }

    /// What was seen last counts for three beats, and no longer.
    async fn who_cannot_ask_for_three_beats_sees_nobody(world: World) {
        let control = Control::start();
        let (process, wire) = world.process_on_a_wire().await;
        let election = candidate(&process, "web").heartbeat_interval(BEAT * 2).min_candidates(1);
        let candidacy = election.start().expect("it stands");
        until(&candidacy, Role::Leader).await;
        let mut events = candidacy.events();
        let beats = wire.beats();
        while wire.beats() == beats {
            pass(BEAT / 20).await;
        }
        pass(BEAT / 10).await;
        wire.mute();
        let silent = Instant::now();
        if matches!(world, World::Memory(_)) {
            pass(BEAT * 5).await;
            assert!(candidacy.is_leader(), "it has seen itself");
        }
        let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
        let took = silent.elapsed();
        assert!(!candidacy.is_leader());
        let ElectionEvent::LostLeadership { cause, .. } = lost else { unreachable!() };
        assert_eq!(cause, LeadershipEnd::TooFewCandidates);
        in_time(&world, &control, took, BEAT * 6);
        assert!(took >= BEAT * 4, "it counted for a while: {took:?}");
        pass(LEASE).await;
        assert_eq!(leader(&election).await, None);
        let reason = candidacy.health().reason.expect("it is said");
        assert!(reason.contains("it sees 0 of the 1 candidates"), "{reason}");
    }

    /// One that has left does not count until it is gone.
    async fn who_leaves_is_not_counted(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let pair = |process: &Coordination, id: &str| {
            candidate(process, id).heartbeat_interval(BEAT).min_candidates(2).start().expect("it stands")
        };
        let (first, second) = (pair(&one, "web-1"), pair(&two, "web-2"));
        let leads = leading(&[&first, &second]).await;
        let (stays, goes) = match std::ptr::eq(leads, &first) {
            true => (&first, &second),
            false => (&second, &first),
        };
        let mut events = stays.events();
        goes.stop().await;
        let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
        assert!(matches!(lost, ElectionEvent::LostLeadership { cause: LeadershipEnd::TooFewCandidates, .. }));
    }

    /// What has no effect is an error.
    async fn a_campaign_does_not_count_others(world: World) {
        let process = world.process().await;
        let election = of_three(&process, "web");
        election.terms().expect("they can be followed by who stands");
        let Err(CampaignError::Invalid(error)) = election.campaign().await else { panic!("it cannot") };
        assert_eq!(error.findings, [ElectionFinding::OnlyStanding(3)]);
        let ran = election.run_elected(async |_| {}).await;
        assert_eq!(ran.expect_err("it cannot").findings, [ElectionFinding::OnlyStanding(3)]);
    }
}
