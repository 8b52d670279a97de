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

mod administer;
mod attempt;
mod carrier;
mod claim;
mod cover;
mod driver;
mod fence;
mod handle;
mod history;
mod host;
mod inputs;
mod late;
mod look;
mod once;
mod operator;
mod outcome;
mod pulse;
mod random;
mod reason;
mod seat;
mod signals;
mod singleton;
mod start_key;
mod submit;
mod suspects;
mod sweep;
mod task;
mod watch;
mod worker;

pub use handle::{CancelError, Cancelled, ProgressUpdates, SagaHandle};
pub use history::{ProbeAnswer, SagaEvent, SagaEventKind, SagaEvents, TurnedBack};
pub(crate) use host::{Carrier, Host, HostSettings, Part};
pub use operator::{
    AuditReport, LateReport, Operator, OperatorAnswer, OperatorError, SagaFilter, SagaList,
    SagaRow, Unclaimable,
};
pub use outcome::{CompensationCause, Effect, Failure, OutcomeError, SagaOutcome};
#[cfg(all(test, feature = "in-process"))]
pub(crate) use random::seeded;
pub use reason::WhyParked;
pub(crate) use singleton::OneAtATime;
pub use start_key::StartKey;
pub use submit::SubmitError;
pub use sweep::{FileSweep, SweepError, Swept};
pub use task::{ShutdownReport, StatusError, Task};
pub use worker::Worker;
