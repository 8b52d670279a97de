//! What the recorder of a program gets.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use crate::world::{LEASE, pass, take, wanted};

/// What a program records, by name and labels.
#[derive(Default)]
struct Recorded(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorded {
    fn number(&self, key: &Key) -> Arc<AtomicU64> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        Arc::clone(self.0.lock().expect("nobody panics").entry(name).or_default())
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        struct Times(Arc<AtomicU64>);

        impl HistogramFn for Times {
            fn record(&self, _: f64) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        Histogram::from_arc(Arc::new(Times(self.number(key))))
    }
}

/// The recorder of the program gets the same, under names of classes only.
#[test]
fn figures_are_those_of_the_statistics() {
    let recorded = Recorded::default();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("there is room for one");
    let statistics = metrics::with_local_recorder(&recorded, || {
        runtime.block_on(async {
            let process = Coordination::on_this_runtime(MemoryLeases::new());
            for order in 0..200 {
                take(process.lease(format!("orders:{order}")).ttl(LEASE)).await.release().await;
            }
            let held = take(wanted(&process)).await;
            assert!(wanted(&process).try_acquire().await.expect("it answers").is_none());
            pass(LEASE).await;
            held.check().expect("it is renewed");
            process.monitor().statistics()
        })
    });
    assert!(statistics.renewed >= 3, "{statistics:?}");
    let told = recorded.0.into_inner().expect("nobody panics");
    let told: Vec<_> =
        told.iter().map(|(name, number)| (&**name, number.load(Ordering::Relaxed))).collect();
    let wanted = [
        ("coord.lease.acquire result=acquired key_class=nightly-report", 1),
        ("coord.lease.acquire result=acquired key_class=orders", 200),
        ("coord.lease.acquire result=busy key_class=nightly-report", 1),
        ("coord.lease.contended key_class=nightly-report", 1),
        ("coord.lease.forced", 0),
        ("coord.lease.held", 1.0_f64.to_bits()),
        ("coord.lease.hold key_class=orders", 200),
        ("coord.lease.lost cause=expired", 0),
        ("coord.lease.lost cause=forced", 0),
        ("coord.lease.lost cause=not_owner", 0),
        ("coord.lease.lost cause=unreachable", 0),
        ("coord.lease.renew result=failed", 0),
        ("coord.lease.renew result=renewed", statistics.renewed),
        ("coord.lease.still_used", 0),
        ("coord.lease.wait key_class=nightly-report", 1),
        ("coord.lease.wait key_class=orders", 200),
        ("coord.store.latency op=acquire", 202),
        ("coord.store.latency op=release", 200),
        ("coord.store.latency op=renew", statistics.renewed),
    ];
    assert_eq!(told, wanted);
}
