//! Groups and conditions: steps side by side, and steps that may be skipped.
//!
//! ```
//! use distributed_task::prelude::*;
//!
//! /// Asks two carriers for a price, and insures what is dear.
//! #[distributed_task(request = u32, response = u32)]
//! struct Quote;
//!
//! #[steps]
//! impl Quote {
//!     #[step(read_only, group = "carriers")]
//!     async fn by_road(&self, request: &u32) -> u32 {
//!         request * 2
//!     }
//!
//!     #[step(read_only, group = "carriers")]
//!     async fn by_rail(&self, request: &u32) -> u32 {
//!         request + 40
//!     }
//!
//!     #[step(read_only, when = is_dear)]
//!     async fn insurance(&self, by_rail: &u32) -> u32 {
//!         by_rail / 10
//!     }
//!
//!     fn is_dear(&self, by_road: &u32, by_rail: &u32) -> bool {
//!         by_road.min(by_rail) > &100
//!     }
//!
//!     #[response]
//!     fn cheapest(&self, by_road: &u32, by_rail: &u32, insurance: Option<&u32>) -> u32 {
//!         by_road.min(by_rail) + insurance.unwrap_or(&0)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Quote::builder().use_in_process_mode().build().await?;
//! for (weight, price) in [(10, 20), (100, 154)] {
//!     let outcome = task.submit(weight).await?.outcome().await?;
//!     assert!(matches!(outcome, SagaOutcome::Completed(sum) if sum == price));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Groups
//!
//! Steps of one `group = ".."` stand next to each other, run at the same time on one host, and do not
//! see each other's output; the step after the group sees them all. When a member fails for good the
//! others are told to stop, end, and what they did is undone (B1). With `await_all` on the first
//! member they finish first (B2). Either way the first failure in the journal is the cause (B6).
//!
//! # Conditions
//!
//! `when = method` names a method of the block that answers `bool`. It reads what its step could
//! read, except ephemeral outputs. It is asked once, and the answer is written to the journal: a saga
//! that is resumed or retried does not ask again (O2). So it must be a pure function of what it is
//! given. A panic in it parks the saga.
//!
//! A step that is skipped has no output. Who takes it takes an `Option<&T>`, and writing `&T` is a
//! compile error.
