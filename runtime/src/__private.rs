//! What generated code may name, by version: nothing but re-exports. Changing what one of them
//! does means a new module beside it.

/// For the code that the macros of this version print.
pub mod v1 {
    pub use core::{
        ops::FnOnce,
        option::Option,
        result::Result::{self, Ok},
    };

    pub use crate::{
        BuildError, ProbeContext, Refusal, SagaHandle, SagaOutcome, StepContext, Task, UndoContext,
        WorkerMessage,
        builder::{
            Distributed, TaskBuilder,
            dependencies::{
                Building, Dependency, IntoTask, Set, build, use_distributed_mode,
                use_in_process_mode,
            },
        },
        files::{SourceFile, UploadedFile, UploadedFiles},
        journal::Durability,
        kernel::Value,
        task::{
            Cancellable, Protobuf, Serde, TaskDefinition, TaskSteps,
            call::{
                Attempt, Call, ProbeCall, UndoCall, View, asked_blocking, asked_future, blocking,
                blocking_sources, ephemeral_blocking, ephemeral_future, future, future_sources,
                last, partial_blocking, partial_future, protobuf_blocking, protobuf_future,
                protobuf_partial_blocking, protobuf_partial_future, respond, unexpanded,
            },
            limits::{attempt_fits, hours, max, millis, mins, path_fits, retry, secs, tries_fit},
            row::{AnyRun, Row, Table, compensable, no_undo, pivot, read_only, retriable, upload},
            table::{Checked, Mode, READS, Reads, Response, TaskRow, is_task, task},
        },
    };
}
