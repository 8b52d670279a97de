//! Warms up a cache that processes share when they start: one of them does it, and the others wait for it, or go on
//! without. Here it is how many words each file of a folder has.
//!
//! ```text
//! cache-warm-up --id web-1 texts          warms the cache, or waits until it is warm
//! cache-warm-up --id web-2 texts --skip   starts with a cold cache if somebody else warms it
//! ```
//!
//! Kill the one that warms it: one of those who wait goes on with what is missing when its lease is over. Entries
//! have no fence, and need none: whoever writes one writes the same.

#[path = "../common/database.rs"]
mod database;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/redis.rs"]
mod redis;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use distributed_task::coordination::{LeaseGuard, OnBusy, SingletonRun};
use rusqlite::Connection;

use program::{Failure, tell};
use redis::Redis;

/// Warms up a cache, in one of many processes.
#[derive(Parser)]
#[command(name = "cache-warm-up", version)]
struct Options {
    /// The folder whose files are counted
    folder: PathBuf,
    /// Where the cache is
    #[arg(long, value_name = "FILE", default_value = "cache.db")]
    cache: PathBuf,
    /// What this process is called
    #[arg(long, default_value = "web-1")]
    id: String,
    #[command(flatten)]
    redis: Redis,
    /// After how many seconds another one goes on if the one that warms it dies
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease: u64,
    /// For how many seconds it waits for somebody else
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
    /// Does not wait for somebody else
    #[arg(long)]
    skip: bool,
    /// How many milliseconds it leaves the folder alone after each file
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pause: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("cache-warm-up", run(Options::parse())).await
}

async fn run(options: Options) -> Result<(), Failure> {
    let (cache, id) = (Cache::open(&options.cache)?, &options.id);
    let missing = cache.missing(&options.folder)?.len();
    tell(&format!("{id} misses {missing}"));
    // When it is warm nobody is asked.
    if missing > 0 && !warm_up(&cache, &options).await? {
        tell(&format!("{id} starts with a cold cache"));
        return Ok(());
    }
    tell(&format!("{id} starts with a warm cache"));
    Ok(())
}

/// Answers whether it is warm.
async fn warm_up(cache: &Cache, options: &Options) -> Result<bool, Failure> {
    let coordination = options.redis.open().await?;
    let (lease, wait) = (Duration::from_secs(options.lease), Duration::from_secs(options.wait));
    let job = coordination.singleton("cache-warm-up").lease(lease).on_busy(match options.skip {
        true => OnBusy::Skip,
        false => OnBusy::Wait(wait),
    });
    let is_warm = loop {
        match job.run(async |held| cache.fill(held, options).await).await? {
            SingletonRun::Done(filled) => break filled.map(|()| true),
            SingletonRun::Skipped(_) => break Ok(false),
            // Somebody else may have begun: what it has done is not missing any more.
            other => tell(&format!("{} did not come to the end: {other:?}", options.id)),
        }
    };
    coordination.shutdown(lease).await;
    is_warm
}

/// How many words files have.
struct Cache(Connection);

impl Cache {
    fn open(file: &Path) -> Result<Self, Failure> {
        let schema = "
            create table if not exists entry (
                name text primary key, words integer not null, counted_by text not null
            );";
        Ok(Self(database::open(file, schema)?))
    }

    /// Which files are not in it.
    fn missing(&self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        let mut known = self.0.prepare("select exists (select 1 from entry where name = ?1)")?;
        let mut missing = Vec::new();
        for file in fs::read_dir(folder)? {
            let file = file?.path();
            if file.is_file() && !known.query_row([name(&file)], |row| row.get::<_, bool>(0))? {
                missing.push(file);
            }
        }
        missing.sort();
        Ok(missing)
    }

    /// Looks again first: who waited for somebody else finds nothing missing.
    async fn fill(&self, held: &LeaseGuard, options: &Options) -> Result<(), Failure> {
        for file in self.missing(&options.folder)? {
            held.check()?;
            let words = i64::try_from(
                String::from_utf8_lossy(&fs::read(&file)?).split_whitespace().count(),
            )?;
            let entry = "insert or ignore into entry values (?1, ?2, ?3)";
            self.0.execute(entry, (name(&file), words, &options.id))?;
            tell(&format!("{} counted {}", options.id, file.display()));
            tokio::time::sleep(Duration::from_millis(options.pause)).await;
        }
        Ok(())
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
