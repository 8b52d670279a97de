//! A job that a timer starts in every process, and that runs once each time:
//!
//! ```text
//! nightly --id web-1 --every 5     every five seconds, which stand for a night
//! ```
//!
//! Start it twice. Each report is written by one of them; kill that one in the middle, and the other one writes the
//! report again when its lease is over.

#[path = "../common/program.rs"]
mod program;
#[path = "../common/redis.rs"]
mod redis;

use std::{
    pin::pin,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use distributed_task::coordination::{OnBusy, Singleton, SingletonRun};
use tokio::time::sleep;

use program::{Failure, tell};
use redis::Redis;

/// Writes a report every night, in one of many processes.
#[derive(Parser)]
#[command(name = "nightly", version)]
struct Options {
    /// What this process is called
    #[arg(long, default_value = "reporter")]
    id: String,
    #[command(flatten)]
    redis: Redis,
    /// How many seconds a night takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86400))]
    every: u64,
    /// How many milliseconds the report takes
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200)]
    takes: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("nightly", run(Options::parse())).await
}

async fn run(options: Options) -> Result<(), Failure> {
    let night = Duration::from_secs(options.every);
    let coordination = options.redis.open().await?;
    let report = coordination
        .singleton("nightly-report")
        .lease((night / 4).max(Duration::from_millis(500)))
        // Somebody who died in it is waited for, and then it is run again.
        .on_busy(OnBusy::Wait(night / 2))
        // The clocks of two machines differ.
        .hold_at_least(night * 3 / 4);
    tell(&format!("{} waits for the night", options.id));
    // One for all nights: what comes while the report is written is heard as well.
    let mut stopped = pin!(tokio::signal::ctrl_c());
    loop {
        let tonight = async {
            sleep(until_the_night(night)).await;
            write(&report, &options).await
        };
        tokio::select! {
            biased;
            stopped = &mut stopped => {
                stopped?;
                break;
            }
            written = tonight => written?,
        }
    }
    coordination.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

async fn write(report: &Singleton, Options { id, takes, .. }: &Options) -> Result<(), Failure> {
    let ran = report.run(async |held| {
        tell(&format!("{id} begins, under {}", held.fence().0));
        sleep(Duration::from_millis(*takes)).await;
        held.fence()
    });
    match ran.await? {
        SingletonRun::Done(fence) => tell(&format!("{id} wrote the report, under {}", fence.0)),
        SingletonRun::Skipped(_) => tell(&format!("{id} leaves it to somebody else")),
        SingletonRun::Lost(lost) => tell(&format!("{id} wrote none: {lost}")),
        other => tell(&format!("{id} wrote none: {other:?}")),
    }
    Ok(())
}

/// The same moment in every process.
fn until_the_night(night: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let over = now.as_millis() % night.as_millis();
    night - Duration::from_millis(u64::try_from(over).unwrap_or_default())
}
