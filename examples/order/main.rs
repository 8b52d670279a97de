//! Takes orders, as sagas that survive the process:
//!
//! ```text
//! order place --key 17 tea      reserve ──▶ charge ──▶ ship, or all of it back
//! order serve                   works on every order until told to stop
//! order list | inspect | cancel | retry | waive | done
//! order world                   what the warehouse, the bank and the carrier did
//! ```
//!
//! The folder has a journal, `journal.db`, which belongs to one process at a time, and the world
//! outside, `world.db`. Whoever has the journal open answers the others through a socket beside it.
//! Kill any of them at any moment: the next one goes on.
//!
//! With `--redis URL` the journal is in Redis, which many processes share: `order worker` does the
//! steps, in each of them, and the other commands go to Redis themselves. The folder has the world,
//! and the socket of `order serve` or `order api`, through which programs may place orders.
//!
//! The status is 0 when it went well, 1 when it did not, 2 for a command line that makes no sense,
//! and 128 and the number of the signal after one that ends programs. `serve`, `worker` and `api`
//! end with 0 when they are told to stop.

#[cfg(unix)]
mod answer;
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod control;
#[cfg(unix)]
#[path = "../common/database.rs"]
mod database;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod say;
#[cfg(unix)]
mod shop;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod task;
#[cfg(unix)]
mod tell;
#[cfg(unix)]
#[path = "../common/text.rs"]
mod text;
#[cfg(unix)]
mod wish;
#[cfg(unix)]
mod world;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use crate::{cli::Unclear, say::say};

    let plan = match cli::plan() {
        Ok(plan) => plan,
        Err(Unclear::Help(text)) => {
            // Whoever closed the pipe does not want the rest.
            let _ = text.print();
            return ExitCode::SUCCESS;
        }
        Err(Unclear::Mistake(line)) => {
            say(&line);
            return ExitCode::from(2);
        }
    };
    match run::run(plan) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            say(&why);
            ExitCode::FAILURE
        }
    }
}

/// Its processes talk through Unix-domain sockets.
#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
