//! What a task promises, one test a promise, seen through the public door.
//!
//! Time is virtual: tokio's clock is paused, so waits cost nothing and are exact.

mod api;
mod cancel;
mod carrier;
mod data;
mod flow;
mod handover;
mod leaving;
mod limits;
mod log;
mod outage;
mod pivot;
mod recorder;
mod retries;
mod shutdown;
mod slots;
mod spans;
mod undo;
mod watch;
