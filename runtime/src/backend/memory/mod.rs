//! Everything in the memory of one process: real backends for users, not stand-ins for tests.

mod journal;
mod leases;
mod progress;
mod queue;
mod ready;
mod seats;
mod shard;
mod tombstones;

#[cfg(feature = "sqlite")]
pub(crate) use journal::Kept;
pub use journal::{MemoryJournal, MemoryJournalBuilder};
pub use leases::MemoryLeases;
#[cfg(feature = "coordination")]
pub(crate) use leases::WeakMemoryLeases;
pub use progress::MemoryProgress;
pub use queue::MemoryQueue;
