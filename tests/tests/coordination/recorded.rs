//! What the recorder of a program gets.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// What a figure is called, and its labels.
pub type Series = (String, BTreeMap<String, String>);

/// What a program records, as a scrape tells it: of a histogram its sum and its count.
#[derive(Default)]
pub struct Recorded(Mutex<BTreeMap<Series, Number>>);

#[derive(Clone)]
enum Number {
    Counted(Arc<AtomicU64>),
    Measured(Arc<AtomicU64>),
    Times(Arc<Times>),
}

#[derive(Default)]
struct Times(Mutex<(u64, f64)>);

impl HistogramFn for Times {
    fn record(&self, value: f64) {
        let mut times = self.0.lock().expect("nobody panics");
        times.0 += 1;
        times.1 += value;
    }
}

impl Recorded {
    /// Runs a program whose time passes when it has nothing to do, and tells its figures.
    pub fn of<T>(program: impl AsyncFnOnce(&Self) -> T) -> (T, BTreeMap<Series, f64>) {
        let recorded = Self::default();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().expect("there is room");
        let done = metrics::with_local_recorder(&recorded, || runtime.block_on(program(&recorded)));
        (done, recorded.scrape())
    }

    fn series(&self, key: &Key, new: impl FnOnce() -> Number) -> Number {
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
        let series = (key.name().replace('.', "_"), labels.collect());
        self.0.lock().expect("nobody panics").entry(series).or_insert_with(new).clone()
    }

    pub fn scrape(&self) -> BTreeMap<Series, f64> {
        let mut told = BTreeMap::new();
        for ((name, labels), number) in &*self.0.lock().expect("nobody panics") {
            let mut tell = |suffix: &str, value| {
                told.insert((format!("{name}{suffix}"), labels.clone()), value);
            };
            match number {
                Number::Counted(number) => tell("", number.load(Ordering::Relaxed) as f64),
                Number::Measured(bits) => tell("", f64::from_bits(bits.load(Ordering::Relaxed))),
                Number::Times(times) => {
                    let (count, sum) = *times.0.lock().expect("nobody panics");
                    tell("_count", count as f64);
                    tell("_sum", sum);
                }
            }
        }
        told
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key, || Number::Counted(Arc::default())) {
            Number::Counted(number) => Counter::from_arc(number),
            _ => panic!("{key} is no counter"),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key, || Number::Measured(Arc::default())) {
            Number::Measured(bits) => Gauge::from_arc(bits),
            _ => panic!("{key} is no gauge"),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key, || Number::Times(Arc::default())) {
            Number::Times(times) => Histogram::from_arc(times),
            _ => panic!("{key} is no histogram"),
        }
    }
}
