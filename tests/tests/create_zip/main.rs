//! The example `create-zip`, run as a process on a generated tree; its archives are read by `unzip`.
#![cfg(unix)]

mod archives;
#[cfg(target_os = "linux")]
mod linux;
mod refusals;
mod scene;
mod stopping;
mod trouble;
mod words;
