//! One saga from its request to the file that the user asked for.

use std::{error::Error, path::Path, time::Duration};

use distributed_task::{SagaOutcome, backend::files::ObjectFiles, files::Files};
use indicatif::HumanBytes;

use crate::{
    cli::Wish,
    inputs::{self, Entry},
    output::Output,
    progress::View,
    signals::Stop,
    task::{CreateZipFromFiles, CreateZipFromFilesOrchestrator, CreateZipRequest},
};

type Failure = Box<dyn Error>;

/// How the work ended, if it did not fail.
pub(crate) enum End {
    Written { summary: String },
    Stopped { status: u8 },
}

/// For the steps that still run when the work is over; there should be none.
const GRACE: Duration = Duration::from_secs(30);

/// Checks everything, and only then makes the first file.
pub(crate) async fn pack(wish: Wish, view: &mut View) -> Result<End, Failure> {
    let output = Output::new(wish.output)?;
    let entries = inputs::collect(&wish.inputs, &output)?;

    // Up to here there is nothing to take back, and a signal simply ends the process.
    let mut stop = Stop::new()?;
    let work = output.working_folder()?;
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
