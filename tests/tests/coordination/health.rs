//! What a health check of a process says.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    backend::{memory::MemoryLeases, quorum::QuorumLeases, redis::RedisLeases},
    coordination::{Coordination, CoordinationHealth, HealthStatus, Role},
    kernel::Timestamp,
    lease::{Acquired, LeaseError, LeaseStore, Owner, Released, ServerClock},
};
use distributed_task_test_servers::wait_until;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use tokio::time::{advance, timeout};

use crate::{
    candidates::BEAT,
    stands::{ELECTION, candidate, lead, until},
    world::{LEASE, NAME, World, hands_on, on_both, pass, server, until_waiting},
};

on_both! {
    /// HC-01: fifty processes at a time are in nobody's way, and leave nothing behind. Real ones have a thread each.
    async fn a_health_check_disturbs_nobody(world: World) {
        let many = if matches!(world, World::Memory(_)) { 50 } else { 20 };
        let processes = join_all((0..many).map(|_| world.process())).await;
        let checks = join_all(processes.iter().map(Coordination::health)).await;
        for health in checks {
            assert_ne!(health.status, HealthStatus::Unhealthy, "{health:?}");
        }
        let process = &processes[0];
        assert_eq!(process.monitor().active_locks().await.expect("it answers"), []);
        assert_eq!(process.monitor().statistics().acquired, 0, "it is not counted");
    }

    /// How those elections are in which it stands, and only these.
    async fn elections_are_looked_at(world: World) {
        let (process, other) = (world.process().await, world.process().await);
        let leads = lead(&candidate(&other, "web-2")).await;
        let started = candidate(&process, "web-1").heartbeat_interval(BEAT).start_with_health();
        let (candidacy, told) = started.expect("it may stand");
        let health = || async { process.health().await };
        while candidacy.current_leader().is_none() {
            pass(LEASE / 100).await;
        }
        let seen = health().await;
        let [(name, election)] = &seen.elections.iter().collect::<Vec<_>>()[..] else {
            panic!("{seen:?}")
        };
        assert_eq!((&***name, election.is_leader), (ELECTION, false));
        assert_eq!(election.status, HealthStatus::Healthy, "{seen:?}");

        told.update_health(0.1);
        leads.resign().await;
        let nobody = wait_for(&process, "election `job-scheduler`: nobody is seen to lead").await;
        assert_eq!(nobody.status, HealthStatus::Degraded, "{nobody:?}");
        told.update_health(1.0);
        until(&candidacy, Role::Leader).await;
        assert!(health().await.elections[ELECTION].is_leader);
        candidacy.stop().await;
        assert!(health().await.elections.is_empty());
        assert!(other.health().await.elections.is_empty(), "it does not stand");
    }
}

/// Asks until the reason has these words.
async fn wait_for(process: &Coordination, words: &str) -> CoordinationHealth {
    let asking = async {
        loop {
            let health = process.health().await;
            if health.reason.as_deref().unwrap_or("healthy").contains(words) {
                return health;
            }
            pass(LEASE / 20).await;
        }
    };
    timeout(Duration::from_secs(20), asking).await.expect("it says so")
}

/// Calls are answered, and messages are not heard: who waits gets it all the same, a little later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_tell_whose_turn_it_is_is_told() {
    let world = World::redis();
    let World::Redis(server) = &world else { panic!("it is a server") };
    let rules = ["ACL", "SETUSER", "deaf", "on", ">pw", "~*", "&*", "+@all", "-subscribe"];
    assert_eq!(server.cli(&rules), "OK");
    let leases = RedisLeases::builder(server.url().replace("redis://", "redis://deaf:pw@"));
    let (other, process) = (world.process().await, Coordination::open(leases.open()).await);
    let process = process.expect("it may ask");
    let before = process.health().await.reason.unwrap_or_default();
    assert!(!before.contains("cannot tell"), "it does not listen before it has to: {before}");

    let held = other.lock(NAME).acquire().await.expect("it is free");
    let waits = process.lock(NAME);
    let waiting = tokio::spawn(async move { waits.acquire().await });
    until_waiting(&other.lock(NAME), 1).await;
    let deaf = wait_for(&process, "cannot tell those who wait that it is their turn").await;
    assert_eq!(deaf.status, HealthStatus::Degraded, "{deaf:?}");
    held.release().await;
    waiting.await.expect("nothing panics").expect("it asks").release().await;

    assert_eq!(server.cli(&["ACL", "SETUSER", "deaf", "+subscribe"]), "OK");
    wait_for(&process, "healthy").await;
}

/// A store that has what a test gives it.
#[derive(Clone, Default)]
struct Sick {
    store: MemoryLeases,
    has: Arc<Mutex<Illness>>,
}

#[derive(Clone, Copy, Default)]
struct Illness {
    grants_after: Duration,
    frees_after: Duration,
    /// For so long the process does nothing when its clocks were told.
    stops_for: Duration,
    /// It frees nothing.
    is_cut: bool,
    /// By so many microseconds its clock is ahead.
    ahead: i64,
}

impl Sick {
    fn has(&self, illness: Illness) {
        *self.has.lock().expect("nobody panics") = illness;
    }

    fn illness(&self) -> Illness {
        *self.has.lock().expect("nobody panics")
    }
}

impl LeaseStore for Sick {
    hands_on!(store: safety try_renew inspect);

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        async move {
            let granted = self.store.try_acquire(name, owner, lease).await;
            pass(self.illness().grants_after).await;
            granted
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        async move {
            pass(self.illness().frees_after).await;
            match self.illness().is_cut {
                true => Err(LeaseError::Unanswered("it was cut".into())),
                false => self.store.release(name, owner).await,
            }
        }
        .boxed()
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        async move {
            let Illness { ahead, grants_after, stops_for, .. } = self.illness();
            let shifted = |now: Timestamp| Timestamp(now.0.saturating_add_signed(ahead));
            let told = self.store.clocks().await.into_iter();
            let told = told.map(|clock| ServerClock { now: shifted(clock.now), ..clock }).collect();
            advance(stops_for).await;
            pass(grants_after).await;
            told
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_ill_is_told() {
    for (frees_after, is_cut, status, says) in [
        (Duration::ZERO, false, HealthStatus::Healthy, None),
        (Duration::from_millis(400), false, HealthStatus::Degraded, Some("took 400ms")),
        (Duration::ZERO, true, HealthStatus::Unhealthy, Some("it was cut")),
        (Duration::from_secs(600), false, HealthStatus::Unhealthy, Some("within 2s")),
    ] {
        let store = Sick::default();
        store.has(Illness { frees_after, is_cut, ..Default::default() });
        let process = Coordination::on_this_runtime(store);
        let health = process.health().await;
        assert_eq!(health.status, status, "{health:?}");
        assert_eq!(health.reason.is_some(), says.is_some(), "{health:?}");
        let reason = health.reason.unwrap_or_default();
        assert!(reason.contains(says.unwrap_or_default()), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_clock_jumps_is_told() {
    let store = Sick::default();
    let process = Coordination::on_this_runtime(store.clone());
    let hour = 3_600_000_000;
    for (ahead, status, says) in [
        (0, HealthStatus::Healthy, ""),
        // It is set right by somebody who looks after it.
        (300_000, HealthStatus::Healthy, ""),
        (hour, HealthStatus::Degraded, "went on by 3659.7s while 60s passed"),
        (hour, HealthStatus::Healthy, ""),
        (0, HealthStatus::Degraded, "went back by 3540s while 60s passed"),
        (0, HealthStatus::Healthy, ""),
        (-300_000, HealthStatus::Healthy, ""),
    ] {
        store.has(Illness { ahead, ..Default::default() });
        let health = process.health().await;
        assert_eq!(health.status, status, "{health:?}");
        let reason = health.reason.unwrap_or_default();
        assert!(reason.contains(says), "{reason}");
        pass(Duration::from_secs(60)).await;
    }
}

/// An answer that was long in coming, or was heard late, is no jump of a clock.
#[tokio::test(start_paused = true)]
async fn a_store_that_was_slow_for_a_while_has_a_good_clock() {
    let store = Sick::default();
    let process = Coordination::on_this_runtime(store.clone());
    let says = async |what: &str, status| {
        let health = process.health().await;
        let reason = health.reason.unwrap_or_default();
        assert_eq!((health.status, &*reason), (status, what));
        pass(Duration::from_secs(1)).await;
    };
    says("", HealthStatus::Healthy).await;
    store.has(Illness { frees_after: Duration::from_secs(600), ..Default::default() });
    says("the lease store did not answer within 2s", HealthStatus::Unhealthy).await;
    store.has(Illness::default());
    says("", HealthStatus::Healthy).await;
    says("", HealthStatus::Healthy).await;
    store.has(Illness { grants_after: Duration::from_secs(1), ..Default::default() });
    says("the lease store took 1s", HealthStatus::Degraded).await;
    store.has(Illness { stops_for: Duration::from_secs(1), ..Default::default() });
    says("", HealthStatus::Healthy).await;
    store.has(Illness::default());
    says("", HealthStatus::Healthy).await;
}

/// What was right when the store was opened may be changed by somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_lose_leases_as_it_is_set_by_now_is_told() {
    let servers = [server(), server(), server()];
    let alone = RedisLeases::builder(servers[0].url()).open().await.expect("the server is there");
    let mut quorum = QuorumLeases::builder().servers_forget_nothing();
    for server in &servers {
        let node = RedisLeases::builder(server.url()).open().await.expect("the server is there");
        quorum = quorum.node(node).node_timeout(Duration::from_secs(1));
    }
    let quorum = Coordination::new(quorum.open().await.expect("they can vote"));
    let alone = Coordination::new(alone);
    // A machine that is busy may be slow as well, or too slow to hear of it.
    let told = async |process: &Coordination, wanted: &[&str]| {
        let asking = async {
            loop {
                let health = process.health().await;
                let reason = health.reason.unwrap_or_default();
                let has_all = wanted.iter().all(|words| reason.contains(words));
                let is_more = wanted.is_empty() && !reason.is_empty();
                if has_all && !is_more {
                    let is_healthy = health.status == HealthStatus::Healthy;
                    assert_eq!(is_healthy, wanted.is_empty(), "{reason}");
                    return;
                }
                pass(LEASE / 10).await;
            }
        };
        timeout(Duration::from_secs(20), asking).await.expect("it is told");
    };
    told(&alone, &[]).await;
    told(&quorum, &[]).await;

    let policy = "`maxmemory-policy allkeys-lru`";
    servers[0].cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    told(&alone, &[policy]).await;
    let copy = server();
    copy.cli(&["REPLICAOF", "127.0.0.1", &servers[0].port().to_string()]);
    wait_until("it is a replica", || {
        servers[0].cli(&["INFO", "replication"]).contains("connected_slaves:1")
    });
    let address = format!(":{}", servers[0].port());
    for process in [&alone, &quorum] {
        told(process, &[policy, "has replicas", &address]).await;
    }
}
