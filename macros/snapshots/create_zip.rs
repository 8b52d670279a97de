/// Packs uploaded files into one ZIP archive.
#[distributed_task(
    request = CreateZipRequest, response = CreateZipResponse,
    queue = "file-processing", max_retries = 2, timeout = "10m", cancellable,
)]
pub struct CreateZipFromFiles {
    /// How hard to press.
    compression: CompressionLevel,
}

#[steps]
impl CreateZipFromFiles {
    #[file_upload_step(host = "api", bucket = "incoming-files")]
    fn upload_source_files(&self, request: &CreateZipRequest) -> Vec<SourceFile> {
        sources(request)
    }

    /// Builds the archive on the worker.
    #[step(ephemeral, read_only, retry(max = 3, backoff = "exponential", delay = "500ms"))]
    fn create_zip_archive(
        &self,
        cx: &StepContext,
        upload_source_files: &UploadedFiles,
    ) -> StepResult<LocalFile> {
        pack(cx, upload_source_files, self.compression)
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
