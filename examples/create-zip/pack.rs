//! One saga from its request to the file that the user asked for.

use std::{error::Error, fs, path::Path, time::Duration};

use distributed_task::{backend::files::ObjectFiles, files::Files};

use crate::{
    archive::CompressionLevel,
    cli::Wish,
    inputs::{self, Entry},
    output::Output,
    progress::View,
    saga::{archive, watch, write},
    signals::Stop,
    task::{CreateZipFromFiles, CreateZipFromFilesOrchestrator, CreateZipRequest},
};

pub(crate) type Failure = Box<dyn Error>;

/// How the work ended, if it did not fail. It is abandoned if the user does not wait for the undo.
pub(crate) enum End {
    Written { summary: String },
    Stopped { status: u8 },
    Abandoned { status: u8, left: String },
}

/// For the steps that still run when the work is over; there should be none.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Checks everything, and only then makes the first file.
pub(crate) async fn pack(wish: Wish, view: &mut View) -> Result<End, Failure> {
    let output = Output::new(wish.output)?;
    let entries = inputs::collect(&wish.inputs, &output)?;

    // Up to here there is nothing to take back, and a signal simply ends the process.
    let (stop, mut again) = (Stop::new()?, Stop::new()?);
    let work = output.working_folder()?;
    let end = tokio::select! {
        end = pack_in(&work, wish.level, entries, &output, view, stop) => end,
        status = again.insisted_on() => {
            let left = format!("`{}` is left behind", work.display());
            return Ok(End::Abandoned { status, left });
        }
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
    let (outcome, stopped) = watch(&saga, view, &mut stop, async || None).await?;
    let archive = archive(outcome, output);
    match stopped {
        // Also when the cancel came too late: who does not want the archive does not get it.
        Some(status) => Ok(End::Stopped { status }),
        None => write(files, &archive?, count, output, view, &mut stop).await,
    }
}
