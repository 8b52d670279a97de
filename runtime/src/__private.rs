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
        builder::{
            TaskBuilder,
            dependencies::{Building, Dependency, IntoTask, Set, build, use_in_process_mode},
        },
        files::{SourceFile, UploadedFile, UploadedFiles},
        kernel::{Backoff, Jitter, Value},
        task::{
            Cancellable, TaskDefinition, TaskSteps,
            call::{
                Attempt, Call, UndoCall, View, blocking, blocking_sources, ephemeral_blocking,
                ephemeral_future, future, future_sources, last, respond, unexpanded,
            },
            limits::{fits_into, hours, millis, minutes, secs},
            row::{Row, StepRow, Table, compensable, no_undo, pivot, read_only, retriable, upload},
            table::{Checked, Mode, Response, TaskRow, is_task, task},
        },
    };
}
