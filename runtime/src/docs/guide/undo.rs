//! An undo that runs when nothing happened, and an action that arrives after its undo.
//!
//! A step that timed out, or whose host died, may or may not have happened. Its undo is told
//! [`Outcome::Unknown`](crate::kernel::Outcome::Unknown), and two things must hold (C6):
//!
//! - **Null undo.** It succeeds when there is nothing to undo.
//! - **No dangling action.** The call it undoes may still be on its way: a request in a queue, a
//!   worker that was paused. When it arrives after the undo, it must be refused, or the effect
//!   stays for ever.
//!
//! Both are kept where the effect is: in the participant, in the transaction that makes it. A
//! *barrier* is one row for each key and direction, under a unique constraint:
//!
//! ```sql
//! create table barrier (key text, way text, primary key (key, way));
//! ```
//!
//! - The action inserts `(key, 'do')`. If the row is there, this call came before, or its undo did:
//!   it changes nothing.
//! - The undo inserts `(key, 'do')` as well. If that insert wins, the action never ran, and never
//!   will; there is nothing to undo. If the row is there, it inserts `(key, 'undo')`, and undoes
//!   what the action did if that row is new.
//!
//! The key of both is that of the step: [`cx.idempotency_key()`](crate::StepContext::idempotency_key)
//! in the step, [`cx.step_key()`](crate::UndoContext::step_key) in its undo. The idea is the
//! sub-transaction barrier of DTM (<https://github.com/dtm-labs/dtm>).
//!
//! ```
//! use std::{
//!     collections::BTreeSet,
//!     sync::{Arc, Mutex},
//!     time::Duration,
//! };
//!
//! use distributed_task::prelude::*;
//!
//! /// A bank with a barrier. In a real one the two collections are tables, and each method is a
//! /// transaction.
//! #[derive(Clone, Default)]
//! struct Bank(Arc<Mutex<(i64, BTreeSet<(String, &'static str)>)>>);
//!
//! impl Bank {
//!     fn charge(&self, key: String, amount: i64) {
//!         let (balance, barrier) = &mut *self.0.lock().unwrap();
//!         if barrier.insert((key, "do")) {
//!             *balance += amount;
//!         }
//!     }
//!
//!     fn refund(&self, key: String, amount: i64) {
//!         let (balance, barrier) = &mut *self.0.lock().unwrap();
//!         if barrier.insert((key.clone(), "do")) {
//!             return; // it never ran, and never will
//!         }
//!         if barrier.insert((key, "undo")) {
//!             *balance -= amount;
//!         }
//!     }
//! }
//!
//! #[distributed_task(request = i64, response = ())]
//! struct Pay {
//!     bank: Bank,
//! }
//!
//! #[steps]
//! impl Pay {
//!     /// The call is on its way when the time of the attempt is up.
//!     #[step(compensate = refund, timeout = "20ms", retry(max = 0))]
//!     async fn charge(&self, cx: &StepContext, request: &i64) {
//!         let (bank, key, amount) = (self.bank.clone(), cx.idempotency_key(), *request);
//!         let call = tokio::spawn(async move {
//!             tokio::time::sleep(Duration::from_millis(80)).await;
//!             bank.charge(key, amount);
//!         });
//!         let _ = call.await;
//!     }
//!
//!     async fn refund(&self, cx: &UndoContext, request: &i64) {
//!         self.bank.refund(cx.step_key(), *request);
//!     }
//!
//!     #[response]
//!     fn respond(&self) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bank = Bank::default();
//! let task = Pay::builder().bank(bank.clone()).build().await?;
//! let outcome = task.submit(100).await?.outcome().await?;
//! let SagaOutcome::Compensated { settled, .. } = outcome else { panic!("it timed out") };
//! assert!(!settled, "nobody knows yet whether the call arrives");
//!
//! // It does, after its undo.
//! tokio::time::sleep(Duration::from_millis(200)).await;
//! assert_eq!(bank.0.lock().unwrap().0, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # When the success turns up later
//!
//! A worker that was taken for dead and finishes after all reports what it knows. If the step was
//! undone meanwhile, the saga opens again and the undo runs once more, with `Outcome::Done` and a
//! key of its own (C8). Until such a report is out of the question (a quarter of an hour or, if that is
//! longer, twice the `timeout` of the step and a minute), the saga says `settled: false`.
//!
//! # When the undo fails
//!
//! It is tried 20 times, over a day at most. Then, or when it refuses, the saga is stuck: see
//! [`operators`](super::operators).
