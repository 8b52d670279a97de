//! What a task promises, one test a promise, seen through the public door.
//!
//! Time is virtual: tokio's clock is paused, so waits cost nothing and are exact.

mod administration;
mod api;
mod at_most_once;
mod attempts;
mod cancel;
mod carrier;
mod crash_loops;
mod data;
mod durability;
mod evidence;
mod flow;
mod handover;
mod history;
mod hosts;
mod keep;
mod leaving;
mod limits;
mod log;
mod moved_bucket;
mod operator;
mod outage;
mod parked_api;
mod pivot;
mod probe;
mod recorder;
mod reseat;
mod retries;
mod schedules;
mod shutdown;
mod slots;
mod spans;
mod start_key;
mod sweep;
mod tapped;
mod threads;
mod types;
mod undo;
mod unheard;
mod versions;
mod watch;
