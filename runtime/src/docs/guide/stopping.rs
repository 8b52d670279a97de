//! Cancel, deadline, shutdown: three ways to stop, and what is undone.
//!
//! | | who asks | what happens |
//! | --- | --- | --- |
//! | cancel | whoever holds the saga | it goes back: `Cancelled` |
//! | deadline | `timeout` of the task | it goes back: `Compensated`, cause `Deadline` |
//! | shutdown | the program | nothing is undone; sagas are given back to the journal |
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use distributed_task::{Cancelled, backend::memory::MemoryJournal, prelude::*};
//!
//! #[distributed_task(request = u64, response = u64, timeout = "10m", cancellable)]
//! struct Wait;
//!
//! #[steps]
//! impl Wait {
//!     #[step(read_only)]
//!     async fn wait(&self, cx: &StepContext, request: &u64) -> StepResult<u64> {
//!         tokio::select! {
//!             () = cx.cancelled() => Err("told to stop")?,
//!             () = tokio::time::sleep(Duration::from_millis(*request)) => Ok(*request),
//!         }
//!     }
//!
//!     #[step(read_only)]
//!     async fn after(&self, wait: &u64) -> u64 {
//!         wait + 1
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Arc::new(MemoryJournal::new());
//! let first = Wait::builder()
//!     .use_in_process_mode()
//!     .override_journal(Arc::clone(&journal))
//!     .build()
//!     .await?;
//!
//! let saga = first.submit(3_600_000).await?;
//! assert_eq!(saga.cancel().await?, Cancelled::Recorded);
//! assert!(matches!(saga.outcome().await?, SagaOutcome::Cancelled { .. }));
//!
//! // What runs may end, the saga goes back to the journal, and another host takes it up.
//! let saga = first.submit(50).await?;
//! assert!(first.shutdown(Duration::from_secs(5)).await.in_time);
//!
//! let second = Wait::builder().use_in_process_mode().override_journal(journal).build().await?;
//! let saga = second.handle(saga.id()).await?;
//! assert!(matches!(saga.outcome().await?, SagaOutcome::Completed(51)));
//! # Ok(())
//! # }
//! ```
//!
//! # Cancel
//!
//! Only a task that says `cancellable` has [`cancel`](crate::SagaHandle::cancel); on another it does
//! not compile. It answers when the wish is recorded, and asking twice is asking once. Between steps
//! it counts at once. A step that runs is told through
//! [`cx.cancelled()`](crate::StepContext::cancelled) and has a grace time to end, 10 s unless
//! [`.grace(..)`](crate::builder::TaskBuilder::grace) says otherwise; what it returns in time counts.
//! Then an `async` step is dropped at its await and counts as unknown. A plain `fn` cannot be
//! dropped: the saga waits for it, at the longest until the `timeout` of the step, so it should look
//! at [`cx.is_cancelled()`](crate::StepContext::is_cancelled) now and then. One that outlives its
//! `timeout` and the grace is given up: the next attempt may run beside it, and an undo waits for it
//! once more as long as the `timeout`, but no longer (C3). If it succeeds after all, its saga hears
//! of it: the success counts, or it is undone again (C8).
//!
//! A pivot is not disturbed. If it succeeds, the cancel came too late (K3).
//!
//! # Deadline
//!
//! `timeout` of the task counts from `submit`. When it passes, the saga goes back as if cancelled.
//! After the pivot it has no effect. Neither cancel nor deadline stops an undo.
//!
//! # Shutdown
//!
//! [`shutdown`](crate::Task::shutdown) starts nothing new, lets the steps that run finish, and gives
//! every saga back to the journal. What still runs after the limit is interrupted, and runs again
//! under the same key wherever its saga is claimed next; that does not count as a try. A journal that
//! does not answer holds it up for a few seconds more, no longer.
//!
//! **In process** the journal is in memory, unless it is [a file](super::modes#surviving-a-restart): if
//! nobody else has it, as in the example, it is gone with the process, and so are its sagas. A task that is
//! dropped leaves in the same way, without anybody waiting; it lives as long as one of its handles does.
