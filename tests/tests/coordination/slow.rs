//! What is told of names that are waited for, and of stores that are slow.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Coordination, Happened},
    lease::{LeaseError, LeaseStore, Owner, Renewed},
};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, join_all},
};

use crate::world::{NAME, hands_on, lease_events, pass, take};

/// LM-05: of waits that are known.
#[tokio::test(start_paused = true)]
async fn contention_is_told_as_it_was() {
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let second = Duration::from_secs(1);
    let works = |name: &str, seconds: u32| {
        let lock = process.lock(name);
        async move {
            let work = async |_: &_| pass(second * seconds).await;
            lock.with_lock(work).await.expect("its turn comes");
        }
    };
    // Those for the first one wait for 0, 1, 2 and 3 seconds, and those for the other one for 0 and 10.
    let (one, other) = ("accounts:1", "accounts:2");
    let all = [(one, 1), (one, 1), (one, 1), (one, 1), (other, 10), (other, 10)];
    join_all(all.map(|(name, seconds)| works(name, seconds))).await;
    let contention = process.monitor().contention();
    let [accounts] = &contention[..] else { panic!("{contention:?}") };
    let is_near = |told: Duration, was: u32| told.abs_diff(second * was) <= second * was / 20;
    assert_eq!((accounts.waits.count, accounts.contended), (6, 4));
    assert!(is_near(accounts.waits.total, 16), "{accounts:?}");
    assert!(is_near(accounts.waits.longest, 10), "{accounts:?}");
    let [most, least] = &accounts.names[..] else { panic!("{accounts:?}") };
    assert_eq!((&*most.name, &*least.name), (other, one));
    assert!(is_near(most.waited, 10) && is_near(least.waited, 6), "{accounts:?}");
}

/// It is told once, and once more when it was better meanwhile.
#[tokio::test(start_paused = true)]
async fn contention_is_told_once_for_each_time_that_it_is_high() {
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let mut events = lease_events(&process);
    let wanted = |process: &Coordination| process.lease(NAME).ttl(Duration::from_secs(3600));
    for _ in 0..2 {
        let held = take(wanted(&process)).await;
        // On average the last eight are above five seconds after some of these.
        for _ in 0..8 {
            let late = wanted(&process).acquire_timeout(Duration::from_secs(20)).await;
            late.expect_err("it is held");
        }
        held.release().await;
        for _ in 0..40 {
            take(wanted(&process)).await.release().await;
        }
    }
    let mut high = 0;
    while let Some(Some(event)) = events.next().now_or_never() {
        if let Happened::ContentionHigh { class, average } = event.what {
            assert_eq!(&*class, NAME);
            assert!(average > Duration::from_secs(5));
            high += 1;
        }
    }
    assert_eq!(high, 2);
}

/// A store that takes its time to renew.
pub struct Slow(pub MemoryLeases);

pub const SLOW: Duration = Duration::from_millis(100);

impl LeaseStore for Slow {
    hands_on!(0: safety try_acquire release inspect);

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            pass(SLOW).await;
            self.0.try_renew(name, owner, lease).await
        }
        .boxed()
    }
}

/// LS-05: of its class once, when enough renewals were seen; longer ones are not warned of.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_short_beside_what_the_store_takes_is_told_of() {
    let process = Coordination::on_this_runtime(Slow(MemoryLeases::new()));
    let mut events = lease_events(&process);
    let lease = |name: &str, times| process.lease(name).ttl(SLOW * times);
    // Of one class are long ones as well.
    let long = take(lease("night:long", 60).renew_every(SLOW * 2)).await;
    let short = take(lease("night:short", 19)).await;
    let other = take(lease("other", 60)).await;
    pass(SLOW * 1_000).await;
    let mut told = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        if let Happened::LeaseShort { class, lease, p99 } = event.what {
            told.push((class.to_string(), lease, p99));
        }
    }
    let [(class, lease, p99)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&**class, *lease), ("night", SLOW * 19));
    assert!((SLOW..SLOW * 2).contains(p99), "{p99:?}");
    drop((long, short, other));
}
