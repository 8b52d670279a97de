//! A job that a timer starts in every process, and that runs once each time:
//!
//! ```text
//! nightly --id web-1 --every 5     every five seconds, which stand for a night
//! ```
//!
//! Start it twice. Each report is written by one of them; kill that one in the middle, and the other one writes the
//! report again when its lease is over.

use std::{
    error::Error,
    pin::pin,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{Coordination, OnBusy, Singleton, SingletonRun},
};
use tokio::time::sleep;

/// Writes a report every night, in one of many processes.
#[derive(Parser)]
#[command(name = "nightly", version)]
struct Options {
    /// What this process is called
    #[arg(long, default_value = "reporter")]
    id: String,
    /// Where it is known who runs the job
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    #[arg(default_value = "redis://127.0.0.1/")]
    redis: String,
    /// How many seconds a night takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86400))]
    every: u64,
    /// How many milliseconds the report takes
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200)]
    takes: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tell(&mut std::io::stderr(), &format!("nightly: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let night = Duration::from_secs(options.every);
    let coordination = Coordination::open(RedisLeases::builder(&options.redis).open()).await?;
    let report = coordination
        .singleton("nightly-report")
        .lease((night / 4).max(Duration::from_millis(500)))
        // Somebody who died in it is waited for, and then it is run again.
        .on_busy(OnBusy::Wait(night / 2))
        // The clocks of two machines differ.
        .hold_at_least(night * 3 / 4);
    tell(&mut std::io::stdout(), &format!("{} waits for the night", options.id));
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

async fn write(
    report: &Singleton,
    Options { id, takes, .. }: &Options,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut out = std::io::stdout();
    let ran = report.run(async |held| {
        tell(&mut out, &format!("{id} begins, under {}", held.fence().0));
        sleep(Duration::from_millis(*takes)).await;
        held.fence()
    });
    match ran.await? {
        SingletonRun::Done(fence) => {
            tell(&mut out, &format!("{id} wrote the report, under {}", fence.0))
        }
        SingletonRun::Skipped(_) => tell(&mut out, &format!("{id} leaves it to somebody else")),
        SingletonRun::Lost(lost) => tell(&mut out, &format!("{id} wrote none: {lost}")),
        other => tell(&mut out, &format!("{id} wrote none: {other:?}")),
    }
    Ok(())
}

/// The same moment in every process.
fn until_the_night(night: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let over = now.as_millis() % night.as_millis();
    night - Duration::from_millis(u64::try_from(over).unwrap_or_default())
}

/// One line, at once. Whoever closed the pipe does not want it.
fn tell(out: &mut impl std::io::Write, line: &str) {
    let _ = writeln!(out, "{line}");
}
