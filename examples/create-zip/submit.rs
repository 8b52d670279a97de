//! `create-zip submit`: uploads, watches the worker, fetches the archive, and clears the buckets.

use distributed_task::{
    SagaFilter,
    files::{Files, UploadedFile},
    journal::PlaceKind,
};

use crate::{
    archive::CompressionLevel,
    cli::Submission,
    inputs::{self, Entry},
    output::Output,
    pack::{End, Failure, GRACE},
    progress::View,
    saga::{archive, watch, write},
    say::{say, sentence},
    servers::Unusable,
    signals::Stop,
    task::{
        BUCKETS, CreateZipFromFiles, CreateZipFromFilesHandle, CreateZipFromFilesOrchestrator,
        CreateZipRequest,
    },
};

/// Nobody can say whether a worker is only busy.
const NOBODY: &str = "no worker has taken it yet: start one with `create-zip worker` and the same \
                      servers, or wait until one is free";

/// Who asks in the journal which sagas lie ready.
const NAME: &str = "create-zip submit";

/// Checks everything, and only then sends the first byte.
pub(crate) async fn submit(wish: Submission, view: &mut View) -> Result<End, Failure> {
    let output = Output::new(wish.output)?;
    let entries = inputs::collect(&wish.inputs, &output)?;
    let files = Files::new(wish.servers.files.build().map_err(Unusable::from)?);
    let zip = CreateZipFromFiles::builder()
        // Nothing is packed here: each worker has a level of its own.
        .compression(CompressionLevel(0))
        .use_distributed_mode(|_| wish.servers.distributed)
        .build_api()
        .await
        .map_err(Unusable::from)?;

    // Up to here there is nothing to take back, and a signal simply ends the process.
    let (stop, mut again) = (Stop::new()?, Stop::new()?);
    tokio::select! {
        end = run(&zip, entries, &files, &output, view, stop) => {
            zip.shutdown(GRACE).await;
            end
        }
        status = again.insisted_on() => {
            let left = "the workers clear the buckets, unless the archive is done: then all stays in them";
            Ok(End::Abandoned { status, left: left.to_owned() })
        }
    }
}

/// Runs one saga to its end, puts its archive in its place, and leaves nothing in the buckets.
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
    let why_silent = async || lies_ready(zip, &saga).await.then_some(NOBODY);
    let (outcome, stopped) = watch(&saga, view, &mut stop, why_silent).await?;
    let archive = archive(outcome, output);
    let archive = match (archive, stopped) {
        (Ok(archive), _) => archive,
        (Err(_), Some(status)) => return Ok(End::Stopped { status }),
        (Err(failure), None) => return Err(failure),
    };
    let end = match stopped {
        // The cancel came too late. Who does not want the archive does not get it.
        Some(status) => Ok(End::Stopped { status }),
        None => write(files, &archive, count, output, view, &mut stop).await,
    };
    // A saga that completed is undone by nobody.
    clear(files, &archive).await;
    end
}

/// Whether the saga waits for a process to claim it.
async fn lies_ready(zip: &CreateZipFromFilesOrchestrator, saga: &CreateZipFromFilesHandle) -> bool {
    let mut ready = zip.operator(NAME).list(SagaFilter::all().in_place(PlaceKind::Ready));
    while let Some(Ok(row)) = ready.next().await {
        if row.id == saga.id() {
            return true;
        }
    }
    false
}

/// Deletes everything that the saga uploaded. The archive is where it belongs: what cannot be
/// deleted is told, and no failure.
async fn clear(files: &Files, archive: &UploadedFile) {
    // The task and the saga: every key of its steps begins with them.
    let saga: Vec<_> = archive.key.splitn(3, '/').take(2).collect();
    let prefix = saga.join("/");
    for bucket in BUCKETS {
        if let Err(why) = files.delete_prefix(bucket, &prefix).await {
            say(&format!("`{prefix}` is left in bucket `{bucket}`: {}", sentence(&why)));
        }
    }
}
