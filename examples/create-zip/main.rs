//! Packs files and folders into one ZIP archive, as a saga:
//!
//! ```text
//! create-zip --output archive.zip PATH...
//!
//! host "api"   upload_source_files ──▶ bucket incoming-files
//! worker       create_zip_archive  ──▶ a local file
//!              upload_zip          ──▶ bucket processed-files ──▶ archive.zip
//! ```
//!
//! The buckets are in a hidden folder beside the output, which is removed at the end. Until then it
//! takes up to three times the room of what is packed.
//!
//! With the feature `distributed` the same task runs as many processes, which share a Redis and an S3
//! server. What `submit` uploaded and what came of it is deleted when the archive is here.
//!
//! ```text
//! create-zip submit --output archive.zip PATH...     host "api"
//! create-zip worker                                  the other steps, of every `submit`
//! ```
//!
//! The status is 0 when the archive is there, 1 when it could not be made, 2 for a command line that
//! makes no sense, and 128 and the number of the signal after one that ends programs, such as 130
//! after Ctrl-C. `worker` ends with 0 when it is told to stop, unless it is told twice.

mod archive;
mod cli;
mod inputs;
mod output;
mod pack;
mod progress;
mod saga;
mod say;
#[cfg(feature = "distributed")]
mod servers;
mod signals;
#[cfg(feature = "distributed")]
mod submit;
mod task;
#[path = "../common/text.rs"]
mod text;
#[cfg(feature = "distributed")]
mod worker;

use std::{error::Error, process::ExitCode};

use crate::{
    cli::{Plan, Unclear},
    pack::{End, pack},
    progress::View,
    say::{say, sentence},
};

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => {
            say(&format!("cannot start: {why}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(create_zip());
    // A thread may hang in the read of a source that never answers, and others find no runtime that is half
    // gone: they end with the process.
    std::mem::forget(runtime);
    code
}

async fn create_zip() -> ExitCode {
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
    let (end, view) = match plan {
        Plan::Pack(wish) => {
            let mut view = View::new(wish.quiet);
            (pack(wish, &mut view).await, view)
        }
        #[cfg(feature = "distributed")]
        Plan::Submit(wish) => {
            let mut view = View::new(wish.quiet);
            (submit::submit(wish, &mut view).await, view)
        }
        #[cfg(feature = "distributed")]
        Plan::Work(labour) => (worker::work(labour).await, View::Quiet),
    };
    match end {
        Ok(End::Written { summary }) => {
            view.close(Some(&summary));
            ExitCode::SUCCESS
        }
        Ok(End::Stopped { status }) => {
            view.close(Some("stopped; nothing is left behind"));
            ExitCode::from(status)
        }
        Ok(End::Abandoned { status, left }) => {
            view.close(None);
            say(&format!("stopped at once; {left}"));
            ExitCode::from(status)
        }
        Err(failure) => {
            view.close(None);
            say(&sentence(&*failure));
            status_of(&*failure)
        }
    }
}

#[cfg(feature = "distributed")]
fn status_of(failure: &(dyn Error + 'static)) -> ExitCode {
    match failure.downcast_ref::<servers::Unusable>() {
        Some(unusable) if unusable.is_mistake => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

#[cfg(not(feature = "distributed"))]
fn status_of(_failure: &(dyn Error + 'static)) -> ExitCode {
    ExitCode::FAILURE
}
