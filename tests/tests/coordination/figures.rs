//! What the recorder of the program is told.

use std::{collections::BTreeMap, time::Duration};

use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};

use crate::{
    recorded::{Recorded, Series},
    slow::{SLOW, Slow},
    stands::{ELECTION, candidate, lead},
    world::{LEASE, pass, take, wanted},
};

fn number(told: &BTreeMap<Series, f64>, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    told.get(&(name.to_owned(), labels.collect())).copied()
}

/// The recorder of the program gets the same as the statistics tell, under names of classes only.
#[test]
fn figures_are_those_of_the_statistics() {
    let (statistics, told) = Recorded::of(async |_| {
        let process = Coordination::on_this_runtime(MemoryLeases::new());
        for order in 0..200 {
            take(process.lease(format!("orders:{order}")).ttl(LEASE)).await.release().await;
        }
        let held = take(wanted(&process)).await;
        assert!(wanted(&process).try_acquire().await.expect("it answers").is_none());
        pass(LEASE).await;
        held.check().expect("it is renewed");
        process.monitor().statistics()
    });
    assert!(statistics.renewed >= 3, "{statistics:?}");
    let told: Vec<_> = told
        .iter()
        .filter(|((name, _), _)| !name.ends_with("_sum"))
        .map(|((name, labels), number)| {
            let labels = labels.iter().map(|(key, value)| format!(" {key}={value}"));
            (format!("{name}{}", labels.collect::<String>()), *number as u64)
        })
        .collect();
    let wanted = [
        ("coord_lease_acquire key_class=nightly-report result=acquired", 1),
        ("coord_lease_acquire key_class=nightly-report result=busy", 1),
        ("coord_lease_acquire key_class=nightly-report result=failed", 0),
        ("coord_lease_acquire key_class=nightly-report result=gave_up", 0),
        ("coord_lease_acquire key_class=orders result=acquired", 200),
        ("coord_lease_acquire key_class=orders result=busy", 0),
        ("coord_lease_acquire key_class=orders result=failed", 0),
        ("coord_lease_acquire key_class=orders result=gave_up", 0),
        ("coord_lease_contended key_class=nightly-report", 1),
        ("coord_lease_contended key_class=orders", 0),
        ("coord_lease_contention_high key_class=nightly-report", 0),
        ("coord_lease_contention_high key_class=orders", 0),
        ("coord_lease_forced key_class=nightly-report", 0),
        ("coord_lease_forced key_class=orders", 0),
        ("coord_lease_held key_class=nightly-report", 1),
        ("coord_lease_held key_class=orders", 0),
        ("coord_lease_hold_count key_class=orders", 200),
        ("coord_lease_lost cause=expired key_class=nightly-report", 0),
        ("coord_lease_lost cause=expired key_class=orders", 0),
        ("coord_lease_lost cause=forced key_class=nightly-report", 0),
        ("coord_lease_lost cause=forced key_class=orders", 0),
        ("coord_lease_lost cause=not_owner key_class=nightly-report", 0),
        ("coord_lease_lost cause=not_owner key_class=orders", 0),
        ("coord_lease_lost cause=unreachable key_class=nightly-report", 0),
        ("coord_lease_lost cause=unreachable key_class=orders", 0),
        ("coord_lease_not_released key_class=nightly-report", 0),
        ("coord_lease_not_released key_class=orders", 0),
        ("coord_lease_renew key_class=nightly-report result=failed", 0),
        ("coord_lease_renew key_class=nightly-report result=renewed", statistics.renewed),
        ("coord_lease_renew key_class=orders result=failed", 0),
        ("coord_lease_renew key_class=orders result=renewed", 0),
        ("coord_lease_short key_class=nightly-report", 0),
        ("coord_lease_short key_class=orders", 0),
        ("coord_lease_still_used key_class=nightly-report", 0),
        ("coord_lease_still_used key_class=orders", 0),
        ("coord_lease_wait_count key_class=nightly-report", 1),
        ("coord_lease_wait_count key_class=orders", 200),
        ("coord_lease_wanted key_class=nightly-report", 0),
        ("coord_lease_wanted key_class=orders", 0),
        ("coord_store_latency_count op=acquire", 202),
        ("coord_store_latency_count op=release", 200),
        ("coord_store_latency_count op=renew", statistics.renewed),
    ];
    let wanted = wanted.map(|(name, number)| (name.to_owned(), number));
    assert_eq!(told, wanted);
}

/// An election is a class of its own: who leads holds it.
#[test]
fn an_election_has_its_figures() {
    let ((), told) = Recorded::of(async |_| {
        let process = Coordination::on_this_runtime(MemoryLeases::new());
        for _ in 0..3 {
            lead(&candidate(&process, "web-1")).await.resign().await;
        }
        let leads = lead(&candidate(&process, "web-1")).await;
        pass(LEASE).await;
        assert!(candidate(&process, "web-2").try_campaign().await.expect("it answers").is_none());
        leads.check().expect("it is renewed");
        std::mem::forget(leads);
        let other = lead(&process.election("other:2026").lease_duration(LEASE)).await;
        process
            .monitor()
            .force_release("election\u{1f}other:2026", other.fence(), "a test")
            .await
            .expect("the store answers");
        other.lost().await;
        let job = process.singleton("backup");
        job.run(async |_| {}).await.expect("the store answers");
    });
    let class = format!("election:{ELECTION}");
    let of = |name, labels: &[(&str, &str)]| {
        number(&told, name, &[labels, &[("key_class", &*class)]].concat())
    };
    assert_eq!(of("coord_lease_acquire", &[("result", "acquired")]), Some(4.0));
    assert_eq!(of("coord_lease_acquire", &[("result", "busy")]), Some(1.0));
    assert_eq!(of("coord_lease_held", &[]), Some(1.0));
    assert_eq!(of("coord_lease_hold_count", &[]), Some(3.0));
    assert!(of("coord_lease_renew", &[("result", "renewed")]) >= Some(3.0));
    let other = [("cause", "forced"), ("key_class", "election:other:2026")];
    assert_eq!(number(&told, "coord_lease_lost", &other), Some(1.0));
    assert_eq!(
        number(&told, "coord_lease_held", &[("key_class", "election:other:2026")]),
        Some(0.0)
    );
    let job = [("result", "acquired"), ("key_class", "singleton:backup")];
    assert_eq!(number(&told, "coord_lease_acquire", &job), Some(1.0));
}

/// What is told of a class and not of a name.
#[test]
fn short_leases_and_long_waits_are_counted() {
    let ((), told) = Recorded::of(async |_| {
        let process = Coordination::on_this_runtime(Slow(MemoryLeases::new()));
        let short = take(process.lease("short").ttl(SLOW * 19)).await;
        pass(SLOW * 1_000).await;
        short.release().await;
        let long = || process.lease("long").ttl(Duration::from_secs(3600));
        let held = take(long()).await;
        for _ in 0..8 {
            let late = long().acquire_timeout(Duration::from_secs(20)).await;
            late.expect_err("it is held");
        }
        held.release().await;
    });
    for (name, times) in [
        (["coord_lease_short", "short"], 1.0),
        (["coord_lease_short", "long"], 0.0),
        (["coord_lease_contention_high", "long"], 1.0),
        (["coord_lease_contention_high", "short"], 0.0),
    ] {
        assert_eq!(number(&told, name[0], &[("key_class", name[1])]), Some(times), "{name:?}");
    }
}
