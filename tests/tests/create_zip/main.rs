//! The example `create-zip`, run as a process on a generated tree; its archives are read by `unzip`.
#![cfg(unix)]

mod archives;
#[cfg(target_os = "linux")]
mod linux;
mod processes;
mod readme;
mod refusals;
mod scene;
mod servers;
mod stopping;
mod trouble;
mod words;
