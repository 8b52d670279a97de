//! Leases as somebody saw them who wrote everything down: the same for tests and for the processes that
//! they start.

#![allow(missing_docs, reason = "what happens is said by its names")]

pub mod history;
pub mod holder;
pub mod witness;
