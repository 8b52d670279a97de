//! Redis, for tasks that run as many processes.

mod journal;
mod link;

pub use self::{
    journal::{RedisJournal, RedisJournalBuilder},
    link::RedisOpenError,
};
