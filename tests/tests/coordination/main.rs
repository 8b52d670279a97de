//! Leases as users have them, in memory and in Redis: every test here runs on both, but those of faults.
#![expect(clippy::print_stdout, reason = "seeds and times are for those who ask for them")]

mod alerts;
mod candidacy;
mod candidacy_callbacks;
mod candidacy_health;
mod candidacy_priority;
mod candidacy_quorum;
mod candidates;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../kill/chance.rs"]
mod chance;
mod control;
mod described;
mod dropped;
mod election;
mod election_options;
mod faults;
mod figures;
mod hangs;
mod health;
mod lease;
mod lock;
mod logs;
mod many;
mod many_candidates;
mod monitor;
mod open;
mod options;
mod pool;
mod promql;
mod recorded;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../promises/recorder.rs"]
mod recorder;
mod requeue;
mod rw_lock;
mod shared;
mod singleton;
mod slow;
mod stands;
mod twin;
mod world;

use distributed_task_tests::leases::{history, witness};
