//! The tests of the workspace are in `tests/tests`; here is what several of them need, and what the
//! README promises to compile.

pub mod elsewhere;
pub mod leases;
pub mod programs;
pub mod s3;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
