//! What generated code may name, by version: nothing but re-exports. Changing what one of them
//! does means a new module beside it.

/// For the code that the macros of this version print.
pub mod v1 {
    pub use core::{
        option::Option,
        result::Result::{self, Ok},
    };

    pub use crate::{
        BuildError, Refusal, SagaHandle, SagaOutcome, StepContext, Task, UndoContext,
        WorkerMessage,
        builder::TaskBuilder,
        files::{SourceFile, UploadedFile, UploadedFiles},
        kernel::{Backoff, Jitter, Outcome},
        task::{
            Cancellable, TaskDefinition, TaskSteps,
            call::{
                Call, UndoCall, View, blocking, blocking_sources, ephemeral_blocking,
                ephemeral_future, future, future_sources, last, unexpanded,
            },
            dependencies::{Dependency, IntoTask, Set, build, use_in_process_mode},
            table::{
                Mode, Response, StepRow, TaskRow, Undo, ephemeral, fits_into, hours, millis,
                minutes, response, retry, secs, step, task, upload_file, upload_files,
            },
        },
    };
}
