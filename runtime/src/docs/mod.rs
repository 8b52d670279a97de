//! Read on: how to use the library, the rules it keeps, and how a journal keeps them.
//!
//! - [`guide`]: one page for each thing that a task can do, with code that compiles.
//! - [`semantics`]: the numbered rules. Comments, tests and other pages cite them: C1, K2, O2.
//! - [`coordination`]: the same for leases, locks and elections: LS-04, LK-19, with tests.
//! - [`guarantees`]: what holds under which fault, each sentence with the tests that show it.
//! - [`journal_protocol`]: for those who write a journal, or operate one.
//! - [`redis`]: what the journal keeps in Redis, what it costs, and what to set on the server.
//!
//! These modules hold no code. They exist in the documentation only.

pub mod coordination;
pub mod guarantees;
pub mod guide;
pub mod journal_protocol;
pub mod redis;
pub mod semantics;
