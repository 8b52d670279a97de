//! What is done about a saga wherever its steps run: watch it, and fetch its archive.

use std::{pin::pin, time::Duration};

use distributed_task::{
    SagaOutcome,
    files::{Files, UploadedFile},
    progress::SagaStatus,
};
use indicatif::HumanBytes;
use tokio::time::sleep;

use crate::{
    output::Output,
    pack::{End, Failure},
    progress::View,
    signals::Stop,
    task::{CreateZipFromFilesHandle, CreateZipFromFilesOutcome},
};

/// So long without news, and somebody may have to do something.
const SILENCE: Duration = Duration::from_secs(3);

/// Shows the saga until it ends, and cancels it when that is wanted: answers how it ended, and then
/// the exit status. After a silence it shows what `why_silent` says.
pub(crate) async fn watch(
    saga: &CreateZipFromFilesHandle,
    view: &mut View,
    stop: &mut Stop,
    why_silent: impl AsyncFn() -> Option<&'static str>,
) -> Result<(CreateZipFromFilesOutcome, Option<u8>), Failure> {
    let (mut stopped, mut goes_on) = (None, true);
    let mut updates = saga.progress();
    let mut ended = pin!(saga.outcome());
    loop {
        let silence = async {
            sleep(SILENCE).await;
            why_silent().await
        };
        tokio::select! {
            // What can be shown is shown, also when the end is known already.
            biased;
            update = updates.next(), if goes_on => match update {
                // The step that was told to stop is no news, its undo is.
                Some(now) if stopped.is_some() && now.status == SagaStatus::Running => {}
                Some(now) => view.show(&now),
                None => goes_on = false,
            },
            status = stop.wanted(), if stopped.is_none() => {
                stopped = Some(status);
                view.note("stopping");
                saga.cancel().await?;
            }
            outcome = &mut ended => return Ok((outcome?, stopped)),
            why = silence => if let Some(why) = why {
                view.note(why);
            },
        }
    }
}

/// The archive, if everything was done.
pub(crate) fn archive(
    outcome: CreateZipFromFilesOutcome,
    output: &Output,
) -> Result<UploadedFile, Failure> {
    match outcome {
        SagaOutcome::Completed(response) => Ok(response.archive),
        SagaOutcome::Compensated { cause, .. } => {
            Err(format!("cannot make `{}`: {cause}", output.path.display()).into())
        }
        SagaOutcome::Cancelled { reason, .. } | SagaOutcome::Killed { reason, .. } => {
            Err(reason.into())
        }
    }
}

/// Puts the archive in its place.
pub(crate) async fn write(
    files: &Files,
    archive: &UploadedFile,
    count: usize,
    output: &Output,
    view: &mut View,
    stop: &mut Stop,
) -> Result<End, Failure> {
    view.note("writing the archive");
    tokio::select! {
        written = files.download_to(archive, &output.file) => {
            let size = HumanBytes(written?);
            let entries = if count == 1 { "entry" } else { "entries" };
            let summary = format!("{}: {count} {entries}, {size}", output.path.display());
            Ok(End::Written { summary })
        }
        status = stop.wanted() => Ok(End::Stopped { status }),
    }
}
