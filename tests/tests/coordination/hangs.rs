//! A store that does not answer for one of its names.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        AcquireError, CampaignError, Coordination, Happened, LossCause, OnUnreachable,
        ReleaseOutcome, RenewError, Stopped,
    },
    lease::{Acquired, LeaseError, LeaseStore, Owner, Released, Renewed},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::time::{Instant, timeout};

use crate::world::{LEASE, hands_on, is_busy, lease_events, pass, take};

/// What it does not answer for. It grants it all the same.
const HANGS: &str = "hangs";
/// What it does not even grant, and does not take back.
const DEAD: &str = "dead";
/// What it grants without saying so, the first time.
const UNHEARD: &str = "unheard";
/// What it grants at the last moment.
const SLOW: &str = "slow";
/// What it renews for no longer than two leases.
const SHORT: &str = "short";
/// What it does not take back.
const STAYS: &str = "stays";

#[derive(Clone, Default)]
struct Hanging(MemoryLeases, Arc<AtomicBool>);

impl LeaseStore for Hanging {
    hands_on!(0: safety inspect);

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        match name {
            DEAD => Box::pin(std::future::pending()),
            SLOW => Box::pin(async move {
                pass(lease * 9 / 10).await;
                self.0.try_acquire(name, owner, lease).await
            }),
            _ if name.ends_with(UNHEARD) && !self.1.swap(true, Ordering::AcqRel) => {
                Box::pin(async move {
                    self.0.try_acquire(name, owner, lease).await?;
                    Err(LeaseError::Unanswered("it was lost on the way".into()))
                })
            }
            _ => self.0.try_acquire(name, owner, lease),
        }
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        match name {
            HANGS => Box::pin(std::future::pending()),
            SHORT if lease > LEASE * 2 => Box::pin(async {
                Err(LeaseError::Refused { source: "too long".into(), retryable: false })
            }),
            _ => self.0.try_renew(name, owner, lease),
        }
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        match name {
            STAYS | DEAD => Box::pin(async { Err(LeaseError::Unanswered("it is away".into())) }),
            _ => self.0.release(name, owner),
        }
    }
}

fn process() -> Coordination {
    Coordination::on_this_runtime(Hanging::default())
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_hangs_no_other() {
    let process = process();
    let hangs = take(process.lease(HANGS).ttl(LEASE)).await;
    let others = (0..20).map(|other| take(process.lease(format!("other-{other}")).ttl(LEASE)));
    let others = futures_util::future::join_all(others).await;
    let begun = Instant::now();
    assert_eq!(hangs.lost().await.cause, LossCause::Unreachable);
    assert!(begun.elapsed() <= LEASE / 2, "{:?}", begun.elapsed());
    for _ in 0..10 {
        pass(LEASE / 2).await;
        for other in &others {
            other.check().expect("it is renewed");
        }
    }
    drop((hangs, others));
    assert_eq!(process.shutdown(LEASE).await, 0, "nothing hangs on");
}

/// LS-19: whoever gives it back waits no longer than it lasts.
#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_counted_and_ends_with_the_lease() {
    let (process, begun) = (process(), Instant::now());
    let stays = take(process.lease(STAYS).ttl(LEASE)).await;
    assert_eq!(stays.release().await, ReleaseOutcome::Unknown);
    assert!(begun.elapsed() <= LEASE, "{:?}", begun.elapsed());
    let statistics = process.monitor().statistics();
    assert!(statistics.not_released > 1, "it is tried again");
    // What was never had is not missed.
    process.lease(DEAD).ttl(LEASE).acquire_timeout(LEASE / 4).await.expect_err("it is not granted");
    pass(LEASE * 2).await;
    assert_eq!(process.monitor().statistics().not_released, statistics.not_released);
    assert_eq!(process.shutdown(LEASE).await, 0, "nothing hangs on");
}

#[tokio::test(start_paused = true)]
async fn who_renews_by_hand_is_told_when_it_is_lost() {
    let process = process();
    let hangs = take(process.lease(HANGS).ttl(LEASE).without_renewal()).await;
    let renewed = timeout(LEASE * 2, hangs.renew()).await.expect("it ends with the lease");
    renewed.expect_err("it is lost");
    drop(hangs);
    assert_eq!(process.shutdown(LEASE).await, 0, "nothing hangs on");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_so_long_waits_no_longer() {
    let (process, limit, begun) = (process(), LEASE / 3, Instant::now());
    let waited = process.lease(DEAD).ttl(LEASE).acquire_timeout(limit).await;
    assert!(matches!(waited, Err(AcquireError::Store(_))), "{waited:?}");
    assert!(begun.elapsed() <= limit + LEASE / 100, "{:?}", begun.elapsed());
}

/// Little is left of it then, so that it is renewed at once.
#[tokio::test(start_paused = true)]
async fn what_is_granted_late_is_renewed_in_time() {
    let process = process();
    let held = take(process.lease(SLOW).ttl(LEASE)).await;
    assert!(held.remaining() < LEASE / 5, "{:?}", held.remaining());
    pass(LEASE * 5).await;
    held.check().expect("it is renewed");
}

/// And not when it would have asked again.
#[tokio::test(start_paused = true)]
async fn patience_ends_at_its_moment() {
    let (process, patience) = (process(), LEASE / 7);
    let mut events = lease_events(&process);
    let patient = OnUnreachable::LoseAfter(patience);
    let hangs = take(process.lease(HANGS).ttl(LEASE).on_unreachable(patient)).await;
    assert_eq!(hangs.lost().await.cause, LossCause::Unreachable);
    let mut first_try = Duration::ZERO;
    while let Some(Some(event)) = events.next().now_or_never() {
        if let Happened::NotRenewed { took, .. } = event.what {
            first_try = first_try.max(took);
        }
    }
    let late = first_try.saturating_sub(patience);
    assert!(first_try >= patience && late <= Duration::from_millis(2), "{first_try:?}");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_patience_asks_all_the_same() {
    let process = process();
    let impatient = OnUnreachable::LoseAfter(Duration::ZERO);
    let held = take(process.lease("other").ttl(LEASE).on_unreachable(impatient)).await;
    pass(LEASE * 5).await;
    held.check().expect("it is renewed");
}

/// Work that was not told to stop in time may still run.
#[tokio::test(start_paused = true)]
async fn what_was_lost_and_is_left_to_run_out_is_nobodys_until_then() {
    for detached in [true, false] {
        let process = process();
        let hangs = take(process.lease(HANGS).ttl(LEASE)).await;
        let left = hangs.view();
        hangs.lost().await;
        match detached {
            true => hangs.detach(),
            false => drop(hangs),
        }
        left.ended().await;
        pass(LEASE / 10).await;
        assert_eq!(is_busy(process.lease(HANGS).ttl(LEASE)).await, detached);
        pass(LEASE).await;
        assert!(!is_busy(process.lease(HANGS).ttl(LEASE)).await);
    }
}

/// It is given back, and does not keep the next campaign waiting for a lease that nobody knows of.
#[tokio::test(start_paused = true)]
async fn a_grant_that_was_not_heard_keeps_nobody_from_leading() {
    let process = process();
    let election = process.election(UNHEARD).lease_duration(LEASE * 100);
    let unheard = election.campaign().await;
    assert!(matches!(unheard, Err(CampaignError::Store(_))), "{unheard:?}");
    let again = timeout(LEASE, election.campaign()).await.expect("it was given back");
    again.expect("it is answered").resign().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_prolonged_lasts_as_long_as_before() {
    let process = process();
    let held = take(process.lease(SHORT).ttl(LEASE)).await;
    let refused = held.prolong(LEASE * 4).await;
    assert!(matches!(refused, Err(RenewError::Store(_))), "{refused:?}");
    pass(LEASE * 5).await;
    held.check().expect("it is renewed as before");
}

/// What keeps leases has ended before it: it does not lead, and nobody waits for it.
#[test]
fn a_candidacy_that_nobody_keeps_is_over() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = || runtime().expect("there is room for one");
    let (first, second) = (runtime(), runtime());
    let process = first.block_on(async { Coordination::on_this_runtime(MemoryLeases::new()) });
    drop(first);
    let candidacy = process.election("job-scheduler").start().expect("it is right");
    assert!(!candidacy.is_leader());
    let stopped = second.block_on(async { timeout(LEASE * 10, candidacy.stop()).await });
    assert_eq!(stopped.expect("it is over"), Stopped::Released(ReleaseOutcome::Unknown));
}
