//! The engine in process against a hand-written worker, in turns, in one run of about a minute.
//!
//! ```sh
//! cargo bench -p distributed-task-tests --bench in_process
//! ```
//!
//! Each sample is a round: a batch of each contestant, one after the other, so that a machine that
//! is slow for a while is slow for all. Criterion gives the figures of each; the table at the end,
//! what they are to each other.
#![allow(clippy::print_stdout, reason = "the table is its output")]

#[path = "../common/mod.rs"]
mod common;
mod contestants;
mod cpu;

use std::time::Duration;

use criterion::{
    Criterion, SamplingMode,
    measurement::{Measurement, WallTime},
};
use distributed_task::prelude::*;
use tokio::runtime::{Builder, Runtime};

use self::{
    common::{Cost, Three, batch, median, micros},
    contestants::{Six, Worker},
    cpu::CpuTime,
};

/// Sagas of a batch.
const BATCH: u32 = 9_600;

const NAMES: [&str; 3] = ["by hand, 3 steps", "saga, 3 steps", "saga, 6 steps"];

struct Race {
    floor: Worker,
    three: Task<Three>,
    six: Task<Six>,
    submitters: u32,
    /// All that were run, for the table.
    rounds: Vec<[Cost; 3]>,
}

impl Race {
    async fn new(submitters: u32) -> Self {
        Self {
            floor: Worker::start(3),
            three: Three::builder().use_in_process_mode().build().await.expect("it builds"),
            six: Six::builder().use_in_process_mode().build().await.expect("it builds"),
            submitters,
            rounds: Vec::new(),
        }
    }

    async fn round(&mut self) -> [Cost; 3] {
        let floor = batch(BATCH, self.submitters, &self.floor).await;
        let three = batch(BATCH, self.submitters, &self.three).await;
        let six = batch(BATCH, self.submitters, &self.six).await;
        self.rounds.push([floor, three, six]);
        [floor, three, six]
    }

    /// Measures each contestant.
    fn run<M: Measurement<Value = Duration> + 'static>(
        &mut self,
        runtime: &Runtime,
        measurement: M,
        (title, part): (&str, fn(&Cost) -> Duration),
    ) {
        let criterion = Criterion::default().with_measurement(measurement).sample_size(20);
        let mut criterion =
            criterion.warm_up_time(Duration::from_millis(500)).configure_from_args();
        let title = format!("{title}, {} submitting", self.submitters);
        let mut group = criterion.benchmark_group(title);
        group.sampling_mode(SamplingMode::Flat);
        for (which, name) in NAMES.into_iter().enumerate() {
            group.bench_function(name, |bencher| {
                // A round has its own size, whatever number is asked for.
                bencher.iter_custom(|sagas| {
                    let round = runtime.block_on(self.round());
                    part(&round[which]) * u32::try_from(sagas).expect("few sagas")
                });
            });
        }
        group.finish();
    }

    fn report(&self) {
        println!("{} submitting, medians of {} rounds", self.submitters, self.rounds.len());
        self.line(NAMES[0], "µs", |[floor, ..]| floor);
        self.line(NAMES[1], "µs", |[_, three, _]| three);
        self.line("  to the one by hand", "x", |[floor, three, _]| three / floor);
        self.line("  each further step", "µs", |[_, three, six]| (six - three) / 3.0);
    }

    /// The median of what `figure` makes of each round, for wall and for CPU.
    fn line(&self, name: &str, unit: &str, figure: impl Fn([f64; 3]) -> f64) {
        let median = |part: fn(&Cost) -> Duration| {
            let of = |round: &[Cost; 3]| figure(round.each_ref().map(|cost| micros(part(cost))));
            median(self.rounds.iter().map(of).collect())
        };
        let (wall, cpu) = (median(|cost| cost.wall), median(|cost| cost.cpu));
        println!("  {name:<20}  wall {wall:>6.2} {unit:<2}  cpu {cpu:>6.2} {unit}");
    }
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut races = [1, 64].map(|submitters| runtime.block_on(Race::new(submitters)));
    for race in &mut races {
        race.run(&runtime, WallTime, ("wall", |cost| cost.wall));
        race.run(&runtime, CpuTime, ("cpu", |cost| cost.cpu));
    }
    // The arguments may have chosen none.
    races.iter().filter(|race| !race.rounds.is_empty()).for_each(Race::report);
}
