//! Mistakes: collected while the macro reads, told all at once.

use std::{cell::RefCell, fmt::Display};

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Every mistake of one macro call, in the order they were found.
#[derive(Default)]
pub(crate) struct Errors(RefCell<Vec<syn::Error>>);

impl Errors {
    /// A mistake at these tokens.
    pub(crate) fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// A mistake at this span.
    pub(crate) fn at_span(&self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Two steps may share a method; what is wrong with it is told once.
    pub(crate) fn push(&self, error: syn::Error) {
        let place = |error: &syn::Error| (format!("{:?}", error.span()), error.to_string());
        let mut errors = self.0.borrow_mut();
        if !errors.iter().any(|told| place(told) == place(&error)) {
            errors.push(error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// One `compile_error!` a mistake.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.into_inner().iter().map(syn::Error::to_compile_error).collect()
    }

    /// The same, the first apart.
    pub(crate) fn into_first_and_rest(self) -> (TokenStream, TokenStream) {
        let mut errors = self.0.into_inner().into_iter().map(|error| error.to_compile_error());
        (errors.next().unwrap_or_default(), errors.collect())
    }
}

/// "there is no step `x`", with the name that was probably meant, or all that are known.
pub(crate) fn unknown<'a>(
    there_is_no: &str,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let hint = match &meant(word, &known)[..] {
        [] if known.is_empty() => String::new(),
        [] => format!("; known: {}", listed(&known)),
        names => format!("; did you mean {}?", joined(names, "or")),
    };
    format!("{there_is_no} `{word}`{hint}")
}

/// "`a`, `b` and `c`".
pub(crate) fn listed(names: &[&str]) -> String {
    joined(names, "and")
}

fn joined(names: &[&str], last_by: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("{} {last_by} {last}", before.join(", "))
        }
        _ => quoted.concat(),
    }
}

/// The known names that the word was probably meant to be: one that is written wrong, or those of
/// which it is the beginning.
pub(crate) fn meant<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let begins = |name: &&&str| !word.is_empty() && name.starts_with(word);
    match nearest(word, known) {
        Some(name) => vec![name],
        None => known.iter().filter(begins).copied().collect(),
    }
}

/// The known name that is so close that the word is probably a slip of the hand.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |name: &&'a str| {
        let distance = edits(word, name);
        (distance <= word.chars().count().max(3) / 3).then_some((distance, *name))
    };
    known.iter().filter_map(near).min().map(|(_, name)| name)
}

/// Edits between two words: insert, delete, replace, or swap two neighbours.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Row i holds the edits from the first i characters of `a` to each start of `b`.
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_an_insertion_a_deletion_a_replacement_or_a_swap() {
        for (a, b, distance) in [
            ("pivot", "pivot", 0),
            ("pivto", "pivot", 1),
            ("time_out", "timeout", 1),
            ("timout", "timeout", 1),
            ("qeue", "queue", 1),
            ("", "when", 4),
        ] {
            assert_eq!(edits(a, b), distance, "{a} -> {b}");
        }
    }

    #[test]
    fn a_slip_or_a_beginning_gets_a_suggestion_and_a_strange_word_gets_the_list() {
        let known = ["queue", "timeout"];
        assert_eq!(
            unknown("there is no argument", "qeue", known),
            "there is no argument `qeue`; did you mean `queue`?"
        );
        assert_eq!(
            unknown("there is no argument", "colour", known),
            "there is no argument `colour`; known: `queue` and `timeout`"
        );
        assert_eq!(
            unknown("there is no argument", "ret", ["retriable", "read_only", "retry"]),
            "there is no argument `ret`; did you mean `retriable` or `retry`?"
        );
    }
}
