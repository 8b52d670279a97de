//! Errors and retries: `?` tries again, a refusal turns back.
//!
//! A step that can fail returns [`StepResult<T>`](crate::StepResult). There are two errors, and they
//! differ in what they say about the world (E1):
//!
//! - **Try again.** `?` on any error. It does not deny that something happened.
//! - **Refuse.** A declared error, by [`or_refuse`](crate::OrRefuse::or_refuse) or
//!   [`StepError::refuse`](crate::StepError::refuse). It asserts that no effect of the step remains,
//!   and the saga goes back at once.
//!
//! A step that can do half of its work has a third one, in a
//! [`PartialResult`](crate::PartialResult): refuse, **and this is what was done**.
//!
//! ```
//! use distributed_task::{CompensationCause, prelude::*};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! enum OrderError {
//!     SoldOut { left: u32 },
//! }
//!
//! impl std::fmt::Display for OrderError {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         let Self::SoldOut { left } = self;
//!         write!(f, "only {left} left")
//!     }
//! }
//!
//! #[distributed_task(request = u32, response = u32, error = OrderError, timeout = "1h")]
//! struct Reserve;
//!
//! #[steps]
//! impl Reserve {
//!     #[step(
//!         read_only,
//!         timeout = "30s",
//!         retry(max = 2, backoff = "exponential", delay = "10ms", max_delay = "1s")
//!     )]
//!     async fn left(&self, cx: &StepContext) -> StepResult<u32, OrderError> {
//!         if cx.attempt() == 1 {
//!             Err("the line is busy")?; // tried again after some 10 ms
//!         }
//!         Ok("3".parse()?)
//!     }
//!
//!     #[step(no_undo = "the shop forgets a reservation by itself")]
//!     async fn reserve(&self, request: &u32, left: &u32) -> StepResult<u32, OrderError> {
//!         left.checked_sub(*request)
//!             .ok_or(())
//!             .or_refuse_with(|()| OrderError::SoldOut { left: *left })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Reserve::builder().use_in_process_mode().build().await?;
//!
//! let outcome = task.submit(2).await?.outcome().await?;
//! assert!(matches!(outcome, SagaOutcome::Completed(1)));
//!
//! let outcome = task.submit(5).await?.outcome().await?;
//! let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("there are 3") };
//! let error = OrderError::SoldOut { left: 3 };
//! assert_eq!(cause, CompensationCause::Refused { step: "reserve".into(), error });
//! # Ok(())
//! # }
//! ```
//!
//! `error = OrderError` names the declared error of the task. Without it, it is
//! [`Refusal`](crate::Refusal): a code for programs and a message for people.
//!
//! # What follows
//!
//! | an attempt | is known to have | then |
//! | --- | --- | --- |
//! | returns its output | happened | the next step |
//! | refuses | not happened | the saga goes back; this step needs no undo |
//! | refuses with a part of its work | happened in part | the saga goes back; its undo gets the part |
//! | fails with `?` | failed, perhaps half way | its [probe](crate::Probe), if it has one; the next attempt, under the same key |
//! | panics, or takes longer than its `timeout` | nobody knows | the same |
//! | returns what cannot be written to the journal | happened, out of sight | the saga is parked: new code is needed, not undo (E2) |
//!
//! When the tries are used up the step is *unknown*, and the saga goes back, this step first. With
//! `on_exhausted = "park"` it waits for an [operator](super::operators) instead, and so it does at a
//! [pivot](super::step_kinds#the-point-of-no-return). A step that is
//! [`at_most_once`](super::step_kinds#a-step-of-which-nobody-knows) has one try.
//!
//! # Limits and waits
//!
//! | on the step | default |
//! | --- | --- |
//! | `retry(max = n)`: tries after the first | `max_retries` of the task, else 3 |
//! | `retry(backoff = "exponential" \| "constant")` | exponential: twice the delay each time |
//! | `retry(delay = "..")`, `retry(max_delay = "..")` | 1 s, at most 1 min |
//! | `retry(jitter = "full" \| "none")` | full: anything from 0 to the delay, by a hash of the saga |
//! | `timeout = ".."`: one attempt | `timeout` of the task, else 10 min |
//!
//! A duration is `"500ms"`, `"30s"`, `"10m"` or `"2h"`, and is checked at compile time. An error may
//! ask for a longer wait with [`after`](crate::StepError::after), as a `Retry-After` header does.
//! A wait of more than 5 s is a timer of the journal: the saga leaves its worker meanwhile.
//!
//! What cannot be in time does not compile (T3): an attempt, all tries of one step, or the steps in a
//! row up to the pivot, that may take longer than the `timeout` of the task.
//!
//! ```text
//! error[E0080]: evaluation panicked: deadline 5m, but the retries of `upload` alone may take
//!               13m: write `timeout = "13m"` in `#[distributed_task(..)]`, or give the step fewer
//!               or shorter tries
//! ```
//!
//! `timeout` of the *task* is the deadline of a saga, see [`stopping`](super::stopping).
//!
//! # Idempotency
//!
//! **A step runs at least once.** Its outcome is recorded at most once; what it does outside may
//! happen twice. [`cx.idempotency_key()`](crate::StepContext::idempotency_key) is the same for every
//! attempt: send it along, and the other side can tell a repetition from a new call.
