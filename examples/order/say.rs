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
