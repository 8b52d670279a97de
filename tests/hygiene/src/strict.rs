//! A task that others see, in a crate that asks for more than most: every item has documentation,
//! and Clippy is a pedant. The methods have the shapes that the macros ask for: inputs are lent, also
//! those that a copy would be cheaper for, `&self` is there although nobody needs it, and nothing
//! has to be awaited.

#![deny(missing_docs)]
#![warn(clippy::pedantic)]

use ::sagas::prelude::{Outcome, Probe, ProbeContext, SourceFile, StepContext, StepResult};
use ::sagas::prelude::{UndoContext, UploadedFile};
use ::std::{convert::From, option::Option, result::Result::Ok};

/// A task with a dependency that has documentation, and one that has none.
#[::sagas::distributed_task(request = u32, response = u64, cancellable, crate = ::sagas)]
pub struct Strict {
    /// How fast.
    speed: u8,
    level: u8,
}

#[::sagas::steps(crate = ::sagas)]
impl Strict {
    #[step(read_only)]
    async fn count(&self, cx: &StepContext, request: &u32) -> StepResult<u32> {
        let _ = (cx, self.speed);
        Ok(*request)
    }

    #[step(compensate = put_back, probe = is_taken, when = is_large)]
    async fn take(&self, count: &u32) -> u32 {
        *count
    }

    async fn put_back(&self, cx: &UndoContext, take: Outcome<&u32>) -> StepResult<()> {
        let _ = (cx, take);
        Ok(())
    }

    async fn is_taken(&self, cx: &ProbeContext, request: &u32) -> StepResult<Probe<u32>> {
        let _ = (cx, request);
        Ok(Probe::DidNot)
    }

    fn is_large(&self, count: &u32) -> bool {
        *count > u32::from(self.level)
    }

    #[file_upload_step(bucket = "labels")]
    async fn label(&self, request: &u32) -> SourceFile {
        let _ = request;
        SourceFile::bytes("label", "label")
    }

    #[step(pivot)]
    fn pay(&self, take: Option<&u32>) -> u64 {
        take.copied().map_or(0, u64::from)
    }

    #[response]
    fn respond(&self, pay: &u64, label: &UploadedFile) -> u64 {
        let _ = label;
        *pay
    }
}
