//! Redis, for tasks that run as many processes.

mod journal;
mod lease;
mod link;
mod progress;
mod queue;

use std::time::Duration;

use uuid::Uuid;

pub use self::{
    journal::{RedisJournal, RedisJournalBuilder},
    lease::{RedisLeases, RedisLeasesBuilder},
    link::RedisOpenError,
    progress::{RedisProgress, RedisProgressBuilder},
    queue::{RedisQueue, RedisQueueBuilder},
};

/// How the name of every key begins, unless somebody says otherwise.
const NAMESPACE: &str = "distributed-task";

/// What scripts and commands are told of a time.
fn milliseconds(time: Duration) -> u64 {
    // 2^53 is the largest number that scripts count with.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(1 << 50)
}

#[allow(clippy::disallowed_methods, reason = "no two starts of a process have one name")]
fn draw() -> Uuid {
    Uuid::new_v4()
}
