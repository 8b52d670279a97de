//! What a network does to a lease whose holder is behind it.

use std::time::Duration;

use distributed_task::{
    coordination::{AcquireError, LossCause, OnUnreachable, ReleaseOutcome},
    lease::LeaseError,
};
use distributed_task_test_servers::{Connections, Flow, Proxy, Way, wait_until};

use super::site::{KEY, PATIENT, RETRY, Site, margin, micros, wanted};
use crate::world::{NAME, is_busy};

const LEASE: Duration = Duration::from_millis(1200);

/// When a lease was renewed that is held until then.
fn renewed_at(until: u64, lease: Duration) -> u64 {
    until + margin(lease) - u64::try_from(lease.as_micros()).expect("it is short")
}

/// A holder with the default policy that nobody answers any more is told within half of its lease, and
/// somebody else has the name when what may have been renewed is over.
async fn is_lost_in_time(fault: impl FnOnce(&Proxy)) {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let waiting = site.waiting(LEASE);
    let renewed = renewed_at(held.renewed().await, LEASE);
    fault(&site.proxy);
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.control.within("told", micros(told - renewed), LEASE / 2);
    // Its last try, which nobody knows of here, may have renewed it.
    let free_by = told + u64::try_from(LEASE.as_micros()).expect("it is short");
    site.handed_over(held, free_by, waiting).await;
    site.nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_connections_that_fall_silent_cost_a_lease_with_little_patience() {
    is_lost_in_time(|proxy| proxy.set(Connections::Open, Way::Both, Flow::Drop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_drops_everything_costs_a_lease() {
    is_lost_in_time(|proxy| proxy.set(Connections::All, Way::Both, Flow::Drop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_drops_replies_costs_a_lease() {
    is_lost_in_time(|proxy| proxy.set(Connections::All, Way::Out, Flow::Drop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_drops_requests_costs_a_lease() {
    is_lost_in_time(|proxy| proxy.set(Connections::All, Way::In, Flow::Drop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_refused_cost_a_lease() {
    is_lost_in_time(|proxy| {
        proxy.refuse(true);
        proxy.reset();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_later_than_the_lease_cost_it() {
    is_lost_in_time(|proxy| proxy.set(Connections::All, Way::Out, Flow::Delay(LEASE * 2))).await;
}

/// It was promised for a while when the holder was told that it is lost: so long whoever works under it has
/// to stop, also when the store can be told of the loss before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_of_a_loss_has_the_rest_of_the_lease_to_stop() {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let waiting = site.waiting(LEASE);
    let until = held.renewed().await;
    site.proxy.set(Connections::All, Way::In, Flow::Hold);
    let (cause, _) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.proxy.heal();
    // What was held up on the way has renewed it once more, and it is given back in time all the same.
    site.handed_over(held, until, waiting).await;
    site.nothing_is_wrong();
}

/// Whoever lets go of what was lost has stopped: it is free at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_is_free_when_its_holder_has_stopped() {
    let lease = LEASE * 10;
    let site = Site::new().await;
    let impatient = wanted(&site.one, lease, OnUnreachable::LoseAfter(LEASE / 4));
    let held = site.history.take(&impatient.renew_every(LEASE / 9)).await;
    held.guard.renew().await.expect("it is held");
    let waiting = site.waiting(lease);
    site.proxy.set(Connections::All, Way::In, Flow::Hold);
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.proxy.heal();
    held.release().await;
    let next = waiting.await.expect("nothing panics");
    site.control.within("it is free", micros(next.granted - told), RETRY * 2);
    next.release().await;
    site.nothing_is_wrong();
}

/// However patient: it is over when its time is, and its holder is told then, while a renewal is still on
/// its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_ends_with_the_lease() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    let waiting = site.waiting(LEASE);
    let until = held.renewed().await;
    site.proxy.set(Connections::All, Way::In, Flow::Hold);
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Expired);
    site.control.within("told", micros(told.saturating_sub(until)), Duration::ZERO);
    site.handed_over(held, until + margin(LEASE), waiting).await;
    site.nothing_is_wrong();
}

/// The lease goes on under the same fence, over another connection, and nobody else gets it.
async fn survives(lease: Duration, what: OnUnreachable, fault: impl AsyncFn(&Proxy)) {
    let site = Site::new().await;
    let held = site.held(lease, what).await;
    held.renewed().await;
    let connections = site.proxy.accepted();
    for _ in 0..3 {
        fault(&site.proxy).await;
        held.renewed().await;
        assert!(is_busy(site.two.lease(NAME).ttl(lease)).await);
    }
    assert!(held.write(&site.register));
    assert!(site.proxy.accepted() > connections);
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    let next = site.history.take(&wanted(&site.two, lease, PATIENT)).await;
    assert!(next.write(&site.register));
    next.release().await;
    site.nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_costs_nothing() {
    survives(LEASE, OnUnreachable::LoseAtOnce, async |proxy| proxy.cut()).await;
    survives(LEASE, OnUnreachable::LoseAtOnce, async |proxy| proxy.reset()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_closed_on_one_way_costs_nothing() {
    for way in [Way::In, Way::Out] {
        survives(LEASE, OnUnreachable::LoseAtOnce, async |proxy| {
            proxy.set(Connections::Open, way, Flow::Close);
        })
        .await;
    }
}

/// The connection that fell silent is replaced in half a second, and the next try goes over the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_connections_that_fall_silent_cost_nothing_with_patience() {
    let lease = Duration::from_secs(2);
    survives(lease, OnUnreachable::LoseAfter(lease), async |proxy| {
        proxy.set(Connections::Open, Way::Both, Flow::Drop);
    })
    .await;
}

/// Asked while nothing is answered, for longer than the lease: an error and not `busy`, and nobody has it
/// when what was late has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_comes_later_than_its_lease_is_none() {
    let site = Site::new().await;
    let (lease, late) = (Duration::from_millis(300), Duration::from_millis(400));
    site.proxy.set(Connections::All, Way::In, Flow::Delay(late));
    let begun = site.history.now();
    let asked = wanted(&site.one, lease, OnUnreachable::default()).try_acquire().await;
    let Err(AcquireError::Store(error)) = asked else { panic!("{asked:?}") };
    assert!(error.is_outcome_unknown(), "{error}");
    site.control.within("asked", micros(site.history.now() - begun), lease);
    // What was asked comes to the server after this, and may be the last that does.
    let next = site.waiting(lease);
    assert_eq!(site.one.shutdown(Duration::from_secs(30)).await, 0);
    let next = next.await.expect("nothing panics");
    let bound = late * 2 + lease * 2;
    site.control.within("it is free", micros(next.granted - begun), bound);
    next.renewed().await;
    next.release().await;
    assert_eq!(site.server.cli(&["EXISTS", KEY]), "0");
    site.nothing_is_wrong();
}

/// The answer to a grant is lost: it is given back, long before it is over by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_nobody_heard_of_is_given_back() {
    let site = Site::new().await;
    let lease = Duration::from_secs(3600);
    site.proxy.set(Connections::All, Way::Out, Flow::Drop);
    let long = wanted(&site.one, lease, OnUnreachable::default());
    let asking = tokio::spawn(async move { long.try_acquire().await.map(|_| ()) });
    wait_until("it is granted", || site.server.cli(&["EXISTS", KEY]) == "1");
    // In this order: its answer may be on the way yet.
    site.proxy.cut();
    site.proxy.heal();
    let error = asking.await.expect("nothing panics").expect_err("nobody was told");
    assert!(matches!(error, AcquireError::Store(LeaseError::Unanswered(_))), "{error}");
    assert_eq!(site.one.shutdown(Duration::from_secs(30)).await, 0);
    assert_eq!(site.server.cli(&["EXISTS", KEY]), "0");
}
