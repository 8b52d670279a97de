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
    coordination::{Coordination, OnUnreachable},
    lease::{LeaseError, LeaseStore, Owner, Renewed},
};
use futures_util::future::BoxFuture;

use crate::{
    promql::evaluate,
    recorded::{Recorded, Series},
    stands::{candidate, lead},
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

/// Which of them is heard.
fn heard(told: &BTreeMap<Series, f64>) -> Vec<&'static str> {
    let heard = alerts().into_iter().filter(|(_, when)| !evaluate(when, told).is_empty());
    heard.map(|(what, _)| what).collect()
}

/// What is heard when a program ran that did this, in processes over a store that may be slow.
fn heard_of(program: impl AsyncFnOnce(&Slow)) -> Vec<&'static str> {
    let ((), told) = Recorded::of(async { program(&Slow::default()).await });
    assert!(!told.is_empty(), "it has done something");
    heard(&told)
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

#[test]
fn no_alert_is_heard_where_all_is_well() {
    let heard = heard_of(async |store| {
        let (one, two) = (store.process(), store.process());
        let leads = lead(&candidate(&one, "web-1")).await;
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
        leads.resign().await;
        std::mem::forget(lead(&candidate(&two, "web-2")).await);
    });
    assert_eq!(heard, [""; 0]);
}

#[test]
fn each_alert_is_heard_when_it_should() {
    let lost = heard_of(async |store| {
        let process = store.process();
        for _ in 0..3 {
            let held = take(wanted(&process)).await;
            let owner =
                store.inspect(NAME).await.expect("memory answers").expect("it is held").owner;
            store.release(NAME, &owner).await.expect("memory answers");
            held.lost().await;
        }
    });
    let again_and_again = "leases of one class are lost again and again";
    assert_eq!(lost, [again_and_again]);

    let still_used = heard_of(async |store| {
        let held = take(wanted(&store.process()).without_renewal()).await;
        held.lost().await;
        pass(LEASE).await;
        drop(held);
    });
    assert_eq!(still_used, ["work goes on under a lease that was lost"]);

    let slow = heard_of(async |store| {
        let process = store.process();
        let (long, bears) = (Duration::from_secs(30), OnUnreachable::LoseAfter(Duration::MAX));
        let held = take(process.lease(NAME).ttl(long).on_unreachable(bears)).await;
        store.1.store(true, Ordering::Release);
        pass(long / 2).await;
        store.1.store(false, Ordering::Release);
        pass(long / 2).await;
        held.check().expect("it was renewed in time");
    });
    assert_eq!(slow, ["the store is why: renewals fail, and it is slow"]);

    let waits = heard_of(async |store| {
        let (one, two) = (store.process(), store.process());
        let held = take(wanted(&one)).await;
        let waits = wanted(&two);
        let waiting = tokio::spawn(async move { waits.acquire().await });
        pass(Duration::from_secs(11)).await;
        held.release().await;
        drop(waiting.await.expect("nothing panics").expect("its turn comes"));
    });
    assert_eq!(waits, ["those who want one class wait for long"]);

    let changes = heard_of(async |store| {
        let process = store.process();
        for _ in 0..5 {
            lead(&candidate(&process, "web-1")).await.resign().await;
        }
        std::mem::forget(lead(&candidate(&process, "web-2")).await);
    });
    assert_eq!(changes, ["who leads changes often"]);

    let nobody = heard_of(async |store| {
        lead(&candidate(&store.process(), "web-1")).await.resign().await;
    });
    assert_eq!(nobody, ["nobody leads, of those who have led"]);

    let all = [&lost, &still_used, &slow, &waits, &changes, &nobody];
    assert_eq!(all.len(), alerts().len(), "each of them was tried: {:?}", alerts());
}
