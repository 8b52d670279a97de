//! What the user is told, line by line.

use std::io::{Write, stderr};

pub(crate) use crate::text::{escaped, sentence};

/// One line on the standard error. That nobody reads it is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stderr(), "create-zip: {}", escaped(line));
}
