//! What people are told, line by line.

use std::io::{self, Write, stderr, stdout};

pub(crate) use crate::text::{escaped, sentence};

/// One line on the standard output, at once.
pub(crate) fn print(line: &str) -> io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}", escaped(line))?;
    out.flush()
}

/// One line on the standard error. That nobody reads it is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stderr(), "order: {}", escaped(line));
}

/// Lets what the engine has to tell go to the standard error: from warnings on, or as `RUST_LOG` says.
pub(crate) fn let_the_engine_speak() {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(wanted.unwrap_or(tracing_subscriber::filter::LevelFilter::WARN))
        .with_writer(stderr)
        .init();
}
