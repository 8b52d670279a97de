//! One page for each thing that a task can do.
//!
//! | page | answers |
//! | --- | --- |
//! | [`first_task`] | what a task is, how values flow, how it is built and run |
//! | [`step_kinds`] | how each step is undone, and what an undo is told |
//! | [`undo`] | undo of what may not have happened, and of what arrives too late |
//! | [`errors`] | try again, refuse, or neither; limits and waits |
//! | [`flow`] | steps side by side, steps that may be skipped |
//! | [`files`] | content that is too large for a journal |
//! | [`progress`] | watching a saga |
//! | [`stopping`] | cancel, deadline, shutdown |
//! | [`idempotent_start`] | a saga that is asked for twice |
//! | [`operators`] | sagas that need somebody |
//! | [`history`] | what happened, and for how long it can be read |
//! | [`modes`] | what runs where, and how to replace a part |
//! | [`upgrades`] | what a release may change while sagas are open |
#![cfg_attr(
    all(feature = "msgpack", feature = "protobuf"),
    doc = "| [`codecs`] | how values become bytes, and when to choose which |"
)]
#![cfg_attr(
    feature = "coordination",
    doc = "| [`coordination`] | locks, leases, elections, and jobs that run once: for any program, without a task |"
)]
#![cfg_attr(
    feature = "testing",
    doc = "| [`testing`] | a crash around every write of a saga, before it meets one |"
)]
//!
//! **What is survived.** With a journal in memory, nothing survives the end of its process: a saga whose
//! process is killed is gone, and so is its undo. With a journal in a file, sagas survive it, and the
//! loss of power. With one in Redis, other processes go on. All that is in [`modes`]. Nothing else
//! differs: the code of a task does not know which one it runs on. What holds under which fault is in
//! [`guarantees`](super::guarantees).
//!
//! Letters with a number, such as C6, are [rules](super::semantics).

#[cfg(all(feature = "msgpack", feature = "protobuf"))]
pub mod codecs;
#[cfg(feature = "coordination")]
pub mod coordination;
pub mod errors;
#[cfg(feature = "files")]
pub mod files;
pub mod first_task;
pub mod flow;
pub mod history;
pub mod idempotent_start;
pub mod modes;
pub mod operators;
pub mod progress;
pub mod step_kinds;
pub mod stopping;
#[cfg(feature = "testing")]
pub mod testing;
pub mod undo;
pub mod upgrades;
