//! The audit trail of a saga: its records as events for users, read once or followed.
//!
//! The law: one event for each record, under the number of the record, and never a value in it. So
//! a reader that has seen every number has seen everything (INV11), and an audit trail may be kept
//! where requests and outputs may not.

mod event;
mod records;
mod stream;
mod words;

pub use event::{ProbeAnswer, SagaEvent, SagaEventKind, TurnedBack};
pub(super) use records::Teller;
pub use stream::SagaEvents;
