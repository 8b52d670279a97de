//! Operators: sagas that need somebody.
//!
//! Nothing is tried for ever (R4). A saga that cannot go on by itself is *parked* or *stuck*, stays as
//! it is for as long as it takes, and waits for a word of an operator.
//!
//! | state | why | what helps |
//! | --- | --- | --- |
//! | parked | machinery: a value that cannot be read, a panic in a condition, a crash loop | new code, then `retry`; or `cancel` |
//! | parked | nobody can say whether the pivot happened (P2) | find out: `mark_done_with` or `mark_not_done` |
//! | parked | a step used up its tries and says `on_exhausted = "park"` (E4) | `retry`, `mark_done_with`, `mark_not_done` or `cancel` |
//! | ready | no host has code for its steps (V3): `outcome` says `Unclaimable` after a minute | a release that has it; or `kill` |
//! | stuck | an undo failed for good (C7) | `retry`; by hand and `mark_done`; or `waive` |
//! | stuck | a step behind the pivot cannot succeed (P3) | `retry`, or by hand and `mark_done_with` |
//! | any open one | it must not go on, whatever remains (K5) | `kill`, the last resort |
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! use distributed_task::{OperatorError, OutcomeError, prelude::*};
//!
//! #[distributed_task(request = u32, response = String)]
//! struct Sell {
//!     printer: AtomicBool,
//! }
//!
//! #[steps]
//! impl Sell {
//!     #[step(pivot)]
//!     async fn charge(&self, request: &u32) -> u32 {
//!         *request
//!     }
//!
//!     #[step(retriable)]
//!     async fn ticket(&self, charge: &u32) -> StepResult<String> {
//!         if !self.printer.load(Ordering::Relaxed) {
//!             return Err(StepError::refuse(Refusal::new("printer", "no paper")));
//!         }
//!         Ok(format!("ticket for {charge}"))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sell = Sell::builder().printer(AtomicBool::new(false)).use_in_process_mode().build().await?;
//! let saga = sell.submit(40).await?;
//! assert!(matches!(saga.outcome().await, Err(OutcomeError::Stuck { .. })));
//!
//! let alice = sell.operator("alice");
//! let row = alice.stuck().next().await.expect("there is one")?;
//! assert_eq!((row.id, &*row.steps.join(", ")), (saga.id(), "ticket"));
//! assert_eq!(row.reason.as_deref(), Some("no paper (printer)"));
//!
//! // What does not apply is refused, with what would.
//! let refused = alice.waive(row.id, "ticket", "they know me").await;
//! assert!(matches!(refused, Err(OperatorError::NotNow { .. })));
//!
//! alice.mark_done_with(row.id, "ticket", "written by hand".to_owned(), "copy no. 7").await?;
//! let outcome = saga.outcome().await?;
//! assert!(matches!(outcome, SagaOutcome::Completed(ticket) if ticket == "written by hand"));
//! # Ok(())
//! # }
//! ```
//!
//! # Verbs
//!
//! [`task.operator(name)`](crate::Task::operator) has them all. Each is a letter to the saga: durable
//! when it is answered, folded by its owner, and in its [history](super::history) for as long as that is
//! kept, with who and why. [`unpark`](crate::Operator::unpark) is another name for [`retry`](crate::Operator::retry),
//! which helps what is stuck as well. A saga whose code is nowhere any more can still be told what
//! needs no code: `kill`, `waive`, `mark_done`, `mark_not_done`, and `cancel` with nothing left to undo;
//! after a `retry` it lies ready for the release that has its code
//! ([schedule](super::super::journal_protocol#schedules) B10).
//!
//! An output that is given by hand is checked against the type that the step returns. Anything with the
//! same JSON will do: a `&str` for a `String`.
//!
//! The same word said twice of a saga that has not moved is one word: the second is answered
//! [`Already`](crate::OperatorAnswer::Already). A `cancel` of a saga that is parked or stuck although it was
//! told to go back before is refused, with what would move it.
//!
//! # Looking
//!
//! | | gives | |
//! | --- | --- | --- |
//! | [`parked`](crate::Operator::parked), [`stuck`](crate::Operator::stuck), [`list`](crate::Operator::list) | a stream of rows | what there is, why, for which steps, and since when |
//! | [`unclaimable`](crate::Operator::unclaimable) | a future of a `Vec` | ready sagas that no code here covers, so many of each definition (V3) |
//! | [`late`](crate::Operator::late) | a future of a `Vec` | steps that succeeded when their saga was over for good: effects that nobody undoes |
//! | [`audit`](crate::Operator::audit) | a future of a report | sagas in no place; there should be none (J7) |
//!
//! A row says in words why it is there, and for programs: [`WhyParked`](crate::WhyParked) and the steps.
//!
//! ```
//! use distributed_task::{Operator, OperatorError, TaskSteps, WhyParked};
//!
//! async fn round<T: TaskSteps>(operator: &Operator<T>) -> Result<(), OperatorError> {
//!     let mut rows = operator.parked();
//!     while let Some(row) = rows.next().await {
//!         let row = row?;
//!         match row.parked {
//!             Some(WhyParked::PivotUnknown { step, .. }) => println!("{}: ask for {step}", row.id),
//!             _ => println!("{}: {}", row.id, row.reason.unwrap_or_default()),
//!         }
//!     }
//!     for lying in operator.unclaimable().await? {
//!         let mut rows = operator.list(lying.filter());
//!         while let Some(row) = rows.next().await {
//!             println!("{}: no code for {}", row?.id, lying.definition);
//!         }
//!     }
//!     for late in operator.late().await? {
//!         println!("{}: step {} happened after all", late.saga, late.number);
//!     }
//!     assert!(operator.audit().await?.mended.is_empty());
//!     Ok(())
//! }
//! ```
//!
//! Put an alarm on the number of parked and stuck sagas and on the age of the oldest: nothing removes
//! them but you (D4). The feature `metrics` has figures of leases and locks only, and none of sagas, so
//! count in a loop:
//!
//! ```
//! use distributed_task::{Operator, OperatorError, TaskSteps};
//!
//! /// So many sagas wait for somebody: a gauge, set once a minute.
//! async fn waiting<T: TaskSteps>(operator: &Operator<T>) -> Result<usize, OperatorError> {
//!     let mut number = 0;
//!     for mut rows in [operator.parked(), operator.stuck()] {
//!         while let Some(row) = rows.next().await {
//!             row?;
//!             number += 1;
//!         }
//!     }
//!     Ok(number)
//! }
//! ```
//!
//! # What is going on
//!
//! The engine logs through [`tracing`](https://docs.rs/tracing), and a program that wants to see it says so
//! in its `main`, with `tracing-subscriber` among its dependencies:
//!
//! ```text
//! tracing_subscriber::fmt().init();
//! ```
//!
//! | span | level | fields |
//! | --- | --- | --- |
//! | `saga` | info | `task.id`, which is the id of the saga, `task.name` |
//! | `step`, inside of it: one attempt | info | the same, and `step.name`, `step.order`, `step.attempt`, `step.way` (`do`, `undo`, `probe`), `step.status` when it has ended |
//!
//! | level | for example |
//! | --- | --- |
//! | `error` | a host has lost its seat, or holds still because its pulse was not heard in time; a value cannot be decoded, and its saga is parked; the store is damaged |
//! | `warn` | an attempt failed, or nobody knows its end; a probe cannot tell; the journal does not answer and is asked again; a host is gone, and others have its sagas; this host has no code for some sagas |
//! | `info` | a step refused; a probe found that nothing happened |
//! | `debug` | an attempt is done |
//!
//! What a step says in its error is in the log; requests, outputs and responses are not. That a saga is
//! stuck has no line of its own, and of the parked only some have one: their lists tell.
