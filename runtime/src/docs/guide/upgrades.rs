//! Upgrades: a new release while sagas are open.
//!
//! The graph of a saga is in the journal, and the saga follows the one that it began with (V1). The program
//! supplies the code for it, found by the name of the task and the names of its steps (V2). A host goes on
//! with a saga if it has code for every step of it; else the saga stays where it is, visible and at no cost,
//! for a host that has (V3).
//!
//! # Before the first deploy
//!
//! Say `name = ".."` in `#[distributed_task(..)]`. It is the identity of the task, and part of every key. By
//! default it is the name of the struct in kebab-case, so whoever renames the struct makes another task, and
//! leaves the open sagas of the old one without code.
//!
//! # Release by release
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use distributed_task::{backend::memory::MemoryJournal, prelude::*};
//!
//! mod yesterday {
//!     use distributed_task::prelude::*;
//!
//!     #[distributed_task(name = "place-order", request = u32, response = String)]
//!     pub struct Order;
//!
//!     #[steps]
//!     impl Order {
//!         #[step(read_only)]
//!         async fn price(&self, request: &u32) -> u32 {
//!             request * 2
//!         }
//!
//!         #[step(read_only)]
//!         async fn label(&self, price: &u32) -> String {
//!             println!("{price}, and this takes hours");
//!             std::future::pending().await
//!         }
//!     }
//! }
//!
//! /// Today. The struct has another name, and `name` has not.
//! #[distributed_task(name = "place-order", request = u32, response = String)]
//! struct PlaceOrder;
//!
//! #[steps]
//! impl PlaceOrder {
//!     #[step(read_only)] // new: what is open goes on without it
//!     async fn customer(&self) -> String {
//!         "ann".into()
//!     }
//!
//!     #[step(read_only, was = "price")]
//!     async fn quote(&self, request: &u32) -> u32 {
//!         request * 2
//!     }
//!
//!     #[step(read_only)]
//!     async fn label(&self, quote: &u32) -> String {
//!         format!("to pay: {quote}")
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Arc::new(MemoryJournal::builder().build());
//! let old = yesterday::Order::builder().use_in_process_mode().override_journal(journal.clone());
//! let old = old.build().await?;
//! let id = old.submit(7).await?.id();
//! old.shutdown(Duration::ZERO).await;
//!
//! let new = PlaceOrder::builder().use_in_process_mode().override_journal(journal).build().await?;
//! let outcome = new.handle(id).await?.outcome().await?;
//! assert!(matches!(outcome, SagaOutcome::Completed(label) if label == "to pay: 14"));
//! assert!(new.operator("alice").unclaimable().await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What may change
//!
//! | a release | its open sagas |
//! | --- | --- |
//! | has other code in a step, an undo or a probe | run it from their next attempt on |
//! | has one more step, anywhere | go on without it |
//! | has another order, other groups, another `retry`, `timeout`, `on_exhausted`, `host` or `at_most_once` | keep those that they began with |
//! | renames a step that says `was = "old_name"`, or `was("older", "old")` | run it under its new name |
//! | gives a step an undo, a probe or a `when` | do without |
//! | has another `bucket` of an upload step | upload there; an undo deletes in both. What an upload that did not end well left in the old one is for a [sweep](crate::FileSweep) of that |
//!
//! And what may not, while sagas are open that need it:
//!
//! | a release | its open sagas |
//! | --- | --- |
//! | lacks a step, or renames one without `was` | wait for code |
//! | takes away an undo, a probe or a `when` | wait for code |
//! | makes a step `ephemeral`, or no longer | wait for code |
//! | has a step whose code, undo, probe or `when` reads an output that it did not read before, or a response that reads that of a new step | wait for code, since their graph does not give it |
//! | has another `name` | wait for code: it is another task |
//! | has another type where a value is kept, which cannot read the old one | are parked where they read it: give new fields a `#[serde(default)]` |
//!
//! A step that is not needed any more stays until the sagas are over that began with it: leave its code, and
//! give it a `when` that says no. It goes in the release after that.
//!
//! # Workers first
//!
//! Over several processes, start the workers of the new release, then its API hosts, and end the old workers
//! last. A new worker has code for what old API hosts start; an old worker has none for what new ones start
//! with a step that it does not know. In the other order nothing is lost: those sagas wait until a new worker
//! comes. While sagas wait for code that was taken away, keep a worker of the release that has it.
//!
//! # Looking afterwards
//!
//! [`unclaimable`](crate::Operator::unclaimable) has the sagas that lie ready and that the code here does not
//! cover, so many of each definition, with the name of its task; those of other tasks over the same journal
//! are among them. A saga that waits for a time is there when that has come, so look again before the last
//! worker of the old release ends for good. What is parked is in [`parked`](crate::Operator::parked)
//! ([operators](super::operators)). A host that meets a definition of its task for which it has no code says
//! so in its log.
