//! Tasks that run as many hosts over one Redis.

mod hosts;
mod opening;
mod shop;
