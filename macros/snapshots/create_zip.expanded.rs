/// Packs uploaded files into one ZIP archive.
pub struct CreateZipFromFiles {
    /// How hard to press.
    compression: CompressionLevel,
}
/// The message that tells a worker about a saga of [`CreateZipFromFiles`].
#[allow(dead_code)]
pub type CreateZipFromFilesWorkerMessage = ::distributed_task::__private::v1::WorkerMessage<
    CreateZipFromFiles,
>;
/// Starts and finds the sagas of [`CreateZipFromFiles`].
#[allow(dead_code)]
pub type CreateZipFromFilesOrchestrator = ::distributed_task::__private::v1::Task<
    CreateZipFromFiles,
>;
/// One saga of [`CreateZipFromFiles`].
#[allow(dead_code)]
pub type CreateZipFromFilesHandle = ::distributed_task::__private::v1::SagaHandle<
    CreateZipFromFiles,
>;
/// How a saga of [`CreateZipFromFiles`] ended.
#[allow(dead_code)]
pub type CreateZipFromFilesOutcome = ::distributed_task::__private::v1::SagaOutcome<
    CreateZipFromFiles,
>;
#[allow(dead_code)]
impl CreateZipFromFiles {
    /// The queue that its workers listen to.
    pub const WORKER_QUEUE: &'static str = "file-processing";
    /// Takes the dependencies, and then the mode.
    pub fn builder() -> CreateZipFromFilesBuilder {
        CreateZipFromFilesBuilder {
            compression: create_zip_from_files_builder::compression::Unset,
        }
    }
}
/// Builds a [`CreateZipFromFiles`]: one setter for each dependency, in any order.
#[must_use]
pub struct CreateZipFromFilesBuilder<
    CompressionState = create_zip_from_files_builder::compression,
> {
    compression: CompressionState,
}
#[doc(hidden)]
#[allow(non_camel_case_types, unreachable_pub)]
mod create_zip_from_files_builder {
    pub enum compression {
        Unset,
    }
}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    impl dt::TaskDefinition for CreateZipFromFiles {
        type Values = dt::Serde;
        type Request = CreateZipRequest;
        type Response = CreateZipResponse;
        type Error = dt::Refusal;
        const TASK: dt::TaskRow = dt::task("create-zip-from-files")
            .queue(Self::WORKER_QUEUE)
            .max_retries(2)
            .timeout(dt::mins(10))
            .cancellable()
            .with::<CompressionLevel>();
    }
    impl dt::Cancellable for CreateZipFromFiles {}
    #[allow(dead_code)]
    impl<CompressionState> CreateZipFromFilesBuilder<CompressionState> {
        /// How hard to press.
        pub fn compression(
            self,
            compression: CompressionLevel,
        ) -> CreateZipFromFilesBuilder<dt::Set<CompressionLevel>> {
            CreateZipFromFilesBuilder {
                compression: dt::Set(compression),
            }
        }
    }
    impl<CompressionState: dt::Dependency<CompressionLevel>> dt::IntoTask
    for CreateZipFromFilesBuilder<CompressionState> {
        type Task = CreateZipFromFiles;
        fn into_task(self) -> CreateZipFromFiles {
            CreateZipFromFiles {
                compression: dt::Dependency::take(self.compression),
            }
        }
    }
    #[allow(dead_code)]
    impl<CompressionState> CreateZipFromFilesBuilder<CompressionState> {
        /// Everything in this process, nothing to install.
        pub fn use_in_process_mode(self) -> dt::TaskBuilder<CreateZipFromFiles>
        where
            Self: dt::IntoTask<Task = CreateZipFromFiles>,
        {
            dt::use_in_process_mode(self)
        }
        /// As many processes, which share what `with` says.
        pub fn use_distributed_mode(
            self,
            with: impl dt::FnOnce(dt::Distributed) -> dt::Distributed,
        ) -> dt::TaskBuilder<CreateZipFromFiles>
        where
            Self: dt::IntoTask<Task = CreateZipFromFiles>,
        {
            dt::use_distributed_mode(self, with)
        }
        /// Starts the task in the mode that it declares.
        pub fn build(self) -> dt::Building<CreateZipFromFiles>
        where
            Self: dt::IntoTask<Task = CreateZipFromFiles>,
        {
            dt::build(self)
        }
    }
};
#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::unused_async,
    clippy::unused_self
)]
impl CreateZipFromFiles {
    fn upload_source_files(&self, request: &CreateZipRequest) -> Vec<SourceFile> {
        sources(request)
    }
    /// Builds the archive on the worker.
    fn create_zip_archive(
        &self,
        cx: &StepContext,
        upload_source_files: &UploadedFiles,
    ) -> StepResult<LocalFile> {
        pack(cx, upload_source_files, self.compression)
    }
    fn upload_zip(&self, create_zip_archive: &LocalFile) -> SourceFile {
        create_zip_archive.into()
    }
    fn respond(&self, upload_zip: &UploadedFile) -> CreateZipResponse {
        CreateZipResponse {
            archive: upload_zip.clone(),
        }
    }
}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    type This = dt::Checked<CreateZipFromFiles, { dt::is_task::<CreateZipFromFiles>() }>;
    impl dt::TaskSteps for CreateZipFromFiles
    where
        This: dt::TaskDefinition,
    {
        const STEPS: dt::Table<Self> = &[
            &dt::upload("upload_source_files", "incoming-files")
                .files(|c: dt::Call<This, Vec<SourceFile>>| dt::blocking_sources(move || {
                    let request: &CreateZipRequest = c.request();
                    dt::Ok(Self::upload_source_files(&c.task, request))
                }))
                .on_api(),
            &dt::read_only("create_zip_archive")
                .ephemeral(|c: dt::Call<This, LocalFile>| dt::ephemeral_blocking(move || {
                    let upload_source_files: &UploadedFiles = c
                        .step::<dt::UploadedFiles>(0);
                    Self::create_zip_archive(&c.task, &c.cx, upload_source_files)
                }))
                .reads(dt::READS.run(&[0]))
                .retry(dt::max(3).exponential().delay(dt::millis(500))),
            &dt::upload("upload_zip", "processed-files")
                .files(|c: dt::Call<This, SourceFile>| dt::blocking_sources(move || {
                    let create_zip_archive: &LocalFile = c.step::<LocalFile>(1);
                    dt::Ok(Self::upload_zip(&c.task, create_zip_archive))
                }))
                .reads(dt::READS.run(&[1])),
        ];
        const RESPONSE: dt::Response<Self> = |c| {
            let upload_zip: &UploadedFile = c.step::<dt::UploadedFile>(2);
            dt::respond::<Self>(Self::respond(c.task, upload_zip))
        };
        const RESPONSE_READS: dt::Reads = &[2];
    }
    const _: () = dt::tries_fit::<This>(1);
    const _: () = dt::path_fits::<This>();
};
