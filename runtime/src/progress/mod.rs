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
mod state;
mod tracker;

pub use crate::kernel::SagaStatus;
pub use follow::follow;
pub use state::{ByteCount, CurrentStep, Progress};
pub use tracker::{ProgressError, ProgressStream, ProgressTracker};
