//! What an upload step has, and what is built in.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[file_upload_step]
    fn no_bucket(&self) -> SourceFile {
        SourceFile::path("label")
    }

    #[file_upload_step(bucket = "Incoming Files")]
    fn bad_bucket(&self) -> SourceFile {
        SourceFile::path("label")
    }

    #[file_upload_step(bucket = 7)]
    fn no_text(&self) -> SourceFile {
        SourceFile::path("label")
    }

    #[file_upload_step(bucket = "incoming-files")]
    fn wrong_output(&self) -> StepResult<String> {
        Ok(String::new())
    }

    #[file_upload_step(bucket = "incoming-files", compensate = delete)]
    fn own_undo(&self) -> SourceFile {
        SourceFile::path("label")
    }

    #[file_upload_step(bucket = "incoming-files", pivot, read_only, ephemeral)]
    fn no_undo_words(&self) -> SourceFile {
        SourceFile::path("label")
    }
}

fn main() {}
