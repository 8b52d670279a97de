//! Locks over one Redis: distributed-task, the bare `PING` of the same client, and the crate rslock, in one
//! run.
//!
//! ```sh
//! cargo run --release --manifest-path tests/peers/Cargo.toml --bin locks
//! ```
//!
//! It needs the system's packages `redis-server` and `redis-tools`. One server without an append-only file,
//! one connection for the calls of each contestant, everything on the cores of this machine. Each figure is
//! a median of so many calls, or the rate of as many as fit into two seconds; ratios are to the `PING` of
//! this run.
//!
//! rslock grants a lock to whoever asks when it is free: no line, no fence, no renewal, no loss that is told.
//! Its lock and unlock are the commands `SET NX PX` and a script.
#![allow(clippy::print_stdout, reason = "the table is its output")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use distributed_task::{
    backend::redis::RedisLeases,
    coordination::Coordination,
    lease::{LeaseStore as _, Owner},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use redis::aio::MultiplexedConnection;
use rslock::LockManager;
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

const LEASE: Duration = Duration::from_secs(10);
const CALLS: usize = 20_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Error> {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    println!("redis-server {}", version(&server));
    one_by_one(&server).await?;
    pairs(&server).await?;
    hand_over(&server).await?;
    crowd(&server).await?;
    crash(&server).await?;
    held(&server).await?;
    Ok(())
}

fn version(server: &RedisServer) -> String {
    let info = server.cli(&["INFO", "server"]);
    let mut lines = info.lines().filter_map(|line| line.strip_prefix("redis_version:"));
    lines.next().unwrap_or("?").trim().to_owned()
}

async fn open(server: &RedisServer) -> Result<Coordination, Error> {
    Ok(Coordination::open(RedisLeases::builder(server.url()).open()).await?)
}

async fn ping(server: &RedisServer) -> Result<MultiplexedConnection, Error> {
    let client = redis::Client::open(server.url())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

/// How often scripts were called.
fn scripts(server: &RedisServer) -> u64 {
    let info = server.cli(&["INFO", "commandstats"]);
    let calls = info.lines().find_map(|line| {
        line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse().ok()
    });
    calls.unwrap_or_default()
}

/// Times, to be told.
struct Times(Vec<Duration>);

impl Times {
    fn at(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len() - 1;
        self.0[(last as f64 * share).round() as usize]
    }

    fn tell(&mut self, what: &str) -> Duration {
        let (half, most) = (self.at(0.5), self.at(0.99));
        println!("{what:<44} {half:>10.1?} {most:>10.1?}");
        half
    }
}

async fn one_by_one(server: &RedisServer) -> Result<(), Error> {
    println!("\none call after the other                           median        99 %");
    let mut connection = ping(server).await?;
    let mut times = Times(Vec::new());
    for _ in 0..CALLS {
        let begun = Instant::now();
        let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        times.0.push(begun.elapsed());
    }
    times.tell("PING");

    let leases = RedisLeases::builder(server.url()).open().await?;
    let mut times: [Times; 3] = std::array::from_fn(|_| Times(Vec::new()));
    for _ in 0..CALLS {
        let owner = Owner::draw();
        let begun = Instant::now();
        leases.try_acquire("one", &owner, LEASE).await?;
        let acquired = Instant::now();
        leases.try_renew("one", &owner, LEASE).await?;
        let renewed = Instant::now();
        leases.release("one", &owner).await?;
        times[0].0.push(acquired - begun);
        times[1].0.push(renewed - acquired);
        times[2].0.push(renewed.elapsed());
    }
    for (times, what) in times.iter_mut().zip(["acquire", "renew", "release"]) {
        times.tell(&format!("the store: {what}"));
    }

    let coordination = open(server).await?;
    let mut times: [Times; 2] = std::array::from_fn(|_| Times(Vec::new()));
    for _ in 0..CALLS {
        let begun = Instant::now();
        let held = coordination.lock("two").acquire().await?;
        let acquired = Instant::now();
        held.release().await;
        times[0].0.push(acquired - begun);
        times[1].0.push(acquired.elapsed());
    }
    times[0].tell("a lock, kept by its thread: acquire");
    times[1].tell("a lock, kept by its thread: release");

    let theirs = LockManager::new(vec![server.url()]);
    let mut times: [Times; 2] = std::array::from_fn(|_| Times(Vec::new()));
    for _ in 0..CALLS {
        let begun = Instant::now();
        let lock = theirs.lock("three", LEASE).await?;
        let acquired = Instant::now();
        theirs.unlock(&lock).await;
        times[0].0.push(acquired - begun);
        times[1].0.push(acquired.elapsed());
    }
    times[0].tell("rslock: lock");
    times[1].tell("rslock: unlock");

    let held = coordination.lock("four").acquire().await?;
    let begun = Instant::now();
    let mut good = 0u32;
    for _ in 0..1_000_000 {
        good += u32::from(std::hint::black_box(&held).check().is_ok());
    }
    println!("{:<44} {:>10.1?}", "`check()`", begun.elapsed() / good);
    Ok(())
}

/// How many a second, of as many tasks, each with a name of its own.
async fn rate<F: Future<Output = Result<(), Error>> + Send + 'static>(
    tasks: usize,
    pair: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<f64, Error> {
    let (pair, done) = (Arc::new(pair), Arc::new(AtomicU64::new(0)));
    let (begun, limit) = (Instant::now(), Duration::from_secs(2));
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let (pair, done) = (Arc::clone(&pair), Arc::clone(&done));
        running.spawn(async move {
            while begun.elapsed() < limit {
                pair(task).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

async fn pairs(server: &RedisServer) -> Result<(), Error> {
    println!("\npairs of acquire and release a second, each task with a name of its own");
    println!("{:>8} {:>14} {:>14} {:>14} {:>14}", "tasks", "2 x PING", "the store", "a lock", "rslock");
    for tasks in [1, 16, 64, 256] {
        let connection = ping(server).await?;
        let pings = rate(tasks, move |_| {
            let mut connection = connection.clone();
            async move {
                for _ in 0..2 {
                    let _: String = redis::cmd("PING").query_async(&mut connection).await?;
                }
                Ok(())
            }
        })
        .await?;
        let leases = RedisLeases::builder(server.url()).open().await?;
        let store = rate(tasks, move |task| {
            let leases = leases.clone();
            async move {
                let (name, owner) = (format!("store-{task}"), Owner::draw());
                leases.try_acquire(&name, &owner, LEASE).await?;
                leases.release(&name, &owner).await?;
                Ok(())
            }
        })
        .await?;
        let coordination = open(server).await?;
        let locks = rate(tasks, move |task| {
            let lock = coordination.lock(format!("lock-{task}"));
            async move {
                lock.acquire().await?.release().await;
                Ok(())
            }
        })
        .await?;
        let theirs = LockManager::new(vec![server.url()]);
        let peer = rate(tasks, move |task| {
            let (theirs, name) = (theirs.clone(), format!("peer-{task}"));
            async move {
                let lock = theirs.lock(name.as_str(), LEASE).await?;
                theirs.unlock(&lock).await;
                Ok(())
            }
        })
        .await?;
        println!("{tasks:>8} {pings:>14.0} {store:>14.0} {locks:>14.0} {peer:>14.0}");
    }
    Ok(())
}

/// From a release to the other one's grant.
async fn hand_over(server: &RedisServer) -> Result<(), Error> {
    println!("\nfrom the release to the next holder                median        99 %");
    let processes = [open(server).await?, open(server).await?];
    let begun = Instant::now();
    // When it was released last.
    let released = Arc::new(AtomicU64::new(0));
    let mut playing = JoinSet::new();
    for process in processes {
        let released = Arc::clone(&released);
        playing.spawn(async move {
            let (lock, mut times) = (process.lock("ball"), Vec::new());
            for _ in 0..2_000 {
                let held = lock.acquire().await?;
                let now = begun.elapsed();
                times.push(now.saturating_sub(Duration::from_nanos(released.load(Ordering::Acquire))));
                tokio::time::sleep(Duration::from_millis(1)).await;
                released.store(begun.elapsed().as_nanos() as u64, Ordering::Release);
                drop(held);
            }
            Ok::<_, Error>(times)
        });
    }
    let mut times = Times(Vec::new());
    while let Some(played) = playing.join_next().await {
        times.0.extend(played??);
    }
    times.tell("two processes, in turns");
    Ok(())
}

/// How much the others cost who wait.
async fn crowd(server: &RedisServer) -> Result<(), Error> {
    println!("\nso many wait for one lock, each for its own millisecond");
    println!("{:>8} {:>22} {:>20}", "waiters", "scripts a section", "time of a section");
    for waiters in [50, 500] {
        let processes = [open(server).await?, open(server).await?];
        let (before, begun, rounds) = (scripts(server), Instant::now(), 2_000 / waiters);
        let mut waiting = JoinSet::new();
        for waiter in 0..waiters {
            let lock = processes[waiter % 2].lock("crowd");
            waiting.spawn(async move {
                for _ in 0..rounds {
                    let held = lock.acquire().await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    held.release().await;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(ended) = waiting.join_next().await {
            ended??;
        }
        let sections = (waiters * rounds) as u32;
        let called = (scripts(server) - before) as f64 / f64::from(sections);
        println!("{waiters:>8} {called:>22.2} {:>20.2?}", begun.elapsed() / sections);
    }
    Ok(())
}

/// From the end of a lease that nobody renews to the next holder.
async fn crash(server: &RedisServer) -> Result<(), Error> {
    println!("\nfrom the end of a dead holder's lease              median        99 %");
    let (one, two) = (open(server).await?, open(server).await?);
    let (lease, mut times) = (Duration::from_millis(200), Times(Vec::new()));
    for turn in 0..50 {
        let name = format!("crash-{turn}");
        let begun = Instant::now();
        one.lease(&name).ttl(lease).acquire().await?.detach();
        let held = two.lock(&name).acquire().await?;
        times.0.push(begun.elapsed().saturating_sub(lease));
        held.release().await;
    }
    times.tell("one who waits");
    Ok(())
}

/// What it costs to hold ten thousand.
async fn held(server: &RedisServer) -> Result<(), Error> {
    let coordination = open(server).await?;
    let mut held = Vec::new();
    for turn in 0..10_000 {
        let lease = coordination.lease(format!("held-{turn}")).ttl(LEASE);
        held.push(lease.try_acquire().await?.ok_or("nobody else wants it")?);
    }
    tokio::time::sleep(LEASE / 3).await;
    let (before, cpu, begun) = (scripts(server), ProcessTime::now(), Instant::now());
    tokio::time::sleep(LEASE).await;
    let (called, used, took) = (scripts(server) - before, cpu.elapsed(), begun.elapsed());
    let share = used.as_secs_f64() / took.as_secs_f64();
    let lost = held.iter().filter(|held| held.check().is_err()).count();
    let least = held.iter().map(|held| held.remaining()).min().unwrap_or_default();
    println!(
        "\n10,000 leases of {LEASE:?} are held: {:.0} scripts a second, {:.1} % of a core here, {lost} lost, \
         the one with the least left has {least:.1?}",
        called as f64 / took.as_secs_f64(),
        share * 100.0,
    );
    Ok(())
}
