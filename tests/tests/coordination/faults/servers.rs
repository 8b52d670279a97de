//! What becomes of a lease when its server stops, starts again, forgets, or is told to.

use std::{
    thread::{scope, sleep},
    time::Duration,
};

use distributed_task::{
    coordination::{AcquireError, Coordination, LossCause, OnUnreachable, ReleaseOutcome},
    lease::LeaseError,
};
use distributed_task_test_servers::{Appends, RedisServer};
use tokio::{runtime::Handle, task::block_in_place};

use super::site::{KEY, PATIENT, Site, margin, micros};
use crate::{
    witness::Witness,
    world::{NAME, is_busy, until_waiting},
};

const LEASE: Duration = Duration::from_millis(1200);

fn plus(at: u64, time: Duration) -> u64 {
    at + u64::try_from(time.as_micros()).expect("it is short")
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The holder hears with its next renewal that it has it no more, and the other one has it meanwhile, for
/// no longer than between two renewals, and under a higher fence.
pub async fn is_taken_away(site: Site, held: Witness, took: impl FnOnce(&mut Site)) {
    let (mut site, lease) = (site, held.guard.ttl());
    held.renewed().await;
    let waiting = site.waiting(lease);
    took(&mut site);
    let back = site.history.now();
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::NotOwner);
    site.control.within("told", micros(told.saturating_sub(back)), lease / 3);
    site.handed_over(held, back, waiting).await;
    site.only_short_overlaps(lease / 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_deleted_loses_the_lease() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    is_taken_away(site, held, |site| drop(site.server.cli(&["DEL", KEY]))).await;
}

/// The last fence is lost as well: what comes is higher all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_flushed_loses_the_lease() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    is_taken_away(site, held, |site| drop(site.server.cli(&["FLUSHALL"]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_with_nothing_loses_the_lease() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    is_taken_away(site, held, |site| site.server.restart()).await;
}

/// Time went on in the server while it was away, and something is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_with_its_log_keeps_the_lease() {
    let lease = LEASE * 2;
    let mut site = Site::with(Appends::Always).await;
    let held = site.held(lease, PATIENT).await;
    held.renewed().await;
    site.server.restart();
    held.renewed().await;
    assert!(is_busy(site.two.lease(NAME).ttl(lease)).await);
    assert!(held.write(&site.register));
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    site.nothing_is_wrong();
}

/// The holder with little patience is told, before its time is over.
async fn costs_a_lease_with_little_patience(
    stop: impl FnOnce(&RedisServer),
    go_on: impl FnOnce(&RedisServer),
) {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let waiting = site.waiting(LEASE);
    let until = held.renewed().await;
    stop(&site.server);
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.control.within(
        "told",
        micros((plus(told, LEASE) - margin(LEASE)).saturating_sub(until)),
        LEASE / 2,
    );
    go_on(&site.server);
    site.handed_over(held, until, waiting).await;
    site.nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_costs_a_lease_with_little_patience() {
    costs_a_lease_with_little_patience(RedisServer::pause, RedisServer::resume).await;
}

/// It answers everything but what writes: a new connection does not help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_holds_up_writes_costs_a_lease_with_little_patience() {
    let ask = |server: &RedisServer, words: &[&str]| assert_eq!(server.cli(words), "OK");
    costs_a_lease_with_little_patience(
        |server| ask(server, &["CLIENT", "PAUSE", "60000", "WRITE"]),
        |server| ask(server, &["CLIENT", "UNPAUSE"]),
    )
    .await;
}

/// It is stopped for less than the lease, and what waited is done when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_for_less_than_the_lease_costs_nothing_with_patience() {
    let lease = LEASE * 2;
    let site = Site::new().await;
    let held = site.held(lease, PATIENT).await;
    held.renewed().await;
    site.server.pause();
    pass(lease / 2).await;
    site.server.resume();
    held.renewed().await;
    assert!(is_busy(site.two.lease(NAME).ttl(lease)).await);
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    site.nothing_is_wrong();
}

/// It is stopped for longer: the holder is told by its own clock. The renewals that waited bring nothing
/// back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_for_longer_than_the_lease_costs_it() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    let until = held.renewed().await;
    site.server.pause();
    let waiting = site.waiting(LEASE);
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Expired);
    site.control.within("told", micros(told.saturating_sub(until)), Duration::ZERO);
    pass(LEASE / 3).await;
    let back = site.history.now();
    site.server.resume();
    site.handed_over(held, back, waiting).await;
    site.nothing_is_wrong();
}

/// The server forgets its scripts, or closes all connections, again and again: the lease is kept, and
/// another one is taken and given back all the while. Answers how many calls had to be made again.
async fn costs_nothing(again_and_again: &[&str], pause: Duration) -> (Site, Vec<LeaseError>) {
    let lease = LEASE * 2;
    let site = Site::new().await;
    let held = site.held(lease, PATIENT).await;
    let end = plus(site.history.now(), lease * 2);
    let is_over = || site.history.now() >= end;
    let others = async {
        let (mut taken, mut errors) = (0, Vec::new());
        while !is_over() {
            held.check().expect("it is held");
            match site.two.lease("other").ttl(LEASE).try_acquire().await {
                Ok(other) => {
                    other.expect("it is free").release().await;
                    taken += 1;
                }
                Err(AcquireError::Store(error)) if error.is_retryable() => {
                    assert_eq!(site.two.shutdown(LEASE).await, 0);
                    errors.push(error);
                }
                Err(error) => panic!("{error}"),
            }
        }
        (taken, errors)
    };
    let mut times = 0;
    let disturb = || {
        while !is_over() {
            site.server.cli(again_and_again);
            times += 1;
            sleep(pause);
        }
    };
    let (taken, errors) = block_in_place(|| {
        scope(|scope| {
            scope.spawn(disturb);
            Handle::current().block_on(others)
        })
    });
    assert!(taken > 10 && times > 10, "{taken} and {times}: {errors:?}");
    assert!(held.write(&site.register));
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    site.nothing_is_wrong();
    (site, errors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgets_its_scripts_costs_nothing() {
    let (_, errors) = costs_nothing(&["SCRIPT", "FLUSH"], Duration::ZERO).await;
    // It may forget a script again before it runs.
    let is_refused = |error: &LeaseError| matches!(error, LeaseError::Refused { .. });
    assert!(errors.len() < 10 && errors.iter().all(is_refused), "{errors:?}");
}

/// What was asked on a connection that is closed may have to be asked again. No client can do anything on
/// connections that do not last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_its_connections_costs_nothing() {
    let (site, _) = costs_nothing(&["CLIENT", "KILL", "TYPE", "normal"], LEASE / 9).await;
    assert!(site.proxy.accepted() > 10, "{}", site.proxy.accepted());
}

/// LK-04: who waits for its turn is told of it again a moment later, or asks by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_the_connections_that_tell_whose_turn_it_is_costs_a_moment() {
    let site = Site::new().await;
    let lock = |process: &Coordination| process.lock(NAME).lease(Duration::from_secs(60));
    for _ in 0..5 {
        let held = lock(&site.one).acquire().await.expect("it is free");
        let waits = lock(&site.two);
        let waiting = tokio::spawn(async move { waits.acquire().await.expect("its turn comes") });
        until_waiting(&lock(&site.one), 1).await;
        let killed = site.server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_ne!(killed, "0", "nobody listened");
        held.release().await;
        let released = site.history.now();
        let next = waiting.await.expect("nothing panics");
        // Who waits asks after a second, give or take a half, if nobody tells it anything.
        let took = micros(site.history.now() - released);
        site.control.within("whoever waited has it", took, Duration::from_millis(1500));
        next.release().await;
    }
}
