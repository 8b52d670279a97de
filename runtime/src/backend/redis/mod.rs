//! Redis, for tasks that run as many processes.

mod journal;
mod link;
mod progress;
mod queue;

pub use self::{
    journal::{RedisJournal, RedisJournalBuilder},
    link::RedisOpenError,
    progress::{RedisProgress, RedisProgressBuilder},
    queue::{RedisQueue, RedisQueueBuilder},
};
