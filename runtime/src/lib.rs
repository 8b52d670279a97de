//! Reliable multi-step work: declarative sagas, checked at compile time, in one process or many.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backend;
#[cfg(feature = "engine")]
pub mod builder;
pub mod clock;
pub mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod files;
pub mod journal;
pub mod kernel;
#[cfg(feature = "engine")]
mod orchestrator;
pub mod progress;
pub mod queue;
#[cfg(feature = "engine")]
mod task;

#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod __private;

#[cfg(feature = "engine")]
pub use crate::{
    builder::BuildError,
    orchestrator::{
        CancelError, Cancelled, CompensationCause, Effect, OutcomeError, ProgressUpdates,
        SagaHandle, SagaOutcome, ShutdownReport, StatusError, SubmitError, Task,
    },
    task::{
        Cancellable, OrRefuse, Refusal, StepContext, StepError, StepResult, TaskDefinition,
        TaskSteps, UndoContext, WorkerMessage, WrongTask,
    },
};
#[cfg(feature = "engine")]
pub use distributed_task_macros::{distributed_task, file_upload_step, response, step, steps};

/// Everything that a file with a task needs.
#[cfg(feature = "engine")]
pub mod prelude {
    pub use crate::{
        OrRefuse, Refusal, SagaHandle, SagaOutcome, StepContext, StepError, StepResult, Task,
        UndoContext, distributed_task, file_upload_step,
        files::{LocalFile, SourceFile, UploadedFile, UploadedFiles},
        kernel::Outcome,
        progress::ByteCount,
        response, step, steps,
    };
}
