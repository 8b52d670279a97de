//! The rules of a saga, without I/O: definition, records, state, decisions, retry arithmetic and
//! the order of undo.
//!
//! The law: the kernel is told what happened and what time it is, and says what to write and what
//! to start. It has no clock, no random numbers and no order that depends on a hash map, so the
//! same events always give the same commands. It drives production, tests and simulation alike.
//!
//! ```text
//!   records ──fold──▶ State ──▶ Machine ◀── Event, now
//!                                  │
//!                                  ├──▶ Decision: records to commit, and where the saga goes
//!                                  └──▶ Command: what to start once they are committed
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod advance;
mod attempt;
mod base64;
mod commands;
mod definition;
mod direction;
mod ends;
mod envelope;
mod event;
mod hex;
mod ids;
mod inbox;
mod letters;
mod machine;
mod mail;
mod outcome;
mod place;
mod probe;
mod quiet;
mod record;
mod retry;
mod rollback;
mod state;
mod status;
mod step;
mod value;

#[cfg(test)]
pub(crate) mod tests;

pub use attempt::{AttemptEnd, Doubt, Refused};
pub use definition::{
    Backoff, DEFAULT_STEP_TIMEOUT, Definition, DefinitionHash, Host, Jitter, Kind, OnExhausted,
    Retry, Step,
};
pub use direction::Direction;
pub use event::{Command, Decision, Event, Judge, NoVerdict, Place};
pub use ids::{EntryId, Fence, Fingerprint, SagaId, Timestamp, idempotency_key};
pub use machine::{Machine, Memo};
pub use mail::{Letter, Mail};
pub use outcome::Outcome;
pub use record::{
    Cause, End, Finish, Finished, Group, ParkReason, Record, Residual, Stamped, Started, Way,
};
pub use retry::{PROBE_RETRY, UNDO_BUDGET, UNDO_RETRY, retry_delay};
pub use state::State;
pub use status::SagaStatus;
pub use step::{Phase, StepState};
pub use value::{Encoded, JournalValue, Value};
