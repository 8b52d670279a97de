//! The programs of the examples, built beside these tests: with the features that their library has,
//! or it would be built once more.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Builds a program of the examples and says where it is. Another build takes its place.
pub fn example(name: &str, features: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--locked", "--bin", name, "--message-format=json"])
        .args(["--package=distributed-task-examples", "--package=distributed-task-tests"])
        .args(
            features
                .iter()
                .map(|feature| format!("--features=distributed-task-examples/{feature}")),
        )
        .stderr(Stdio::inherit());
    // What is said of this test's package is not said to that build, where `ring` would be built
    // anew for it, and all that needs it.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&variable);
        }
    }
    let built = cargo.output().expect("cargo starts");
    assert!(built.status.success(), "{name} is not built: {}", built.status);
    let messages = String::from_utf8(built.stdout).expect("cargo speaks UTF-8");
    let mut messages = messages
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("cargo speaks JSON"));
    let program = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.expect("cargo names what it built")
}
