//! Progress: watching a saga.
//!
//! ```
//! use distributed_task::{prelude::*, progress::SagaStatus};
//!
//! #[distributed_task(request = u64, response = u64)]
//! struct Sum;
//!
//! #[steps]
//! impl Sum {
//!     #[step(read_only)]
//!     fn add(&self, cx: &StepContext, request: &u64) -> u64 {
//!         (1..=*request)
//!             .inspect(|done| cx.progress(ByteCount::of(*done, *request)))
//!             .sum()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Sum::builder().use_in_process_mode().build().await?;
//! let saga = task.submit(1000).await?;
//!
//! let mut updates = saga.progress();
//! let mut last = None;
//! while let Some(update) = updates.next().await {
//!     println!("{update}"); // running: step 1 of 1, add, 37 %
//!     last = Some(update.status);
//! }
//! assert_eq!(last, Some(SagaStatus::Completed));
//! # Ok(())
//! # }
//! ```
//!
//! # What a watcher sees
//!
//! First the state as it is now, however late the watcher comes; then every change of step and state;
//! and the stream ends after the last one, or when the saga needs an operator. Any number may watch.
//! [`Progress`](crate::progress::Progress) holds names, numbers and what steps say about themselves,
//! never requests, outputs or errors.
//!
//! What a step says with [`cx.progress(..)`](crate::StepContext::progress) and
//! [`cx.message(..)`](crate::StepContext::message) is another matter (S2): it is not journaled, a
//! slow watcher sees the newest only, and while nobody watches it costs an atomic read. So a step may
//! say it for every piece it handles.
//!
//! # One look
//!
//! [`saga.status()`](crate::SagaHandle::status) reads the journal and answers one word.
//! [`saga.outcome()`](crate::SagaHandle::outcome) waits for the end.
