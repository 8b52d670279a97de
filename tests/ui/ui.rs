//! Every mistake that the macros tell, by phase. Programs that have none are tests of their own, in
//! `pass`.
//!
//! The phases `types` and `pairing` are mistakes that the compiler finds in what the macros print,
//! in its own words: they are compared with the compiler that they were written with, only.
//! `TRYBUILD=overwrite` rewrites the files.

use std::{
    io::{self, Write},
    process::Command,
};

use trybuild::TestCases;

/// The compiler whose words `types` and `pairing` repeat.
const PINNED: &str = "rustc 1.95.";

#[test]
fn mistakes_in_the_attribute_of_the_struct() {
    TestCases::new().compile_fail("task/*.rs");
}

#[test]
fn mistakes_in_one_step() {
    TestCases::new().compile_fail("steps/*.rs");
}

#[test]
fn mistakes_across_steps() {
    TestCases::new().compile_fail("across/*.rs");
}

/// One of the above, by the number of its rule.
#[test]
fn p1_one_pivot_alone_and_in_its_place() {
    TestCases::new().compile_fail("across/pivot.rs");
}

#[test]
fn mistakes_in_types() {
    if pinned_compiler("types") {
        TestCases::new().compile_fail("types/*.rs");
    }
}

/// One of the above, by the number of its rule.
#[test]
fn ql_09_a_quorum_is_no_queue() {
    if pinned_compiler("types") {
        TestCases::new().compile_fail("types/quorum_as_queue.rs");
    }
}

#[test]
fn mistakes_between_the_two_halves_of_a_task() {
    if pinned_compiler("pairing") {
        TestCases::new().compile_fail("pairing/*.rs");
    }
}

/// Whether the compiler is the pinned one; says so, past the capture of the test harness, if not.
fn pinned_compiler(phase: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout);
    let pinned = version.starts_with(PINNED);
    if !pinned {
        let version = version.trim();
        let note =
            format!("NOT RUN: ui/{phase} repeats the words of {PINNED}x, and this is {version}\n");
        io::stderr().write_all(note.as_bytes()).expect("stderr can be written");
    }
    pinned
}
