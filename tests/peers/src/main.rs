//! Sagas and jobs over one Redis: distributed-task, the bare loop of a hand-written worker, and peers,
//! in turns, in one run.
//!
//! ```sh
//! cargo run --release --manifest-path tests/peers/Cargo.toml
//! ```
//!
//! It needs the system's packages `redis-server`, `redis-tools` and `postgresql`.
//!
//! # The work
//!
//! A saga is a request of 300 bytes, three steps that do nothing but make 100 bytes each, and its end. A
//! job is a request of 300 bytes and one step of that kind, or a handler where a peer has no steps. So
//! many submitters as are in flight; each waits for the end of one before it submits the next. Workers
//! and submitters are one process with two threads, and the servers run beside it on the same cores.
//!
//! # The end
//!
//! The submitter of distributed-task and of durare gets the outcome, after it is written. In apalis and
//! oxana nothing tells a submitter of the end as it happens: `wait_for` of apalis-redis asks every 100
//! ms, and for a workflow one would have to follow it from the job of each step to that of the next;
//! oxana has no results. There the handler of the last step tells the submitter, in the same process and
//! before the peer has written the end. That is kinder to them than any reply could be. The program waits
//! after each turn, off the clock, until apalis and oxana have written their ends.
//!
//! # What a step is
//!
//! * **bare loop**: what `tests/benches/redis/floor.rs` says; no result comes back.
//! * **distributed-task**: each result is in the journal before the next step begins.
//! * **apalis-workflow**: each step is a job, which the one before it pushes.
//! * **apalis-redis**: plain jobs.
//! * **oxana**: one job, which writes each result into its state.
//! * **durare**: each result is a row in PostgreSQL; submitter and worker are the same engine.
//!
//! # Conditions
//!
//! Each file of a contestant begins with its settings and where they are recommended; versions are those
//! of `Cargo.lock`, which the program prints. One redis-server for each setting of `appendfsync`, which
//! all contestants on Redis share, with `auto-aof-rewrite-percentage 0` so that nobody pays for another's
//! log. PostgreSQL has its defaults but `synchronous_commit`: `on` beside `appendfsync always`, else
//! `off`, which loses as much as `everysec` may. Finished jobs stay in the store of apalis and finished
//! workflows in durare's; distributed-task keeps them for two seconds; oxana deletes them.
//!
//! # The figures
//!
//! In each round every contestant has one turn, of as many sagas as take half a second, but at least two
//! a submitter. A short batch and one round go ahead to warm up and to find that number. Rates are medians of five rounds; shares are medians of
//! the ratio within one round, of the bare loop's rate and of distributed-task's, the latter with its
//! smallest and largest. CPU time is that of this process, and of redis-server where it is used;
//! PostgreSQL's own is not counted.
#![allow(clippy::print_stdout, reason = "the table is its output")]

mod apalis;
#[path = "../../benches/common/mod.rs"]
mod common;
mod durare;
mod ends;
#[path = "../../benches/redis/floor.rs"]
mod floor;
mod ours;
mod oxana;
mod postgres;
mod race;

use std::{fs, time::Duration};

use distributed_task::Task;
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::runtime::Builder;

use self::{
    apalis::{Apalis, Looks, Work},
    common::Three,
    durare::{OneInDurare, ThreeInDurare},
    floor::Bare,
    ours::Noop,
    oxana::Oxana,
    postgres::Postgres,
    race::{Entrant, ROUNDS, TURN, Turns, race},
};

const IN_FLIGHT: [u32; 3] = [1, 64, 256];

impl Turns for Bare {}
impl Turns for Task<Three> {}
impl Turns for Task<Noop> {}
impl Turns for ThreeInDurare {}
impl Turns for OneInDurare {}

async fn on(server: &RedisServer, postgres: &Postgres) {
    let (three, noop) = ours::both(server.url()).await;
    let engine = durare::engine(&postgres.url()).await;
    let apalis = |queue, work, looks| Apalis::new(server.url(), queue, work, looks);

    let (seldom, often) = (Looks::Every100Ms, Looks::EveryMsWhileAwaited);
    let sagas: [(&str, Box<dyn Entrant>); _] = [
        ("bare loop", Box::new(Bare::new(server.url(), 3).await)),
        ("distributed-task", Box::new(three.clone())),
        (
            "apalis-workflow, looks every 100 ms",
            Box::new(apalis("three-seldom", Work::ThreeSteps, seldom).await),
        ),
        (
            "apalis-workflow, looks every ms",
            Box::new(apalis("three-often", Work::ThreeSteps, often).await),
        ),
        (
            "oxana, a job that keeps its state",
            Box::new(Oxana::<oxana::Three>::new(server.url(), "three")),
        ),
        ("durare on PostgreSQL", Box::new(ThreeInDurare(engine.clone()))),
    ];
    for in_flight in IN_FLIGHT {
        race(server, "three steps", in_flight, &sagas).await;
    }
    let jobs: [(&str, Box<dyn Entrant>); _] = [
        ("bare loop", Box::new(Bare::new(server.url(), 1).await)),
        ("distributed-task", Box::new(noop.clone())),
        (
            "apalis-redis, looks every 100 ms",
            Box::new(apalis("noop-seldom", Work::Nothing, seldom).await),
        ),
        (
            "apalis-redis, looks every ms",
            Box::new(apalis("noop-often", Work::Nothing, often).await),
        ),
        ("oxana", Box::new(Oxana::<oxana::Nothing>::new(server.url(), "noop"))),
        ("durare on PostgreSQL, one step", Box::new(OneInDurare(engine.clone()))),
    ];
    race(server, "no-op jobs", IN_FLIGHT[1], &jobs).await;

    three.shutdown(Duration::from_secs(5)).await;
    noop.shutdown(Duration::from_secs(5)).await;
    engine.shutdown(Duration::from_secs(5)).await.expect("it ends");
}

/// Of the last minute, five and fifteen.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn version(name: &str) -> &'static str {
    let (_, package) = include_str!("../Cargo.lock")
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .expect("it is in Cargo.lock");
    package.split('"').next().expect("it has a version")
}

fn conditions() {
    for (name, settings) in [
        ("distributed-task", ours::SETTINGS),
        ("apalis-redis", apalis::SETTINGS),
        ("apalis-workflow", apalis::SETTINGS),
        ("oxana", oxana::SETTINGS),
        ("durare", durare::SETTINGS),
        ("redis", "the client of all but durare"),
    ] {
        println!("{name} {}: {settings}", version(name));
    }
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let info = server.cli(&["INFO", "server"]);
    let redis = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    println!("redis-server {}", redis.unwrap_or_default().trim());
    println!("{}", Postgres::version());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores; {ROUNDS} rounds of turns of {TURN:?}; load {}", load());
}

fn main() {
    conditions();
    for (appends, name, synchronous_commit) in [
        (Appends::No, "appendonly no", "off"),
        (Appends::EverySecond, "appendfsync everysec", "off"),
        (Appends::Always, "appendfsync always", "on"),
    ] {
        println!(
            "\nRedis: {name}; PostgreSQL: synchronous_commit {synchronous_commit}; load {}",
            load()
        );
        let more = ["--auto-aof-rewrite-percentage", "0"].map(str::to_owned).to_vec();
        let server = RedisServer::start(RedisOptions { appends, more, ..RedisOptions::default() });
        let postgres = Postgres::start(synchronous_commit);
        // Dropped first, with the workers of the peers, which would miss the servers.
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(on(&server, &postgres));
    }
    println!("\nload {}", load());
}
