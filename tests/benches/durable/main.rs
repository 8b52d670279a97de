//! Sagas whose journal is a file against bare appends to the same disk, in turns, in one run.
//!
//! ```sh
//! cargo bench -p distributed-task-tests --bench durable
//! ```
//!
//! The floor is one thread that appends what gathers meanwhile and flushes it once: five appends a
//! saga, as many as there are writes in the saga of three steps, and of as many bytes. The folder is
//! the system's temporary one; `TMPDIR` names another, on the disk that is meant.
#![allow(clippy::print_stdout, reason = "the table is its output")]

#[path = "../common/mod.rs"]
mod common;
mod floor;

use std::{sync::Arc, time::Duration};

use criterion::{Criterion, SamplingMode};
use distributed_task::{backend::sqlite::SqliteJournal, journal::Durability, prelude::*};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use self::{
    common::{Cost, Three, batch, median, micros},
    floor::Appends,
};

const NAMES: [&str; 3] = ["bare appends, flushed", "sagas, Fsync", "sagas, Process"];

struct Race {
    floor: Appends,
    fsync: Task<Three>,
    process: Task<Three>,
    in_flight: u32,
    /// Sagas of a batch.
    sagas: u32,
    rounds: Vec<[Cost; 3]>,
    _folder: TempDir,
}

async fn task(folder: &TempDir, durability: Durability) -> Task<Three> {
    let path = folder.path().join(format!("{durability:?}.db"));
    // Kept for a second, so that the file has its size after the first rounds.
    let journal = SqliteJournal::builder(path).retain(Duration::from_secs(1)).capacity(512);
    let journal = journal.durability(durability).open().expect("it is new");
    let task = Three::builder().use_in_process_mode().override_journal(Arc::new(journal));
    task.concurrency(512).build().await.expect("it builds")
}

impl Race {
    async fn new((in_flight, sagas): (u32, u32)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            floor: Appends::to(&folder.path().join("floor")),
            fsync: task(&folder, Durability::Fsync).await,
            process: task(&folder, Durability::Process).await,
            in_flight,
            sagas,
            rounds: Vec::new(),
            _folder: folder,
        }
    }

    async fn round(&mut self) -> [Cost; 3] {
        let floor = batch(self.sagas, self.in_flight, &self.floor).await;
        let fsync = batch(self.sagas, self.in_flight, &self.fsync).await;
        let process = batch(self.sagas, self.in_flight, &self.process).await;
        self.rounds.push([floor, fsync, process]);
        [floor, fsync, process]
    }

    fn run(&mut self, runtime: &Runtime) {
        let criterion = Criterion::default().sample_size(10).configure_from_args();
        let mut criterion = criterion.warm_up_time(Duration::from_millis(100));
        let mut group = criterion.benchmark_group(format!("durable, {} in flight", self.in_flight));
        group.sampling_mode(SamplingMode::Flat);
        for (which, name) in NAMES.into_iter().enumerate() {
            group.bench_function(name, |bencher| {
                // A round has its own size, whatever number is asked for.
                bencher.iter_custom(|sagas| {
                    let round = runtime.block_on(self.round());
                    round[which].wall * u32::try_from(sagas).expect("few sagas")
                });
            });
        }
        group.finish();
    }

    fn report(&self) {
        println!("{} in flight, medians of {} rounds", self.in_flight, self.rounds.len());
        for (which, name) in NAMES.into_iter().enumerate() {
            let figure = |of: fn(&Cost) -> f64| {
                median(self.rounds.iter().map(|round| of(&round[which])).collect())
            };
            let share =
                |round: &[Cost; 3]| 100.0 * micros(round[0].wall) / micros(round[which].wall);
            println!(
                "  {name:<22} {:>8.0}/s  {:>3.0} % of the floor  cpu {:>7.1} µs a saga",
                figure(|cost| 1e6 / micros(cost.wall)),
                median(self.rounds.iter().map(share).collect()),
                figure(|cost| micros(cost.cpu)),
            );
        }
    }
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let sizes = [(1, 100), (64, 3_200), (512, 15_360)];
    let mut races = sizes.map(|size| runtime.block_on(Race::new(size)));
    races.iter_mut().for_each(|race| race.run(&runtime));
    // The arguments may have chosen none.
    races.iter().filter(|race| !race.rounds.is_empty()).for_each(Race::report);
}
