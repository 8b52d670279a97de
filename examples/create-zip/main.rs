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
//! The buckets are in a hidden folder beside the output, which is removed at the end. The status is
//! 0 when the archive is there, 1 when it could not be made, 2 for a command line that makes no
//! sense, and 128 and the number of the signal after one that ends programs, such as 130 after Ctrl-C.

mod archive;
mod cli;
mod inputs;
mod progress;
mod signals;
mod task;

use std::{error::Error, path::Path, process::ExitCode, time::Duration};

use distributed_task::{SagaOutcome, backend::files::ObjectFiles, files::Files};
use indicatif::HumanBytes;

use crate::{
    cli::{Unclear, Wish},
    inputs::{Entry, Output},
    progress::{View, say},
    signals::Stop,
    task::{CreateZipFromFiles, CreateZipFromFilesOrchestrator, CreateZipRequest},
};

type Failure = Box<dyn Error>;

/// How the work ended, if it did not fail.
enum End {
    Written { summary: String },
    Stopped { status: u8 },
}

/// For the steps that still run when the work is over; there should be none.
const GRACE: Duration = Duration::from_secs(30);

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
        Err(failure) => {
            view.close(None);
            say(&sentence(&*failure));
            ExitCode::FAILURE
        }
    }
}

/// Checks everything, and only then makes the first file.
async fn pack(wish: Wish, view: &mut View) -> Result<End, Failure> {
    let output = Output::new(wish.output)?;
    let entries = inputs::collect(&wish.inputs, &output)?;

    // Up to here there is nothing to take back, and a signal simply ends the process.
    let mut stop = Stop::new()?;
    let work = tempfile::Builder::new()
        .prefix(".create-zip-")
        .tempdir_in(&output.folder)
        .map_err(|why| format!("cannot write into `{}`: {why}", output.folder.display()))?;
    let files = Files::new(ObjectFiles::folder(work.path())?).temp_folder(work.path());
    let zip = CreateZipFromFiles::builder()
        .compression(wish.level)
        .use_in_process_mode()
        .override_files(files.clone())
        .build()
        .await?;
    let end = run(&zip, entries, &files, &output.path, view, &mut stop).await;

    // Whatever came of it: first nobody writes any more, then what was written goes.
    zip.shutdown(GRACE).await;
    let removed = work.close();
    let end = end?;
    removed?;
    Ok(end)
}

/// Runs one saga to its end, and puts its archive in its place.
async fn run(
    zip: &CreateZipFromFilesOrchestrator,
    entries: Vec<Entry>,
    files: &Files,
    output: &Path,
    view: &mut View,
    stop: &mut Stop,
) -> Result<End, Failure> {
    let count = entries.len();
    let saga = zip.start(CreateZipRequest { entries }).await?;
    let mut stopped = None;
    let mut updates = saga.progress();
    loop {
        tokio::select! {
            update = updates.next() => match update {
                Some(progress) => view.show(&progress),
                None => break,
            },
            status = stop.wanted(), if stopped.is_none() => {
                stopped = Some(status);
                saga.cancel().await?;
            }
        }
    }
    let response = match (saga.outcome().await?, stopped) {
        // Also when the cancel came too late: who does not want the archive does not get it.
        (_, Some(status)) => return Ok(End::Stopped { status }),
        (SagaOutcome::Completed(response), None) => response,
        (SagaOutcome::Compensated { cause, .. }, None) => {
            return Err(format!("cannot make `{}`: {cause}", output.display()).into());
        }
        (SagaOutcome::Cancelled { reason, .. } | SagaOutcome::Killed { reason, .. }, None) => {
            return Err(reason.into());
        }
    };
    view.writing();
    tokio::select! {
        written = files.download_to(&response.archive, output) => {
            let size = HumanBytes(written?);
            let entries = if count == 1 { "entry" } else { "entries" };
            Ok(End::Written { summary: format!("{}: {count} {entries}, {size}", output.display()) })
        }
        status = stop.wanted() => Ok(End::Stopped { status }),
    }
}

/// An error and its causes on one line, each once.
fn sentence(failure: &dyn Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
