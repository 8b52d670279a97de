//! Many leases cost few calls.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Coordination, CoordinationOptions},
    lease::{LeaseError, LeaseStore, Renewal, Renewed},
};
use futures_util::future::{BoxFuture, join_all};

use crate::world::{World, hands_on, pass, take};

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

/// A store that counts how many are renewed by each call.
#[derive(Clone, Default)]
struct Counts(MemoryLeases, Arc<Mutex<Vec<usize>>>);

impl LeaseStore for Counts {
    hands_on!(0: safety try_acquire try_renew release inspect);

    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        self.1.lock().expect("nobody panics").push(renewals.len());
        self.0.renew_all(renewals)
    }
}

/// How many each call renews, of two hundred leases that are held for a while.
async fn batches(batching: &str) -> Vec<usize> {
    let options = format!(r#"{{ "batching": {batching} }}"#);
    let options: CoordinationOptions = serde_json::from_str(&options).expect("they can be read");
    let store = Counts::default();
    let process = Coordination::on_this_runtime(store.clone());
    let process = process.with_options(options).expect("they are right");
    let lease = Duration::from_secs(6);
    let taken = (0..200).map(|turn| take(process.lease(format!("held-{turn}")).ttl(lease)));
    let held = join_all(taken).await;
    // Each was due after a third of it at the latest, and again after as long.
    pass(lease / 2).await;
    drop(held);
    let batches = store.1.lock().expect("nobody panics").clone();
    assert_eq!(batches.iter().sum::<usize>(), 200, "each was due once: {batches:?}");
    batches
}

#[tokio::test(start_paused = true)]
async fn batches_are_as_large_as_they_may_be() {
    let usual = batches("{}").await;
    assert!(usual.iter().all(|size| *size <= 50) && usual.len() <= 7, "{usual:?}");
    let small = batches(r#"{ "batch_size": 10 }"#).await;
    assert!(small.iter().all(|size| *size <= 10) && small.len() <= 24, "{small:?}");
    let none = batches(r#"{ "enable_batching": false }"#).await;
    assert_eq!(none, [1; 200]);
}
