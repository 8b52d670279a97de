//! Tasks that run as many hosts over one Redis.

mod hosts;
mod large;
mod life;
mod opening;
mod outages;
mod releases;
mod shop;
