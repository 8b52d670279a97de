//! The alerts that the guide proposes: each is silent while all is well, and not when it is not.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Coordination, OnUnreachable, Role},
    lease::{LeaseError, LeaseStore, Owner, Renewed},
};
use futures_util::future::BoxFuture;

use crate::{
    promql::evaluate,
    recorded::Recorded,
    stands::{candidate, until},
    world::{LEASE, NAME, hands_on, pass, take, wanted},
};

/// What the guide says, and in which language.
fn alerts() -> BTreeMap<&'static str, &'static str> {
    let guide = include_str!("../../../runtime/src/docs/guide/coordination.rs");
    let (_, table) = guide.split_once("Worth an alert").expect("the guide proposes alerts");
    let rows = table.lines().skip(4).map_while(|line| line.strip_prefix("//! | "));
    let rows = rows.map(|row| row.split_once(" | `").expect("what, and when"));
    rows.map(|(what, when)| (what, when.strip_suffix("` |").expect("code"))).collect()
}

/// What is heard when a program began so, in processes over a store that may be slow, and then did this.
fn heard_of<T>(
    begins: impl AsyncFnOnce(&Slow) -> T,
    goes_on: impl AsyncFnOnce(&Slow, T),
) -> Vec<&'static str> {
    let (before, now) = Recorded::of(async |recorded| {
        let store = Slow::default();
        let begun = begins(&store).await;
        let before = recorded.scrape();
        goes_on(&store, begun).await;
        before
    });
    assert!(!before.is_empty(), "there is something to compare with");
    let heard = |when: &str| !evaluate(when, [&before, &now]).is_empty();
    alerts().into_iter().filter(|(_, when)| heard(when)).map(|(what, _)| what).collect()
}

/// A store that may not answer renewals in time.
#[derive(Clone, Default)]
struct Slow(MemoryLeases, Arc<AtomicBool>);

impl Slow {
    fn process(&self) -> Coordination {
        Coordination::on_this_runtime(self.clone())
    }
}

impl LeaseStore for Slow {
    hands_on!(0: safety try_acquire release inspect);

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        Box::pin(async move {
            if self.1.load(Ordering::Acquire) {
                pass(Duration::from_secs(1)).await;
                return Err(LeaseError::Unanswered("it has so much to do".into()));
            }
            self.0.try_renew(name, owner, lease).await
        })
    }
}

/// A process that has done something before.
async fn busy(store: &Slow) -> Coordination {
    let process = store.process();
    take(wanted(&process)).await.release().await;
    process
}

#[test]
fn no_alert_is_heard_where_all_is_well() {
    let heard = heard_of(
        async |store| {
            let (one, two) = (busy(store).await, store.process());
            let first = candidate(&one, "web-1").start().expect("it may stand");
            until(&first, Role::Leader).await;
            let second = candidate(&two, "web-2").start().expect("it may stand");
            (one, two, first, second)
        },
        async |_, (one, two, first, second)| {
            for order in 0..200 {
                take(one.lease(format!("orders:{order}")).ttl(LEASE)).await.release().await;
            }
            let held = take(wanted(&one)).await;
            let waits = wanted(&two);
            let waiting = tokio::spawn(async move { waits.acquire().await });
            pass(LEASE * 5).await;
            held.release().await;
            waiting.await.expect("nothing panics").expect("its turn comes").release().await;
            // One that stops, and another one that goes on.
            first.stop().await;
            until(&second, Role::Leader).await;
            std::mem::forget(second);
        },
    );
    assert_eq!(heard, [""; 0]);
}

#[test]
fn each_alert_is_heard_when_it_should() {
    let lost = heard_of(busy, async |store, process| {
        for _ in 0..3 {
            let held = take(wanted(&process)).await;
            let owner =
                store.inspect(NAME).await.expect("memory answers").expect("it is held").owner;
            store.release(NAME, &owner).await.expect("memory answers");
            held.lost().await;
        }
    });
    assert_eq!(lost, ["leases of one class are lost again and again"]);

    let still_used = heard_of(busy, async |_, process| {
        let held = take(wanted(&process).without_renewal()).await;
        held.lost().await;
        pass(LEASE).await;
        drop(held);
    });
    assert_eq!(still_used, ["work goes on under a lease that was lost"]);

    let long = Duration::from_secs(30);
    let slow = heard_of(
        async |store| {
            let bears = OnUnreachable::LoseAfter(Duration::MAX);
            let held = take(store.process().lease(NAME).ttl(long).on_unreachable(bears)).await;
            held.renew().await.expect("it is held");
            held
        },
        async |store, held| {
            store.1.store(true, Ordering::Release);
            pass(long / 2).await;
            store.1.store(false, Ordering::Release);
            pass(long / 2).await;
            held.check().expect("it was renewed in time");
        },
    );
    assert_eq!(slow, ["the store is why: renewals fail, and it is slow"]);

    let waits = heard_of(busy, async |store, one| {
        let held = take(wanted(&one)).await;
        let waits = wanted(&store.process());
        let waiting = tokio::spawn(async move { waits.acquire().await });
        pass(Duration::from_secs(11)).await;
        held.release().await;
        drop(waiting.await.expect("nothing panics").expect("its turn comes"));
    });
    assert_eq!(waits, ["those who want one class wait for long"]);

    let stands =
        async |store: &Slow| candidate(&store.process(), "web-1").start().expect("it may stand");
    let changes = heard_of(stands, async |_, candidacy| {
        for _ in 0..5 {
            until(&candidacy, Role::Leader).await;
            candidacy.step_down();
            until(&candidacy, Role::Follower).await;
        }
        until(&candidacy, Role::Leader).await;
        std::mem::forget(candidacy);
    });
    assert_eq!(changes, ["who leads changes often"]);

    let stands_ill = async |store: &Slow| {
        candidate(&store.process(), "web-1").start_with_health().expect("it may stand")
    };
    let nobody = heard_of(stands_ill, async |_, (candidacy, health)| {
        health.update_health(0.0);
        pass(LEASE).await;
        std::mem::forget(candidacy);
    });
    assert_eq!(nobody, ["nobody leads, of those who stand"]);

    let all = [&lost, &still_used, &slow, &waits, &changes, &nobody];
    assert_eq!(all.len(), alerts().len(), "each of them was tried: {:?}", alerts());
}
