//! The backends: each implements one trait of the floor below, and knows none of its neighbours.

#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "in-process")]
pub mod memory;
#[cfg(feature = "engine")]
pub mod quorum;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;
