//! A fail-over to a replica that has not heard of the last grant.

use std::time::Duration;

use distributed_task::{
    coordination::{LossCause, OnUnreachable, ReleaseOutcome},
    lease::Safety,
};
use distributed_task_test_servers::{Appends, Proxy, RedisOptions, RedisServer, wait_until};

use super::site::{KEY, PATIENT, RETRY, Site, behind, micros, proxy_of, wanted};

const LEASE: Duration = Duration::from_millis(900);
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
