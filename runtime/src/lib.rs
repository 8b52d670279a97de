//! Reliable multi-step work, as declarative sagas that are checked at compile time.
//!
//! Annotate a struct and its step functions, and they become a *saga*: steps that run in order, are
//! tried again when they fail, and are undone in reverse when they cannot succeed. The graph is known
//! before anything runs, the journal is the only truth, and no user code is ever replayed.
//!
//! ```
//! use distributed_task::prelude::*;
//!
//! /// Books a trip, or nothing.
//! #[distributed_task(request = String, response = String, cancellable)]
//! struct BookTrip;
//!
//! #[steps]
//! impl BookTrip {
//!     #[step(compensate = cancel_flight, timeout = "30s")]
//!     async fn flight(&self, cx: &StepContext, request: &str) -> StepResult<String> {
//!         Ok(format!("flight to {request}, booked under {}", cx.idempotency_key()))
//!     }
//!
//!     async fn cancel_flight(&self, cx: &UndoContext) -> StepResult<()> {
//!         println!("cancel what was booked under {}", cx.step_key());
//!         Ok(())
//!     }
//!
//!     #[step(pivot, retry(max = 5, delay = "200ms"))]
//!     async fn pay(&self, flight: &String) -> StepResult<String> {
//!         Ok(format!("{flight}, paid"))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trips = BookTrip::builder().use_in_process_mode().build().await?;
//! let saga = trips.submit("Oslo".into()).await?;
//! match saga.outcome().await? {
//!     SagaOutcome::Completed(trip) => assert!(trip.starts_with("flight to Oslo")),
//!     other => println!("{other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A task runs **in one process**, with its journal in memory, which goes with the process, or in a file
//! (feature `sqlite`), and then sagas survive `kill -9` and the loss of power. Or it runs **as many
//! processes** that share a Redis (feature `redis`) and an S3 server (feature `s3`), and any of them may
//! die. It is the same task: one line on its builder says which ([modes](docs::guide::modes)).
//!
//! Start with the [guide](docs::guide). The [rules](docs::semantics) have numbers, which comments and
//! tests cite. [`distributed_task`](macro@distributed_task), [`steps`] and [`step`] are the
//! attributes, [`Task`] is what a builder builds, and [`builder::TaskBuilder`] replaces its parts.
//! [`kernel`] has the rules without any I/O; [`journal`], [`queue`], [`files`], [`mod@progress`],
//! [`lease`], [`mod@lock`], [`codec`] and [`clock`] are the traits that a backend implements. [`testing`], behind the
//! feature of that name, runs your sagas with a crash around each of their writes. [`coordination`], behind
//! the feature of that name, needs no task: who may do what only one process at a time should.
#![forbid(unsafe_code)]
// Nothing but `clock` asks for the time, and chance is named where it is used.
#![warn(clippy::disallowed_methods)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backend;
#[cfg(feature = "engine")]
pub mod builder;
pub mod clock;
pub mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "coordination")]
pub mod coordination;
// The pages to read hold no code: only rustdoc sees them.
#[cfg(all(any(doc, doctest), feature = "in-process"))]
pub mod docs;
#[cfg(any(feature = "coordination", feature = "redis"))]
mod event_loop;
pub mod files;
pub mod journal;
pub mod kernel;
pub mod lease;
pub mod lock;
#[cfg(feature = "engine")]
mod orchestrator;
pub mod progress;
pub mod queue;
#[cfg(all(test, feature = "in-process"))]
mod simulation;
#[cfg(feature = "engine")]
mod task;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod __private;

#[cfg(feature = "engine")]
pub use crate::{
    builder::BuildError,
    kernel::SagaStatus,
    orchestrator::{
        AuditReport, CancelError, Cancelled, CompensationCause, Effect, Failure, FileSweep,
        LateReport, Operator, OperatorAnswer, OperatorError, OutcomeError, ProbeAnswer,
        ProgressUpdates, SagaEvent, SagaEventKind, SagaEvents, SagaFilter, SagaHandle, SagaList,
        SagaOutcome, SagaRow, ShutdownReport, StartKey, StatusError, SubmitError, SweepError,
        Swept, Task, TurnedBack, Unclaimable, WhyParked, Worker,
    },
    task::{
        Cancellable, OrRefuse, PartialError, PartialResult, Probe, ProbeContext, Refusal,
        StepContext, StepError, StepResult, TaskDefinition, TaskSteps, UndoContext, WorkerMessage,
        WrongTask,
    },
};
#[cfg(feature = "engine")]
pub use distributed_task_macros::{distributed_task, file_upload_step, response, step, steps};

/// Everything that a file with a task needs.
#[cfg(feature = "engine")]
pub mod prelude {
    pub use crate::{
        OrRefuse, PartialError, PartialResult, Probe, ProbeContext, Refusal, SagaHandle,
        SagaOutcome, StepContext, StepError, StepResult, Task, UndoContext, distributed_task,
        file_upload_step,
        files::{LocalFile, SourceFile, UploadedFile, UploadedFiles},
        kernel::Outcome,
        progress::ByteCount,
        response, step, steps,
    };
}
