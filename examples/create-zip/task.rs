//! The saga: upload the sources, pack them, upload the archive.

use std::io;

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    archive::{Archive, CompressionLevel},
    inputs::Entry,
};

/// Entries of an archive, in their order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CreateZipRequest {
    pub(crate) entries: Vec<Entry>,
}

/// Where the archive is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CreateZipResponse {
    pub(crate) archive: UploadedFile,
}

/// Every bucket that its steps name.
#[cfg(feature = "distributed")]
pub(crate) const BUCKETS: [&str; 2] = ["incoming-files", "processed-files"];

/// Packs files into one ZIP archive.
#[distributed_task(
    request = CreateZipRequest,
    response = CreateZipResponse,
    max_retries = 2,
    timeout = "24h",
    cancellable
)]
pub(crate) struct CreateZipFromFiles {
    compression: CompressionLevel,
}

#[steps]
impl CreateZipFromFiles {
    // What cannot be read, or stored, now: the user hears of it at once.
    #[file_upload_step(host = "api", bucket = "incoming-files", retry(max = 0))]
    fn upload_source_files(&self, request: &CreateZipRequest) -> Vec<SourceFile> {
        let source = |entry: &Entry| {
            let content = entry.content.as_ref()?;
            Some(SourceFile::path(&content.path).named(&entry.name).of_size(content.size))
        };
        request.entries.iter().filter_map(source).collect()
    }

    #[step(ephemeral, read_only, retry(max = 3, backoff = "exponential", delay = "500ms"))]
    fn create_zip_archive(
        &self,
        cx: &StepContext,
        request: &CreateZipRequest,
        upload_source_files: &UploadedFiles,
    ) -> StepResult<LocalFile> {
        let file = cx.files().temp_file("archive.zip")?;
        let mut archive = Archive::new(file.create()?, self.compression);
        let mut packed = 0;
        let mut on_piece = |size| {
            packed += size;
            cx.progress(ByteCount::of(packed, upload_source_files.total_size()));
            if cx.is_cancelled() { Err(io::Error::other("cancelled")) } else { Ok(()) }
        };
        // The files were uploaded in the order of the entries, which also has the folders.
        let mut uploaded = upload_source_files.iter();
        for entry in &request.entries {
            match entry.content.as_ref().and_then(|_| uploaded.next()) {
                Some(source) => {
                    let content = cx.files().reader(source)?;
                    archive.file(entry, source.size, content, &mut on_piece)?;
                }
                None => archive.folder(entry)?,
            }
        }
        archive.finish()?;
        Ok(file)
    }

    #[file_upload_step(bucket = "processed-files")]
    fn upload_zip(&self, create_zip_archive: &LocalFile) -> SourceFile {
        create_zip_archive.into()
    }

    #[response]
    fn respond(&self, upload_zip: &UploadedFile) -> CreateZipResponse {
        CreateZipResponse { archive: upload_zip.clone() }
    }
}
