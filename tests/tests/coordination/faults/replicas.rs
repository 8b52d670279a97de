//! A fail-over to a replica that has not heard of the last grant.

use std::time::Duration;

use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{AcquireError, Coordination, LossCause, OnUnreachable, ReleaseOutcome},
    lease::{Acquired, LeaseStore as _, LockStore as _, Owner, Safety},
};
use distributed_task_test_servers::{Appends, Proxy, RedisOptions, RedisServer, wait_until};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::site::{KEY, PATIENT, RETRY, Site, behind, micros, proxy_of, wanted};
use crate::world::NAME;

const LEASE: Duration = Duration::from_millis(900);
/// One that no busy machine loses.
const PATIENT_LEASE: Duration = Duration::from_secs(60);
/// Where the last fence is.
const FENCE: &str = "distributed-task:{nightly-report}:f";

fn replica_of(primary: &RedisServer) -> RedisServer {
    let port = primary.port().to_string();
    let more = vec!["--replicaof".to_owned(), "127.0.0.1".to_owned(), port];
    let replica =
        RedisServer::start(RedisOptions { appends: Appends::No, more, ..Default::default() });
    wait_until("the replica has all data", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
    });
    replica
}

/// The address of one server leads to the other one, and the first one is gone.
fn fail_over(primary: &mut RedisServer, replica: &RedisServer, proxies: &[&Proxy]) {
    let target = format!("127.0.0.1:{}", replica.port());
    proxies.iter().for_each(|proxy| proxy.lead_to(&target));
    primary.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_knows_of_the_grant_goes_on_with_it() {
    let lease = LEASE * 2;
    let primary = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let replica = replica_of(&primary);
    let mut site = Site::on(primary).await;
    let held = site.held(lease, OnUnreachable::LoseAfter(lease)).await;
    held.renewed().await;
    wait_until("the replica knows", || replica.cli(&["EXISTS", KEY]) == "1");
    fail_over(&mut site.server, &replica, &[&site.proxy]);
    assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    held.renewed().await;
    held.renewed().await;
    assert!(held.write(&site.register));
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    site.nothing_is_wrong();
}

/// Two have the name until the first one hears of it with its next renewal. The fence rises, so that a
/// resource that looks at it takes nothing from the first one once the second one has written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_missed_the_grant_grants_again_under_a_higher_fence() {
    let primary = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let replica = replica_of(&primary);
    let mut site = Site::on(primary).await;
    let other_way = proxy_of(&site.server);
    let two = behind(&site.server, &other_way).await;

    // This one it knows of.
    let before = site.held(LEASE, PATIENT).await;
    assert_eq!(before.guard.safety(), Safety::Replicas);
    before.release().await;
    wait_until("the replica knows", || replica.cli(&["EXISTS", FENCE]) == "1");
    assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    let held = site.held(LEASE, OnUnreachable::LoseAfter(LEASE)).await;
    held.renewed().await;

    fail_over(&mut site.server, &replica, &[&site.proxy, &other_way]);
    let begun = site.history.now();
    let next = wanted(&two, LEASE, PATIENT);
    let (history, register) = (&site.history, &site.register);
    let second = async {
        let next = history.acquire(&next).await;
        assert!(next.write(register));
        // What it promised says nothing to the first one, which is refused from now on.
        assert!(!held.write(register));
        next
    };
    let (next, (cause, told)) = tokio::join!(second, site.told(&held));
    assert_eq!(cause, LossCause::NotOwner);
    site.control.within("told", micros(told - begun), LEASE / 3 + RETRY);
    assert!(held.fence() < next.fence());
    next.renewed().await;
    assert!(next.write(register) && !held.write(register));
    held.check().expect_err("it was lost");
    next.release().await;
    held.release().await;
    site.only_short_overlaps(LEASE / 3);
}

/// A grant that a replica has to have is none where that hangs, and nothing is left of it; nobody waits for who is
/// stopped for longer than was said. The one who does not wait is the control.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_a_replica_has_to_have_is_none_without_it() {
    let limit = Duration::from_secs(2);
    let primary = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let replica = replica_of(&primary);
    let site = Site::on(primary).await;
    let leases = RedisLeases::builder(site.server.url()).wait_for_replicas(1, limit);
    let careful = Coordination::open(leases.open()).await.expect("the server is there");
    let asks = || wanted(&careful, PATIENT_LEASE, PATIENT);

    let both = join_all((0..100).map(|number| {
        let lease = careful.lease(format!("{NAME}-{number}")).ttl(PATIENT_LEASE);
        async move { lease.try_acquire().await.expect("the replica has it").is_some() }
    }));
    assert!(both.await.into_iter().all(|is_granted| is_granted));
    let held = asks().try_acquire().await.expect("the replica has it").expect("it is free");
    assert_eq!(held.safety(), Safety::Replicas);
    assert_eq!(replica.cli(&["EXISTS", KEY]), "1", "it had it before it was granted");
    held.release().await;

    replica.pause();
    let begun = site.history.now();
    let error = asks().try_acquire().await.expect_err("the replica does not have it");
    let took = micros(site.history.now() - begun);
    let AcquireError::Store(error) = error else { panic!("{error}") };
    assert!(error.is_outcome_unknown() && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("0 of 1 replicas had it after 2s"), "{error}");
    site.control.within("it was said", took, limit * 2);
    assert_eq!(careful.shutdown(Duration::from_secs(30)).await, 0);
    assert_eq!(site.server.cli(&["EXISTS", KEY]), "0", "it was given back");
    let trusting = wanted(&site.two, PATIENT_LEASE, PATIENT).try_acquire().await;
    trusting.expect("it waits for nobody").expect("it is free").release().await;

    replica.resume();
    let again = timeout(Duration::from_secs(30), async {
        loop {
            // It may have to connect again first.
            match asks().try_acquire().await {
                Ok(held) => return held.expect("it is free"),
                Err(AcquireError::Store(error)) if error.is_retryable() => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    again.await.expect("the replica is back").release().await;
}

/// Who was handed it has it on the server, and hears so when it asks again and replicas have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_that_too_few_replicas_have_is_none_until_they_have() {
    let limit = Duration::from_secs(2);
    let primary = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let replica = replica_of(&primary);
    let leases = RedisLeases::builder(primary.url()).wait_for_replicas(1, limit);
    let leases = leases.open().await.expect("the server is there");
    let (ours, theirs) = (Owner::draw(), Owner::draw());
    let Ok(Acquired::Granted(grant)) = leases.try_acquire(NAME, &ours, PATIENT_LEASE).await else {
        panic!("the replica has it");
    };
    replica.pause();
    let error = leases.hand_over(NAME, &ours, &theirs, PATIENT_LEASE).await;
    let error = error.expect_err("the replica does not have it");
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(error.to_string().contains("0 of 1 replicas had it"), "{error}");
    replica.resume();
    let again = timeout(Duration::from_secs(30), async {
        loop {
            // It may have to connect again first.
            match leases.hand_over(NAME, &ours, &theirs, PATIENT_LEASE).await {
                Ok(granted) => return granted,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
    });
    let granted = again.await.expect("the replica is back").expect("it is theirs");
    assert!(granted.fence > grant.fence);
    assert_eq!(replica.cli(&["HGET", KEY, "o"]), theirs.as_str());
}

/// The address leads to another server between a grant and the question who has it: replicas of that one have
/// something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_another_server_than_that_which_granted_count_for_nothing() {
    let server = || RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let (primary, other) = (server(), server());
    let _replicas = [replica_of(&primary), replica_of(&other)];
    let proxy = proxy_of(&primary);
    let leases = RedisLeases::builder(primary.url_at(proxy.port()));
    let leases = leases.wait_for_replicas(1, Duration::from_secs(10)).open().await;
    let (leases, ours) = (leases.expect("the server is there"), Owner::draw());
    let acquired = leases.try_acquire(NAME, &ours, PATIENT_LEASE).await;
    assert!(matches!(acquired, Ok(Acquired::Granted(_))), "{acquired:?}");

    // The connection that asks for replicas, and none of the others, moves on.
    proxy.lead_to(&format!("127.0.0.1:{}", other.port()));
    let clients = primary.cli(&["CLIENT", "LIST"]);
    let asks = clients.lines().find(|client| client.contains(" cmd=wait ")).expect("one does");
    let id = asks.split(' ').find_map(|fact| fact.strip_prefix("id=")).expect("each has one");
    assert_eq!(primary.cli(&["CLIENT", "KILL", "ID", id]), "1");
    wait_until("it is there", || {
        other.cli(&["CLIENT", "LIST", "TYPE", "normal"]).lines().count() > 1
    });
    let error = timeout(Duration::from_secs(30), async {
        loop {
            let acquired = leases.try_acquire(NAME, &ours, PATIENT_LEASE).await;
            let error = acquired.expect_err("replicas of another server do not have it");
            // It may have been asked on the way.
            if !error.to_string().contains("no replica was waited for") {
                return error;
            }
        }
    });
    let error = error.await.expect("it is there");
    assert!(error.is_outcome_unknown() && error.to_string().contains("another server"), "{error}");
}
