//! What people are told, line by line.

use std::{
    error::Error,
    io::{self, Write, stderr, stdout},
};

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

/// Text that stays on its line and does nothing to a terminal, whatever was ordered.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if char.is_control() || turns {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
    }
    line
}

/// An error and its causes, each once.
pub(crate) fn sentence(failure: &dyn Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
