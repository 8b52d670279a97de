//! History: what happened to a saga, read once or followed.
//!
//! It is what the journal has of the saga, and goes with it ([how long](#how-long)).
//! [`history`](crate::SagaHandle::history) reads it, [`events`](crate::SagaHandle::events) follows it:
//!
//! ```
//! use distributed_task::{SagaEventKind, prelude::*};
//!
//! #[distributed_task(request = String, response = usize)]
//! struct Count;
//!
//! #[steps]
//! impl Count {
//!     #[step(read_only, retry(max = 1, delay = "1ms"))]
//!     async fn count(&self, cx: &StepContext, request: &str) -> StepResult<usize> {
//!         if cx.attempt() == 1 {
//!             Err("out of fingers")?;
//!         }
//!         Ok(request.len())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Count::builder().use_in_process_mode().build().await?;
//! let saga = task.submit("four".into()).await?;
//!
//! let mut failures = 0;
//! let mut events = saga.events();
//! while let Some(event) = events.next().await {
//!     if let SagaEventKind::StepFailed { .. } = event.kind {
//!         failures += 1;
//!     }
//! }
//! assert_eq!(failures, 1);
//!
//! let history: Vec<_> = saga.history().await?.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     history,
//!     [
//!         "0: submitted",
//!         "1: `count` starts",
//!         "2: `count` failed, attempt 1: out of fingers",
//!         "3: `count` done",
//!         "4: the saga is completed",
//!     ]
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # What an event is
//!
//! One record of the journal, under its number: 0, 1, 2 and so on, without gaps. It has a time, by
//! the clock of the journal, and the fence of the owner that wrote it. It names steps, attempts and
//! errors, and **never a request, an output or a response**: those may be secret, and an audit trail
//! is often kept where they may not be. What steps say in their *errors* is in it. Events can be
//! serialised as they are.
//!
//! That a saga is *parked* is a record, and so an event. *Stuck* is what it is when nothing is left to
//! do after a failure: the event with which it became so [names the steps](crate::SagaEvent::stuck), for
//! example ``9: undo of `hold` failed, attempt 1: jammed; stuck at `hold` ``.
//!
//! # How long
//!
//! The history of an open saga is there as long as it is open. When it is over its records stay for a
//! while, and its history goes with them:
//!
//! | journal | by default until | set by |
//! | --- | --- | --- |
//! | in memory | about 1,000 sagas have ended after it | [`retain_ended`](crate::backend::memory::MemoryJournalBuilder::retain_ended) |
//! | in a file | 24 hours after its end | `SqliteJournal::builder(..).retain(..)` |
//! | in Redis | 24 to 48 hours after its end | `RedisJournal::builder(..).retain(..)`, the same for [all processes](super::modes#distributed) |
//!
//! So a journal is no archive. Where an audit must last, copy [`events`](crate::SagaHandle::events) to where
//! it is kept, while the saga runs or soon after its end, and note the last number that was written: that
//! is where to [go on](crate::SagaHandle::events_after) after a failure.
//!
//! # Without gap or repetition
//!
//! A reader that was cut off asks for what comes
//! [after the last number](crate::SagaHandle::events_after) it has seen, wherever it is by then, and
//! misses nothing (INV11). That is the difference to [progress](super::progress), which shows where a
//! saga *is*, with byte counts and messages, and skips what nobody had the time to look at.
//!
//! A stream of events ends after the end of the saga. An end that is not
//! [settled](crate::SagaEventKind::Compensated) may be followed by more, when a step turns out to have
//! happened after all (C8): ask for what comes after it.
