//! Step kinds and undo: every step says how it is taken back.
//!
//! A saga has no transaction to roll back. When it cannot go on, the steps that were done are undone
//! by code that you write, in reverse. So each step says which it is, and leaving it out is a
//! compile error:
//!
//! | on the step | it means | when the saga goes back |
//! | --- | --- | --- |
//! | `compensate = method` | it has an undo | the undo runs |
//! | `read_only` | it changes nothing | nothing to do |
//! | `no_undo = "reason"` | its effect may remain | it is reported as residual, with the reason |
//! | `pivot` | the point of no return, at most one | once it is done, the saga only goes forward |
//! | `retriable` | stands after the pivot, must succeed in the end | never undone |
//!
//! `#[file_upload_step]` has its undo built in: it [deletes the files](super::files).
//!
//! ```
//! use distributed_task::{CompensationCause, prelude::*};
//! # use std::sync::Arc;
//!
//! # #[derive(Clone, Default)]
//! # struct Stock(Arc<std::sync::Mutex<Vec<String>>>);
//! # impl Stock {
//! #     async fn reserve(&self, key: &str, _pieces: u32) -> std::io::Result<u64> {
//! #         self.0.lock().expect("nobody panics").push(key.to_owned());
//! #         Ok(7)
//! #     }
//! #     async fn release(&self, key: &str) -> std::io::Result<()> {
//! #         self.0.lock().expect("nobody panics").retain(|held| held != key);
//! #         Ok(())
//! #     }
//! # }
//! #[distributed_task(request = u32, response = u64)]
//! struct Sell {
//!     stock: Stock,
//!     limit: u32,
//! }
//!
//! #[steps]
//! impl Sell {
//!     #[step(compensate = release)]
//!     async fn reserve(&self, cx: &StepContext, request: &u32) -> StepResult<u64> {
//!         Ok(self.stock.reserve(&cx.idempotency_key(), *request).await?)
//!     }
//!
//!     async fn release(&self, cx: &UndoContext, reserve: Outcome<&u64>) -> StepResult<()> {
//!         // `Unknown`: the reservation may be there or not. The key finds it in both cases.
//!         let _number = reserve.value();
//!         Ok(self.stock.release(&cx.step_key()).await?)
//!     }
//!
//!     #[step(pivot)]
//!     async fn charge(&self, request: &u32) -> StepResult<()> {
//!         if *request > self.limit {
//!             return Err(StepError::refuse(Refusal::new("limit", "too much for this card")));
//!         }
//!         Ok(())
//!     }
//!
//!     #[step(retriable)]
//!     async fn dispatch(&self, reserve: &u64) -> u64 {
//!         *reserve
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let stock = Stock::default();
//! let sales = Sell::builder().stock(stock.clone()).limit(100).use_in_process_mode().build().await?;
//!
//! let outcome = sales.submit(500).await?.outcome().await?;
//! let SagaOutcome::Compensated { cause, residual, .. } = outcome else { panic!("over the limit") };
//! assert!(matches!(cause, CompensationCause::Refused { step, .. } if step == "charge"));
//! assert!(residual.is_empty());
//! # assert!(stock.0.lock().expect("nobody panics").is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What an undo is told
//!
//! It may take its context, the output of its own step as
//! [`Outcome<&T>`](crate::kernel::Outcome), and whatever the step itself could take, except
//! ephemeral outputs. [`Outcome::Unknown`](crate::kernel::Outcome::Unknown) is the case to think
//! about: a step that timed out, panicked or used up its tries may have happened. **Its undo runs
//! too**, and must succeed in both cases (C1, C6). A step that *refused* asserts that nothing of it
//! remains, and is not undone. One that returns a [`PartialResult`](crate::PartialResult) can refuse
//! with a part of its work done; its undo gets that part as
//! [`Outcome::Partial`](crate::kernel::Outcome::Partial) (E1).
//!
//! Undo may run more than once, like any step, and so must be idempotent:
//! [`cx.step_key()`](crate::UndoContext::step_key) is the key under which the step itself ran,
//! [`cx.idempotency_key()`](crate::UndoContext::idempotency_key) that of the undo.
//!
//! # Order, and an undo that fails
//!
//! Undo runs in the reverse of source order, one step after the other; what ran side by side is
//! undone side by side. It heeds neither cancel nor deadline (C5). A failing undo is tried 20 times,
//! after 1 s at first and never more than 1 h, and the ones that come after it wait. When that is
//! used up, or the undo *refuses*, the saga is stuck and waits for an operator:
//! [`outcome`](crate::SagaHandle::outcome) answers
//! [`OutcomeError::Stuck`](crate::OutcomeError::Stuck) instead of waiting for ever.
//!
//! # A step of which nobody knows
//!
//! A time-out, a panic, a lost host and an error with `?` leave open whether the step happened. Three
//! words say what follows (E3, E4):
//!
//! | on the step | while nobody knows | without it |
//! | --- | --- | --- |
//! | `probe = method` | the method is asked first: [`Happened`](crate::Probe::Happened) is the outcome, [`DidNot`](crate::Probe::DidNot) needs no undo | nobody is asked |
//! | `at_most_once` | the step is not tried again: the saga goes back, and its undo is told `Unknown` | it is tried again, under the same key |
//! | `on_exhausted = "park"` | when the tries are used up, the saga waits for an [operator](super::operators) | it goes back |
//!
//! ```
//! use distributed_task::prelude::*;
//! # use std::{collections::HashSet, sync::{Arc, Mutex}};
//!
//! # #[derive(Clone, Default)]
//! # struct Mailer(Arc<Mutex<HashSet<String>>>);
//! # impl Mailer {
//! #     /// Takes no keys: what is sent twice is read twice. And now the answer gets lost.
//! #     async fn send(&self, _to: &str, note: &str) -> std::io::Result<u32> {
//! #         assert!(self.0.lock().expect("nobody panics").insert(note.to_owned()), "once");
//! #         Err(std::io::Error::other("connection reset"))
//! #     }
//! #     async fn sent(&self, note: &str) -> std::io::Result<bool> {
//! #         Ok(self.0.lock().expect("nobody panics").contains(note))
//! #     }
//! # }
//! #[distributed_task(request = String, response = ())]
//! struct Invite {
//!     mailer: Mailer, // it takes no idempotency keys, but has a list of what it sent
//! }
//!
//! #[steps]
//! impl Invite {
//!     #[step(no_undo = "the guest has read it", at_most_once, probe = was_sent)]
//!     async fn send(&self, cx: &StepContext, request: &String) -> StepResult<()> {
//!         self.mailer.send(request, &cx.idempotency_key()).await?;
//!         Ok(())
//!     }
//!
//!     async fn was_sent(&self, cx: &ProbeContext) -> StepResult<Probe<()>> {
//!         Ok(match self.mailer.sent(&cx.step_key()).await? {
//!             true => Probe::Happened(()),
//!             false => Probe::CannotTell, // it may be on its way
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mailer = Mailer::default();
//! let invite = Invite::builder().mailer(mailer).use_in_process_mode().build().await?;
//! // The connection was reset after the mail had gone: it is not sent twice.
//! let outcome = invite.submit("eve@example.org".into()).await?.outcome().await?;
//! assert!(matches!(outcome, SagaOutcome::Completed(())));
//! # Ok(())
//! # }
//! ```
//!
//! A probe is asked again when it fails, and after three retries counts as
//! [`CannotTell`](crate::Probe::CannotTell). It answers `DidNot` only when no attempt can happen any
//! more. It is asked in both directions: a saga that is to go back asks before it undoes.
//!
//! # The point of no return
//!
//! Before the pivot every step can be taken back or needs no undo; after it there are only
//! `retriable` and `read_only` steps. The macro checks it. A pivot that nobody knows the end of
//! neither goes forward nor back: the saga is parked, and
//! [`OutcomeError::Parked`](crate::OutcomeError::Parked) says so (P2). One that is `at_most_once`
//! must have a probe, which is asked again when an operator says *retry*; so must a retriable step that
//! is. A retriable step that uses up its tries leaves the saga stuck; nothing is undone (P3).
//!
//! # A new name
//!
//! A step is known by the name of its method (V2). Sagas that began under an older name go on when the
//! step says `was = "old_name"`, or `was("older", "old")`.
