//! Sagas over one Redis against the bare loop of a hand-written worker, in turns, in one run.
//!
//! ```sh
//! cargo bench -p distributed-task-tests --bench redis            # all of it
//! cargo bench -p distributed-task-tests --bench redis -- no 64   # without AOF, 64 in flight
//! ```
//!
//! "One host" submits and works. "Apart" is a host that submits beside a host that works, in one process,
//! but with nothing in common: each saga goes through the ready list.
//!
//! Client and server share the machine. Each figure is the median of five rounds, and each ratio is one
//! of figures of the same round. A server of its own for each setting of `appendfsync`; its files are in
//! the system's temporary folder.
#![allow(clippy::print_stdout, reason = "the table is its output")]

#[path = "../common/mod.rs"]
mod common;
mod floor;
mod memory;
mod take_over;

use std::time::Duration;

use distributed_task::{backend::redis::RedisJournal, builder::Distributed, prelude::*};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::runtime::Builder;

use self::{
    common::{Contestant, Cost, Three, batch, median, micros, sagas},
    floor::Bare,
};

const ROUNDS: usize = 5;
/// In flight, and sagas of a round.
const SIZES: [(u32, u32); 3] = [(1, 400), (64, 6_400), (256, 12_800)];

const SETTINGS: [(&str, Appends); 3] =
    [("no", Appends::No), ("everysec", Appends::EverySecond), ("always", Appends::Always)];

/// A job of one step that does nothing.
#[distributed_task(request = sagas::Order, response = sagas::Receipt)]
struct Job;

#[steps]
impl Job {
    #[step(read_only)]
    async fn only(&self, request: &sagas::Order) -> sagas::Receipt {
        sagas::work(request.seed())
    }
}

/// What one batch cost, here and in the server.
struct Round {
    cost: Cost,
    server: f64,
    commands: f64,
}

struct Meter<'a>(&'a RedisServer);

impl Meter<'_> {
    fn info(&self, names: &[&str]) -> f64 {
        let info = self.0.cli(&["INFO", "everything"]);
        let value = |name: &&str| {
            let line = info.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse::<f64>().ok()).expect("it is in INFO")
        };
        names.iter().map(value).sum()
    }

    fn cpu(&self) -> f64 {
        1e6 * self.info(&["used_cpu_user", "used_cpu_sys"])
    }

    fn commands(&self) -> f64 {
        self.info(&["total_commands_processed"])
    }

    async fn round(&self, (in_flight, sagas): (u32, u32), who: &impl Contestant) -> Round {
        let (cpu, commands) = (self.cpu(), self.commands());
        let cost = batch(sagas, in_flight, who).await;
        let server = (self.cpu() - cpu) / f64::from(sagas);
        Round { cost, server, commands: (self.commands() - commands) / f64::from(sagas) }
    }
}

async fn race(
    server: &RedisServer,
    what: &str,
    size: (u32, u32),
    floor: &Bare,
    sagas: &impl Contestant,
) {
    let meter = Meter(server);
    let mut rounds: Vec<[Round; 2]> = Vec::new();
    // One to warm up.
    for round in 0..=ROUNDS {
        let both = [meter.round(size, floor).await, meter.round(size, sagas).await];
        if round > 0 {
            rounds.push(both);
        }
    }
    let of = |figure: &dyn Fn(&[Round; 2]) -> f64| median(rounds.iter().map(figure).collect());
    let rate = |which: usize| of(&|round| 1e6 / micros(round[which].cost.wall));
    println!(
        "  {what:<14} {:>3} in flight  floor {:>7.0}/s  {:>7.0}/s = {:>3.0} %  client {:>5.1} against {:>4.1} µs  server {:>5.1} against {:>4.1} µs = {:.2}  {:.2} commands",
        size.0,
        rate(0),
        rate(1),
        of(&|round| 100.0 * micros(round[0].cost.wall) / micros(round[1].cost.wall)),
        of(&|round| micros(round[1].cost.cpu)),
        of(&|round| micros(round[0].cost.cpu)),
        of(&|round| round[1].server),
        of(&|round| round[0].server),
        of(&|round| round[1].server / round[0].server),
        of(&|round| round[1].commands),
    );
}

/// Whether no argument is about this, or one of them names it.
fn is_asked_for(part: &str) -> bool {
    const GROUPS: [&[&str]; 2] =
        [&["no", "everysec", "always", "memory", "takeover"], &["1", "64", "256", "jobs", "apart"]];
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let group = GROUPS.iter().find(|group| group.contains(&part)).expect("it is a part");
    let mut of_group = asked.iter().filter(|asked| group.contains(&asked.as_str())).peekable();
    of_group.peek().is_none() || of_group.any(|asked| asked == part)
}

async fn on(appends: Appends) {
    let server = RedisServer::start(RedisOptions { appends, ..RedisOptions::default() });
    // Kept for two seconds, so that the store has its size after the first rounds.
    let retain = Duration::from_secs(2);
    let journal = RedisJournal::builder(server.url()).retain(retain);
    let shared = Distributed::default().redis_with(journal.clone());
    let three = Three::builder().use_distributed_mode(|_| shared.clone()).concurrency(512);
    let three = three.build().await.expect("it is built");
    let job = Job::builder().use_distributed_mode(|_| shared.clone()).concurrency(512);
    let job = job.build().await.expect("it is built");
    let (floor, one) = (Bare::new(server.url(), 3).await, Bare::new(server.url(), 1).await);
    for size in SIZES.into_iter().filter(|(in_flight, _)| is_asked_for(&in_flight.to_string())) {
        race(&server, "one host", size, &floor, &three).await;
    }
    if is_asked_for("jobs") {
        race(&server, "no-op jobs", SIZES[1], &one, &job).await;
    }
    three.shutdown(Duration::from_secs(5)).await;
    job.shutdown(Duration::from_secs(5)).await;
    if is_asked_for("apart") {
        let alone = || Distributed::default().redis_with(journal.clone());
        let builder = || Three::builder().use_distributed_mode(|_| alone()).concurrency(512);
        let api = builder().build_api().await.expect("it is built");
        let worker = builder().build_worker().await.expect("it is built");
        race(&server, "apart", SIZES[1], &floor, &api).await;
        api.shutdown(Duration::from_secs(5)).await;
        worker.shutdown(Duration::from_secs(5)).await;
    }
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for (name, appends) in SETTINGS.into_iter().filter(|(name, _)| is_asked_for(name)) {
        println!("appendfsync {name}");
        runtime.block_on(on(appends));
    }
    if is_asked_for("memory") {
        runtime.block_on(memory::report());
    }
    if is_asked_for("takeover") {
        runtime.block_on(take_over::report());
    }
}
