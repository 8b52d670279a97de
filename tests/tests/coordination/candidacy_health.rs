//! Candidates that are not always healthy.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        Coordination, Election, ElectionEvent, HealthStatus, LeaderElectionOptions, LeadershipEnd,
        Role,
    },
};
use tokio::time::{Instant, timeout};

use crate::{
    candidates::{BEAT, seen},
    stands::{ELECTION, RETRY, candidate, event, leader, until},
    world::{LEASE, World, on_both, pass},
};

/// It has to be well for a beat.
fn beats(process: &Coordination, id: &str) -> Election {
    candidate(process, id).heartbeat_interval(BEAT)
}

on_both! {
    /// LE-36.
    async fn who_is_just_healthy_enough_leads(world: World) {
        let process = world.process().await;
        let (candidacy, health) = candidate(&process, "web").start_with_health().expect("it stands");
        until(&candidacy, Role::Leader).await;
        health.update_health(0.80);
        assert!(candidacy.is_leader());
        for low in [0.79, f64::NAN, -1.0] {
            health.update_health(low);
            assert!(!candidacy.is_leader(), "{low}");
        }
    }

    /// LE-37 and LE-52: it steps down, another leads, and it stands again.
    async fn who_falls_ill_is_followed_and_leads_again_later(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (first, first_health) = beats(&one, "web-1").start_with_health().expect("it stands");
        until(&first, Role::Leader).await;
        let (second, second_health) = beats(&two, "web-2").start_with_health().expect("it stands");
        let mut events = first.events();
        first_health.update_health(0.0);
        let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
        assert!(matches!(lost, ElectionEvent::LostLeadership { cause: LeadershipEnd::Unhealthy, .. }));
        until(&second, Role::Leader).await;

        // The other one falls ill as well: nobody leads, and it is said why.
        second_health.update_health(0.0);
        event(&mut events, |it| matches!(it, ElectionEvent::LeaderChanged { new: None, .. })).await;
        pass(LEASE * 2).await;
        let health = first.health();
        assert_eq!((health.status, health.current_leader_id), (HealthStatus::Degraded, None));
        assert!(health.reason.expect("it is said").contains("its health is 0"));
        assert_eq!(first.snapshot().role, Role::Follower);

        first_health.update_health(1.0);
        until(&first, Role::Leader).await;
        assert!(!second.is_leader());
    }

    /// LE-37: a moment of health is not enough.
    async fn who_is_well_for_a_moment_only_does_not_lead(world: World) {
        let process = world.process().await;
        let election = beats(&process, "web");
        let (candidacy, health) = election.start_with_health().expect("it stands");
        until(&candidacy, Role::Leader).await;
        health.update_health(0.0);
        until(&candidacy, Role::Follower).await;
        for _ in 0..5 {
            health.update_health(1.0);
            pass(LEASE / 12).await;
            health.update_health(0.0);
            pass(RETRY).await;
            assert_eq!(leader(&election).await, None);
        }
        health.update_health(1.0);
        until(&candidacy, Role::Leader).await;
    }

    /// LE-53: it is granted, and ill before it hears of that.
    async fn who_falls_ill_while_it_is_granted_does_not_lead(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let election = beats(&process, "web");
        wire.hold_grants();
        let (candidacy, health) = election.start_with_health().expect("it stands");
        let mut events = candidacy.events();
        wire.granted().await;
        health.update_health(0.0);
        wire.let_grants_through();
        let given_back = async {
            while leader(&election).await.is_some() {
                pass(LEASE / 50).await;
            }
        };
        timeout(LEASE / 2, given_back).await.expect("it does not wait for the end of the lease");
        assert_eq!(candidacy.snapshot().role, Role::Follower);
        health.update_health(1.0);
        until(&candidacy, Role::Leader).await;
        let first = event(&mut events, |it| matches!(it, ElectionEvent::BecameLeader { .. })).await;
        let ElectionEvent::BecameLeader { fence } = first else { panic!("{first:?}") };
        let leads = candidacy.snapshot().leadership.expect("it leads");
        assert_eq!(fence, leads.fence, "it had not led before");
    }

    /// LE-50: at once, whether or not the store answers.
    async fn who_is_ill_leads_no_more_while_the_store_is_away(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let (candidacy, health) = candidate(&process, "web").start_with_health().expect("it stands");
        until(&candidacy, Role::Leader).await;
        wire.cut();
        health.update_health(0.5);
        assert!(!candidacy.is_leader());
        assert!(candidacy.run_if_leader(async {}).await.is_err());
    }

    /// LE-35 and LE-37: where it does not count, and where it does not matter for who leads already.
    async fn health_counts_where_it_is_wanted(world: World) {
        let process = world.process().await;
        let mut off = LeaderElectionOptions::default();
        off.enable_health_checks = false;
        off.retry_interval = RETRY;
        let mut stays = off.clone();
        (stays.enable_health_checks, stays.step_down_when_unhealthy) = (true, false);
        stays.lease_duration = Some(LEASE);

        let (ignores, health) = process.election("one").options(off).start_with_health().expect("it stands");
        health.update_health(0.0);
        until(&ignores, Role::Leader).await;
        assert!(ignores.is_leader());

        let (stays, health) = process.election("two").options(stays).start_with_health().expect("it stands");
        until(&stays, Role::Leader).await;
        health.update_health(0.0);
        pass(LEASE).await;
        assert!(stays.is_leader());
        stays.step_down();
        let again = timeout(LEASE + Duration::from_millis(400), until(&stays, Role::Candidate)).await;
        again.expect_err("it does not stand again");
    }
}

/// LE-37: it is well for a beat before it stands again.
#[tokio::test(start_paused = true)]
async fn who_was_ill_for_a_moment_only_waits_all_the_same() {
    let process = World::Memory(MemoryLeases::new()).process().await;
    let (candidacy, health) = beats(&process, "web").start_with_health().expect("it stands");
    until(&candidacy, Role::Leader).await;
    health.update_health(0.0);
    pass(Duration::from_millis(1)).await;
    let well_since = Instant::now();
    health.update_health(1.0);
    until(&candidacy, Role::Leader).await;
    let waited = well_since.elapsed();
    assert!((BEAT..BEAT + RETRY).contains(&waited), "{waited:?}");
}

/// However short that was.
#[tokio::test(start_paused = true)]
async fn who_falls_ill_and_is_well_at_once_steps_down_all_the_same() {
    let process = World::Memory(MemoryLeases::new()).process().await;
    let (candidacy, health) = beats(&process, "web").start_with_health().expect("it stands");
    until(&candidacy, Role::Leader).await;
    let mut events = candidacy.events();
    health.update_health(0.0);
    health.update_health(1.0);
    let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
    let is_ill =
        matches!(lost, ElectionEvent::LostLeadership { cause: LeadershipEnd::Unhealthy, .. });
    assert!(is_ill, "{lost:?}");
    until(&candidacy, Role::Leader).await;
}

/// LE-37: others have a lease's time to lead, where there are others.
#[tokio::test(start_paused = true)]
async fn who_stepped_down_ill_lets_others_lead_for_a_lease() {
    let lease = BEAT * 4;
    let world = World::Memory(MemoryLeases::new());
    let (one, two) = (world.process().await, world.process().await);
    let start = |process, id| beats(process, id).lease_duration(lease).start_with_health();
    let (first, health) = start(&one, "web-1").expect("it stands");
    until(&first, Role::Leader).await;
    let (second, ill) = start(&two, "web-2").expect("it stands");
    ill.update_health(0.0);
    seen(&candidate(&one, "any"), |all| all.len() == 2).await;
    pass(BEAT).await;

    let fell_ill = Instant::now();
    health.update_health(0.0);
    pass(Duration::from_millis(1)).await;
    health.update_health(1.0);
    until(&first, Role::Leader).await;
    let waited = fell_ill.elapsed();
    assert!((lease..lease + RETRY).contains(&waited), "{waited:?}");

    // Who is alone by then is in nobody's way.
    let fell_ill = Instant::now();
    health.update_health(0.0);
    pass(Duration::from_millis(1)).await;
    health.update_health(1.0);
    second.stop().await;
    until(&first, Role::Leader).await;
    let waited = fell_ill.elapsed();
    assert!((BEAT..BEAT * 2 + RETRY).contains(&waited), "{waited:?}");
}

/// One that is ill is better than none, if that was said; better than none it is only where there is none.
#[tokio::test(start_paused = true)]
async fn who_is_ill_leads_only_where_it_is_alone_and_may() {
    for may in [true, false] {
        let world = World::Memory(MemoryLeases::new());
        let (one, two) = (world.process().await, world.process().await);
        let mut options = LeaderElectionOptions::default();
        options.lead_if_alone_unhealthy = may;
        options.heartbeat_interval = BEAT;
        options.retry_interval = RETRY;
        let election = one.election(ELECTION).options(options);
        let (ill, health) = election.start_with_health().expect("it stands");
        health.update_health(0.0);
        pass(BEAT * 3).await;
        assert_eq!(ill.is_leader(), may);
        let status = ill.health();
        assert_eq!(status.status, HealthStatus::Degraded, "{status:?}");
        assert!(status.reason.expect("it is said").contains("its health is 0"));
        assert!(!election.candidates().await.expect("memory answers")[0].is_healthy);

        let well = beats(&two, "web-2").start().expect("it stands");
        until(&well, Role::Leader).await;
        assert!(!ill.is_leader());
    }
}
