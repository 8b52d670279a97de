//! Drives the kernel against the traits.
//!
//! The law: nothing here knows which backend it runs on, and the API side and the worker side meet
//! only in the journal, or in a carrier that brings the generated worker message.
//!
//! ```text
//!  Task::submit ──create──▶ Journal ──claim──▶ Driver ──commit──▶ Journal ──signal──▶ Waiter
//!       │ api steps            │ tickets          │                                     │
//!       └──▶ Driver            └──▶ Queue ────────┘ attempts of steps and undos         ▼
//!                                                                             SagaHandle::outcome
//! ```

mod attempt;
mod carrier;
mod claim;
mod driver;
mod handle;
mod host;
mod inputs;
mod outcome;
mod pulse;
mod random;
mod signals;
mod submit;
mod task;
mod watch;

pub use handle::{CancelError, Cancelled, ProgressUpdates, SagaHandle};
pub(crate) use host::{Carrier, Host, HostSettings};
pub use outcome::{CompensationCause, Effect, OutcomeError, SagaOutcome};
pub use submit::SubmitError;
pub use task::{ShutdownReport, StatusError, Task};
