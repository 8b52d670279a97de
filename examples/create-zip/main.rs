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
//! The status is 0 when the archive is there, 1 when it could not be made, 2 for a command line that
//! makes no sense, and 128 and the number of the signal after one that ends programs, such as 130
//! after Ctrl-C.

mod archive;
mod cli;
mod inputs;
mod output;
mod pack;
mod progress;
mod say;
mod signals;
mod task;
#[path = "../common/text.rs"]
mod text;

use std::process::ExitCode;

use crate::{
    cli::Unclear,
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
    // A thread may hang in the read of a source that never answers: it ends with the process.
    runtime.shutdown_background();
    code
}

async fn create_zip() -> ExitCode {
    let wish = match cli::wish() {
        Ok(wish) => wish,
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
    let mut view = View::new(wish.quiet);
    match pack(wish, &mut view).await {
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
            say(&format!("stopped at once; `{}` is left behind", left.display()));
            ExitCode::from(status)
        }
        Err(failure) => {
            view.close(None);
            say(&sentence(&*failure));
            ExitCode::FAILURE
        }
    }
}
