//! The processes of the tests' task with files: `pack worker` does its steps; `pack submitter`
//! reads wishes, a line of JSON each, and says what becomes of them:
//!
//! ```text
//! accepted SAGA     somebody answers for it now
//! completed         it is packed
//! undone WHY        nothing of it is left
//! failed WHY        nobody knows: ask again
//! ```
//!
//! Either ends when there is nothing more to read.
#![allow(clippy::print_stderr, clippy::print_stdout)] // tests read it

#[allow(dead_code, reason = "the test that starts it uses the rest")]
mod task;

use std::{env, process::ExitCode, time::Duration};

use distributed_task::SagaOutcome;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, stdin};

use crate::task::{Place, Wish};

/// For the steps that run when it is told to stop.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let verb = env::args().nth(1).unwrap_or_default();
    let end = match &*verb {
        "worker" => work().await,
        "submitter" => submit().await,
        _ => Err("say `worker` or `submitter`".to_owned()),
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("pack: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<(), String> {
    let task = Place::told()?.task().map_err(|why| why.to_string())?;
    let worker = task.build_worker().await.map_err(|why| why.to_string())?;
    eprintln!("pack: working");
    let told = async { _ = stdin().read_to_end(&mut Vec::new()).await };
    let report = worker.run_until(told, LIMIT).await;
    if report.in_time { Ok(()) } else { Err("some steps did not come to their end".to_owned()) }
}

async fn submit() -> Result<(), String> {
    let task = Place::told()?.task().map_err(|why| why.to_string())?;
    let task = task.build_api().await.map_err(|why| why.to_string())?;
    let mut wishes = BufReader::new(stdin()).lines();
    while let Some(wish) = wishes.next_line().await.map_err(|why| why.to_string())? {
        let wish: Wish = serde_json::from_str(&wish).map_err(|why| why.to_string())?;
        let saga = match task.submit_with_key(&*wish.key, wish.clone()).await {
            Ok(saga) => saga,
            Err(why) => {
                println!("failed {why}");
                continue;
            }
        };
        println!("accepted {}", saga.id());
        match saga.outcome().await {
            Ok(SagaOutcome::Completed(_)) => println!("completed"),
            Ok(SagaOutcome::Compensated { cause, .. }) => println!("undone {cause}"),
            Ok(_) => println!("undone"),
            Err(why) => println!("failed {why}"),
        }
    }
    task.shutdown(LIMIT).await;
    Ok(())
}
