//! The clock of a server is set an hour ahead, or back, while leases are held.

use std::time::Duration;

use distributed_task::{
    backend::{quorum::QuorumLeases, redis::RedisLeases},
    coordination::{Coordination, HealthStatus, ReleaseOutcome},
    lease::{Acquired, LeaseStore as _, Owner},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::time::timeout;

use super::{
    servers::is_taken_away,
    site::{PATIENT, Site, wanted},
};
use crate::{
    history::{Finding, History},
    world::{NAME, is_busy},
};

const HOUR: i64 = 3600;
/// Long enough that none runs out while a busy machine makes a few calls.
const LEASE: Duration = Duration::from_millis(2400);

fn server() -> RedisServer {
    let options = RedisOptions { appends: Appends::No, own_clock: true, ..Default::default() };
    RedisServer::start(options)
}

/// What one server promises ends by its clock: another one has the name at once, and the first one hears of it with
/// its next renewal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ahead_loses_the_lease() {
    let site = Site::on(server()).await;
    let held = site.held(LEASE, PATIENT).await;
    is_taken_away(site, held, |site| site.server.set_clock(HOUR)).await;
}

/// The holder keeps it, counts on no more than its lease, and gives it back; the next fence is higher all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_goes_back_takes_no_lease_away() {
    let site = Site::on(server()).await;
    let held = site.held(LEASE, PATIENT).await;
    held.renewed().await;
    site.server.set_clock(-HOUR);
    // For longer than a lease.
    for _ in 0..4 {
        held.renewed().await;
        assert!(held.guard.remaining() <= LEASE);
        assert!(is_busy(wanted(&site.two, LEASE, PATIENT)).await);
    }
    let waiting = site.waiting(LEASE);
    let fence = held.fence();
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    let next = timeout(LEASE * 4, waiting).await.expect("it is free").expect("nothing panics");
    assert!(next.fence() > fence && next.write(&site.register));
    next.renewed().await;
    next.release().await;
    site.nothing_is_wrong();
}

/// Nobody renews it, and it is not free until the clock is where it was when it was granted: an operator frees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_had_is_kept_for_as_long_as_the_clock_went_back() {
    let (server, lease) = (server(), LEASE / 2);
    let leases = RedisLeases::builder(server.url()).open().await.expect("the server is there");
    let acquire = async || {
        let owner = Owner::draw();
        let acquired = leases.try_acquire(NAME, &owner, lease).await.expect("it answers");
        matches!(acquired, Acquired::Granted(_))
    };
    assert!(acquire().await);
    server.set_clock(-HOUR);
    // Time of the server, of which nobody is told.
    tokio::time::sleep(lease * 2).await;
    assert!(!acquire().await, "there is an hour left");
    let process = Coordination::new(leases.clone());
    let monitor = process.monitor();
    let stuck = process.lease(NAME).info().await.expect("it answers").expect("somebody has it");
    let freed = monitor.force_release(NAME, stuck.fence, "the clock went back").await;
    assert!(freed.expect("it answers"));
    assert!(acquire().await);
}

/// A check that took long tells nothing of the clock, and the next one does.
async fn says(process: &Coordination, status: HealthStatus, words: &str) {
    let asking = async {
        loop {
            let health = process.health().await;
            let reason = health.reason.unwrap_or_default();
            if health.status == status && reason.contains(words) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(30), asking).await.unwrap_or_else(|_| panic!("never: {words}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_of_a_server_that_is_set_is_told_by_a_health_check() {
    let server = server();
    let process = Coordination::open(RedisLeases::builder(server.url()).open()).await;
    let process = process.expect("the server is there");
    says(&process, HealthStatus::Healthy, "").await;
    server.set_clock(HOUR);
    says(&process, HealthStatus::Degraded, "the clock of the lease store went on by 36").await;
    says(&process, HealthStatus::Healthy, "").await;
    server.set_clock(0);
    says(&process, HealthStatus::Degraded, "the clock of the lease store went back by 3").await;
    says(&process, HealthStatus::Healthy, "").await;
}

/// One process over all of them, which began a moment ago and have nothing to forget.
async fn over(servers: &[RedisServer]) -> Coordination {
    let mut builder = QuorumLeases::builder();
    for server in servers {
        let leases = RedisLeases::builder(server.url()).open().await;
        builder = builder.node(leases.expect("the server is there"));
    }
    let builder = builder.max_lease(LEASE * 4).node_timeout(Duration::from_secs(1));
    Coordination::open(builder.servers_forget_nothing().open()).await.expect("they can vote")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_of_one_of_three_servers_that_is_set_lets_nobody_in_and_loses_nothing() {
    let servers: Vec<_> = (0..3).map(|_| server()).collect();
    let (one, two, history) = (over(&servers).await, over(&servers).await, History::new());
    let wants = wanted(&two, LEASE, PATIENT);
    let jumped = format!("at 127.0.0.1:{} the clock of the lease store went", servers[0].port());
    says(&one, HealthStatus::Healthy, "").await;
    let mut fence = 0;
    for ahead in [HOUR, 0, -HOUR, 0] {
        let held = history.take(&wanted(&one, LEASE, PATIENT)).await;
        assert!(held.fence().0 > fence, "{ahead}: {} after {fence}", held.fence().0);
        fence = held.fence().0;
        held.renewed().await;
        servers[0].set_clock(ahead);
        for _ in 0..3 {
            assert!(is_busy(wants.clone()).await, "{ahead}: two know better");
            held.renewed().await;
        }
        says(&one, HealthStatus::Degraded, &jumped).await;
        says(&one, HealthStatus::Healthy, "").await;
        assert_eq!(held.release().await, ReleaseOutcome::Released);
        let next = history.take(&wants).await;
        assert!(next.fence().0 > fence);
        fence = next.fence().0;
        assert_eq!(next.release().await, ReleaseOutcome::Released);
    }
    assert_eq!(history.findings(), [] as [Finding; 0], "{history}");

    // On most of them it frees the name: that is what is not promised.
    let long = wanted(&one, LEASE * 4, PATIENT).without_renewal();
    let held = long.acquire().await.expect("it is free");
    servers[1..].iter().for_each(|server| server.set_clock(HOUR));
    assert!(!is_busy(wants).await);
    held.check().expect("it does not know yet");
}
