//! One saga from its request to the file that the user asked for.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use distributed_task::{
    SagaOutcome, backend::files::ObjectFiles, files::Files, progress::SagaStatus,
};
use indicatif::HumanBytes;

use crate::{
    archive::CompressionLevel,
    cli::Wish,
    inputs::{self, Entry},
    output::Output,
    progress::View,
    signals::Stop,
    task::{CreateZipFromFiles, CreateZipFromFilesOrchestrator, CreateZipRequest},
};

type Failure = Box<dyn Error>;

/// How the work ended, if it did not fail. It is abandoned if the user does not wait for the undo.
pub(crate) enum End {
    Written { summary: String },
    Stopped { status: u8 },
    Abandoned { status: u8, left: PathBuf },
}

/// For the steps that still run when the work is over; there should be none.
const GRACE: Duration = Duration::from_secs(30);

/// Checks everything, and only then makes the first file.
pub(crate) async fn pack(wish: Wish, view: &mut View) -> Result<End, Failure> {
    let output = Output::new(wish.output)?;
    let entries = inputs::collect(&wish.inputs, &output)?;

    // Up to here there is nothing to take back, and a signal simply ends the process.
    let (stop, mut again) = (Stop::new()?, Stop::new()?);
    let work = output.working_folder()?;
    let end = tokio::select! {
        end = pack_in(&work, wish.level, entries, &output, view, stop) => end,
        status = again.insisted_on() => return Ok(End::Abandoned { status, left: work }),
    };

    // Whatever came of it, and also if it is an error: what was written goes.
    let removed = fs::remove_dir_all(&work);
    let end = end?;
    removed.map_err(|why| format!("cannot remove `{}`: {why}", work.display()))?;
    Ok(end)
}

/// Does all its work in a folder, in which nobody writes any more at the end.
async fn pack_in(
    work: &Path,
    level: CompressionLevel,
    entries: Vec<Entry>,
    output: &Output,
    view: &mut View,
    stop: Stop,
) -> Result<End, Failure> {
    let files = Files::new(ObjectFiles::folder(work)?).temp_folder(work);
    let zip = CreateZipFromFiles::builder()
        .compression(level)
        .use_in_process_mode()
        .override_files(files.clone())
        .build()
        .await?;
    let end = run(&zip, entries, &files, output, view, stop).await;
    zip.shutdown(GRACE).await;
    end
}

/// Runs one saga to its end, and puts its archive in its place.
async fn run(
    zip: &CreateZipFromFilesOrchestrator,
    entries: Vec<Entry>,
    files: &Files,
    output: &Output,
    view: &mut View,
    mut stop: Stop,
) -> Result<End, Failure> {
    let count = entries.len();
    let saga = zip.start(CreateZipRequest { entries }).await?;
    let mut stopped = None;
    let mut updates = saga.progress();
    loop {
        tokio::select! {
            update = updates.next() => match update {
                // The step that was told to stop is no news, its undo is.
                Some(now) if stopped.is_some() && now.status == SagaStatus::Running => {}
                Some(now) => view.show(&now),
                None => break,
            },
            status = stop.wanted(), if stopped.is_none() => {
                stopped = Some(status);
                view.note("stopping");
                saga.cancel().await?;
            }
        }
    }
    let path = output.path.display();
    let response = match (saga.outcome().await?, stopped) {
        // Also when the cancel came too late: who does not want the archive does not get it.
        (_, Some(status)) => return Ok(End::Stopped { status }),
        (SagaOutcome::Completed(response), None) => response,
        (SagaOutcome::Compensated { cause, .. }, None) => {
            return Err(format!("cannot make `{path}`: {cause}").into());
        }
        (SagaOutcome::Cancelled { reason, .. } | SagaOutcome::Killed { reason, .. }, None) => {
            return Err(reason.into());
        }
    };
    view.note("writing the archive");
    tokio::select! {
        written = files.download_to(&response.archive, &output.file) => {
            let size = HumanBytes(written?);
            let entries = if count == 1 { "entry" } else { "entries" };
            Ok(End::Written { summary: format!("{path}: {count} {entries}, {size}") })
        }
        status = stop.wanted() => Ok(End::Stopped { status }),
    }
}
