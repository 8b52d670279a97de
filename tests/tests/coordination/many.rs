//! Many leases cost few calls.

use std::time::Duration;

use futures_util::future::join_all;

use crate::world::{World, pass};

/// How often scripts were called.
fn scripts(world: &World) -> u64 {
    let World::Redis(server) = world else { panic!("only a server counts") };
    let info = server.cli(&["INFO", "commandstats"]);
    let calls = info.lines().find_map(|line| {
        line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse().ok()
    });
    calls.expect("some were called")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_leases_are_renewed_in_some_twenty_calls_each_time() {
    let world = World::redis();
    let process = world.process().await;
    let lease = Duration::from_secs(6);
    let asked = (0..1_000).map(|turn| process.lease(format!("held-{turn}")).ttl(lease));
    let asked = join_all(asked.map(async |lease| lease.try_acquire().await)).await;
    let held = asked.into_iter().map(|asked| asked.expect("it is answered").expect("it is free"));
    let held: Vec<_> = held.collect();
    let before = scripts(&world);
    // Two or three times for each of them.
    pass(lease * 5 / 6).await;
    let called = scripts(&world) - before;
    assert!((40..=120).contains(&called), "{called} calls");
    // Each was renewed half a lease ago at most.
    for guard in &held {
        assert!(guard.remaining() > lease / 2, "{guard:?}");
    }
}
