//! Servers of a test's own: on free ports, in folders of their own, ended with the test.
//!
//! A program that is missing fails the test, with the name of the package that has it.

mod program;
mod redis;

pub use self::redis::{Appends, RedisOptions, RedisServer};
