//! The contracts of the traits as checks: whoever writes a backend runs the suite of its trait.
//!
//! Each suite is a list of rules; a rule is a sentence of the trait's documentation and a small
//! function that checks it. A broken rule is a panic with its sentence.

pub mod admin;
pub mod candidates;
pub mod clock;
pub mod codec;
pub mod distributed_lock;
pub mod files;
pub mod journal;
pub mod lease;
pub mod lock;
pub mod progress;
pub mod queue;
pub mod quorum_node;
mod rule;
pub mod runs;
