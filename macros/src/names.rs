//! Names: those that are printed, those that are compared, and the grammar of those that are
//! written in quotes.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Path, ext::IdentExt, parse_quote};

/// What the macros print beside a task.
pub(crate) struct Names {
    pub(crate) worker_message: Ident,
    pub(crate) orchestrator: Ident,
    pub(crate) handle: Ident,
    pub(crate) outcome: Ident,
    pub(crate) builder: Ident,
    /// The hidden module with one marker a dependency. Its name is part of the sentence "the
    /// dependency `..` is not set" when two tasks have dependencies of one name.
    pub(crate) markers: Ident,
}

impl Names {
    pub(crate) fn of(task: &Ident) -> Self {
        let snake = kebab(task).replace('-', "_");
        Self {
            worker_message: format_ident!("{task}WorkerMessage"),
            orchestrator: format_ident!("{task}Orchestrator"),
            handle: format_ident!("{task}Handle"),
            outcome: format_ident!("{task}Outcome"),
            builder: format_ident!("{task}Builder"),
            markers: format_ident!("{snake}_builder"),
        }
    }
}

/// What `#[distributed_task]` gives to the struct: no item of `#[steps]` can have these names.
pub(crate) const OF_THE_STRUCT: [&str; 2] = ["builder", "WORKER_QUEUE"];

/// The type parameter that holds the state of a dependency: no name that `item` uses already, nor
/// another dependency: `url` and `_url` may stand side by side.
pub(crate) fn state(dependency: &Ident, item: &TokenStream, others: &[Ident]) -> Ident {
    let camel: String = dependency.unraw().to_string().split('_').map(capitalized).collect();
    let digit = camel.starts_with(|first: char| !first.is_alphabetic()).then_some("_");
    let used = quote!(#item #(#others)*);
    fresh(&format!("{}{camel}State", digit.unwrap_or_default()), &used)
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The path to what printed code may name, and the short name it is given inside `const _`.
pub(crate) struct Runtime {
    /// What the user calls the crate.
    pub(crate) name: Ident,
    pub(crate) path: TokenStream,
    pub(crate) alias: Ident,
    /// The short name of the task.
    pub(crate) this: Ident,
}

impl Runtime {
    /// `crate = path` of an attribute, or the runtime under its own name; `item` is what the alias
    /// must not shadow, nor must it the path itself.
    pub(crate) fn new(path: Option<&Path>, item: &TokenStream) -> Self {
        let path = path.cloned().unwrap_or_else(|| parse_quote!(::distributed_task));
        let name = path.segments.last().expect("a path has a segment").ident.clone();
        let used = quote!(#path #item);
        let (alias, this) = (fresh("dt", &used), fresh("This", &used));
        Self { name, path: quote!(#path::__private::v1), alias, this }
    }

    /// The short name, for an expression that is blamed at `span`: a mistake is shown where the
    /// *first* token of the expression stands.
    pub(crate) fn alias_at(&self, span: Span) -> Ident {
        Ident::new(&self.alias.to_string(), at(span))
    }

    /// `use .. as dt;`
    pub(crate) fn import(&self) -> TokenStream {
        let Self { path, alias, .. } = self;
        quote!(use #path as #alias;)
    }
}

/// Printed code that is shown to the user at `span`.
pub(crate) fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// A name that the user's tokens do not contain.
fn fresh(name: &str, tokens: &TokenStream) -> Ident {
    let mut name = name.to_owned();
    while contains(tokens, &name) {
        name.push('_');
    }
    Ident::new(&name, Span::call_site())
}

fn contains(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => contains(&group.stream(), name),
        TokenTree::Ident(ident) => ident == name,
        _ => false,
    })
}

/// A name as it is compared and journaled: without a leading `_` and without `r#`.
pub(crate) fn bare(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    match name.strip_prefix('_') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// `CreateZipFromFiles` as `create-zip-from-files`, `HTTPProxy2` as `http-proxy2`.
pub(crate) fn kebab(ident: &Ident) -> String {
    let chars: Vec<char> = ident.unraw().to_string().chars().collect();
    let mut kebab = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_word = i > 0 && !chars[i - 1].is_uppercase() && chars[i - 1] != '_';
        let before_word = i > 0 && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_word || before_word) && !kebab.ends_with('-') {
            kebab.push('-');
        }
        match c {
            '_' => kebab.push('-'),
            c => kebab.extend(c.to_lowercase()),
        }
    }
    kebab
}

/// Names of tasks, queues and groups: words of lower-case letters and digits, joined by hyphens.
pub(crate) fn is_kebab(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 64 && name.split('-').all(word)
}

/// Names of buckets, as every object store accepts them, and the runtime with it: no dots.
pub(crate) fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| inner(*b))
        && outer(bytes.first())
        && outer(bytes.last())
}

/// Types and names as a mistake quotes them: `& Vec < T >` as `&Vec<T>`.
pub(crate) fn spelled(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in
        [(" <", "<"), ("< ", "<"), (" >", ">"), (" ::", "::"), (":: ", "::"), (" :", ":")]
    {
        text = text.replace(spaced, tight);
    }
    text.replace("& ", "&").replace(" ,", ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_after_its_struct() {
        for (ident, name) in [
            ("CreateZipFromFiles", "create-zip-from-files"),
            ("HTTPProxy2", "http-proxy2"),
            ("Ship_Order", "ship-order"),
            ("X", "x"),
            ("r#Try", "try"),
        ] {
            let ident: Ident = syn::parse_str(ident).expect("an identifier");
            assert_eq!(kebab(&ident), name);
        }
    }

    #[test]
    fn a_name_in_quotes_has_a_grammar() {
        assert!(is_kebab("file-processing") && is_kebab("v2"));
        assert!(!is_kebab("File") && !is_kebab("a--b") && !is_kebab("") && !is_kebab("größe"));
        assert!(is_bucket("incoming-files") && is_bucket("a-2"));
        assert!(!is_bucket("ab") && !is_bucket("-abc") && !is_bucket("Abc") && !is_bucket("a.b"));
    }

    #[test]
    fn a_printed_name_shadows_nothing() {
        let used = quote!(
            fn f(&self, day: dt::Day) {}
        );
        assert_eq!(fresh("dt", &used), "dt_");
        assert_eq!(
            fresh(
                "dt",
                &quote!(
                    struct X;
                )
            ),
            "dt"
        );
    }
}
