//! The tests of the workspace are in `tests/tests`; here is what the README promises to compile.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
