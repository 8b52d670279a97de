//! What a task promises, one test a promise, seen through the public door.
//!
//! Time is virtual: tokio's clock is paused, so waits cost nothing and are exact.

mod api;
mod at_most_once;
mod attempts;
mod cancel;
mod carrier;
mod data;
mod durability;
mod flow;
mod handover;
mod history;
mod hosts;
mod leaving;
mod limits;
mod log;
mod operator;
mod outage;
mod pivot;
mod probe;
mod recorder;
mod retries;
mod shutdown;
mod slots;
mod spans;
mod start_key;
mod sweep;
mod tapped;
mod types;
mod undo;
mod versions;
mod watch;
