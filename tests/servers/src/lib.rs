//! Servers of a test's own: on free ports, in folders of their own, ended with the test; and a
//! network between them and the test that fails when it is told to.
//!
//! A program that is missing fails the test, with the name of the package that has it.

mod clock;
mod program;
mod proxy;
mod redis;
mod sentinels;

pub use self::{
    program::wait_until,
    proxy::{Connections, Flow, Proxy, Way},
    redis::{Appends, RedisOptions, RedisServer},
    sentinels::Sentinels,
};
