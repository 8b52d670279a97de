//! Text for people, and the whole of an error in one line.

use std::error::Error;

/// Text that stays on its line and does nothing to a terminal, whatever names are in it.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() || breaks_or_turns(char) {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
    }
    line
}

/// Separators of lines and paragraphs, and what makes a terminal write from right to left.
fn breaks_or_turns(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moves_the_cursor_is_escaped() {
        assert_eq!(escaped("a\nb\r\u{1b}[31m\u{9b}\u{7f}"), r"a\nb\r\u{1b}[31m\u{9b}\u{7f}");
        assert_eq!(escaped("\u{202e}gpj.exe\u{2028}"), r"\u{202e}gpj.exe\u{2028}");
        let plain = r#"it's "größe" C:\日本 🦀 👩‍💻 e̊"#;
        assert_eq!(escaped(plain), plain);
    }
}
