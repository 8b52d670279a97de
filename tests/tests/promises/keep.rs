//! A task whose saga keeps one file, or goes back if it is told to.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    Refusal,
    backend::memory::MemoryJournal,
    files::{Files, UploadedFile, key_prefix},
    kernel::SagaId,
    prelude::*,
};

pub const BUCKET: &str = "incoming-files";
/// How long a sweep waits with what belongs to a saga that is over.
pub const SOON: Duration = Duration::from_secs(15 * 60);
/// With what belongs to none: the deadline of the task and a quarter of an hour.
pub const PATIENCE: Duration = Duration::from_secs(3600 + 15 * 60);

/// Completes with `true`.
#[distributed_task(request = bool, response = UploadedFile, timeout = "1h")]
pub struct Keep;

#[steps]
impl Keep {
    #[file_upload_step(bucket = "incoming-files")]
    async fn keep(&self) -> SourceFile {
        SourceFile::bytes("note.txt", "note")
    }

    #[step(read_only)]
    async fn check(&self, request: &bool) -> StepResult<()> {
        if *request { Ok(()) } else { Err(Refusal::new("bad", "bad"))? }
    }

    #[response]
    fn respond(&self, keep: &UploadedFile) -> UploadedFile {
        keep.clone()
    }
}

impl Keep {
    /// The task, with this store, and a journal that remembers what is over.
    pub async fn with(files: Files) -> Task<Self> {
        let journal = Arc::new(MemoryJournal::builder().retain_ended(64).build());
        let builder = Self::builder().use_in_process_mode().override_journal(journal);
        builder.override_files(files).build().await.expect("it builds")
    }
}

/// A saga that is over.
pub async fn ended(task: &Task<Keep>, request: bool) -> SagaId {
    let saga = task.submit(request).await.expect("submitted");
    saga.outcome().await.expect("an outcome");
    saga.id()
}

/// What the keys begin with of what its step uploads.
pub fn prefix(saga: SagaId) -> String {
    key_prefix(["keep", &saga.to_string(), "keep", "0"])
}
