//! What a saga is doing right now, for those who watch.
//!
//! The law: progress is a projection. The journal is the truth; losing every update loses nothing
//! but the view.
//!
//! ```text
//!  journal ──commit──▶ engine ──update──▶ ProgressTracker ──stream──┐
//!     │                                                             ▼
//!     └────────────────── state when the watcher came ──────────▶ follow ──▶ watcher
//! ```

mod follow;
#[cfg(any(feature = "in-process", feature = "redis"))]
mod mailbox;
mod state;
mod tracker;

pub use crate::kernel::SagaStatus;
pub use follow::follow;
#[cfg(any(feature = "in-process", feature = "redis"))]
pub(crate) use mailbox::{Mailbox, Watcher};
pub use state::{ByteCount, CurrentStep, Progress};
pub use tracker::{ProgressError, ProgressStream, ProgressTracker};
