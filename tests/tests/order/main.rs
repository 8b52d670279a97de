//! The example `order`, run as a process: everything that its command line can do and refuse.
#![cfg(unix)]

mod ends;
mod mistakes;
mod operators;
mod placing;
mod readme;
mod redis;
mod scene;
