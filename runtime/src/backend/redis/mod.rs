//! Redis, for tasks that run as many processes.

mod link;

pub use self::link::RedisOpenError;
