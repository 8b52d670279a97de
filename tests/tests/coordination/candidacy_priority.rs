//! Candidates of which one is to be preferred.

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Candidacy, Coordination, Election, Role},
};
use tokio::time::{Instant, timeout};

use crate::{
    candidates::{BEAT, seen},
    stands::{RETRY, candidate, lead, until},
    world::{LEASE, World, on_both, pass},
};

fn ranked(process: &Coordination, id: &str, priority: i32) -> Election {
    candidate(process, id).heartbeat_interval(BEAT).priority(priority)
}

fn start(election: &Election) -> Candidacy {
    election.start().expect("it stands")
}

on_both! {
    /// LE-38: whoever asked first, and every time.
    async fn who_is_to_be_preferred_leads_next(world: World) {
        let (one, two, three) = (world.process().await, world.process().await, world.process().await);
        for _ in 0..4 {
            let now = lead(&candidate(&one, "web-1")).await;
            let (low, high) = (ranked(&two, "web-2", -1), ranked(&three, "web-3", 5));
            let first = start(&high);
            seen(&low, |all| all.len() == 1).await;
            // It looks before it asks.
            let second = start(&low);
            let all = seen(&low, |all| all.len() == 2).await;
            assert_eq!(all.iter().map(|it| it.priority()).collect::<Vec<_>>(), [Some(-1), Some(5)]);
            now.resign().await;
            until(&first, Role::Leader).await;
            assert!(!second.is_leader());
            first.stop().await;
            until(&second, Role::Leader).await;
            second.stop().await;
        }
    }

    /// It is a wish, and no right.
    async fn who_leads_goes_on_when_a_better_one_comes(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let leads = start(&ranked(&one, "web-1", 1));
        until(&leads, Role::Leader).await;
        let better = start(&ranked(&two, "web-2", 2));
        until(&better, Role::Follower).await;
        pass(LEASE * 2).await;
        assert!(leads.is_leader());
        leads.step_down();
        until(&better, Role::Leader).await;
    }
}

/// One that is ill is in nobody's way.
#[tokio::test(start_paused = true)]
async fn who_is_ill_is_given_way_to_by_nobody() {
    let world = World::Memory(MemoryLeases::new());
    let (one, two) = (world.process().await, world.process().await);
    let (ill, health) = ranked(&two, "web-2", 9).start_with_health().expect("it stands");
    health.update_health(0.0);
    seen(&candidate(&one, "any"), |all| all.iter().any(|it| !it.is_healthy)).await;
    let leads = start(&ranked(&one, "web-1", 1));
    timeout(RETRY * 2, until(&leads, Role::Leader)).await.expect("it waits for nobody");
    leads.stop().await;
    health.update_health(1.0);
    until(&ill, Role::Leader).await;
}

/// Nor does its priority bring it back at once: it stepped down for others to lead.
#[tokio::test(start_paused = true)]
async fn who_steps_down_lets_others_lead() {
    let world = World::Memory(MemoryLeases::new());
    let (one, two) = (world.process().await, world.process().await);
    for _ in 0..10 {
        let best = start(&ranked(&one, "web-1", 9));
        until(&best, Role::Leader).await;
        let other = start(&ranked(&two, "web-2", 1));
        seen(&candidate(&one, "any"), |all| all.len() == 2).await;
        best.step_down();
        until(&other, Role::Leader).await;
        best.stop().await;
        other.stop().await;
    }
}

/// Where nobody knows who stands nobody gives way.
#[tokio::test(start_paused = true)]
async fn who_cannot_be_told_who_stands_asks_all_the_same() {
    let world = World::Memory(MemoryLeases::new());
    let (process, wire) = world.process_on_a_wire().await;
    wire.list_nobody();
    let leads = start(&ranked(&process, "web-1", 1));
    until(&leads, Role::Leader).await;
}

/// It is looked after three times.
#[tokio::test(start_paused = true)]
async fn who_does_not_come_to_lead_is_given_way_to_for_three_looks() {
    let world = World::Memory(MemoryLeases::new());
    let (one, (two, wire)) = (world.process().await, world.process_on_a_wire().await);
    wire.grant_nothing();
    let _never = start(&ranked(&two, "web-2", 2));
    seen(&candidate(&one, "any"), |all| all.len() == 1).await;
    let begun = Instant::now();
    let leads = start(&ranked(&one, "web-1", 1));
    until(&leads, Role::Leader).await;
    let waited = begun.elapsed();
    assert!((RETRY * 3..RETRY * 5).contains(&waited), "{waited:?}");
}
