//! Tasks that run as many hosts over one Redis.

mod hosts;
mod life;
mod opening;
mod releases;
mod shop;
