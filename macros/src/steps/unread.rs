//! Items that cannot be read, such as half a signature. The compiler has told why: here is only what
//! keeps it from telling more.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{Ident, Meta, Token, parse::ParseStream, token};

use super::parse::{Item, role};

/// What stands before the place that the fork has come to.
pub(super) fn up_to(fork: ParseStream<'_>, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut read = TokenStream::new();
    while !input.is_empty() && input.cursor() != fork.cursor() {
        read.extend(Some(input.parse::<TokenTree>()?));
    }
    Ok(read)
}

/// What stands in the place of an item: up to its body, or a `;`.
pub(super) fn item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut unread = TokenStream::new();
    let mut ends = false;
    while !ends && !input.is_empty() {
        ends = input.peek(token::Brace) || input.peek(Token![;]);
        unread.extend(Some(input.parse::<TokenTree>()?));
    }
    Ok(unread)
}

/// What the compiler makes an item of although it cannot be read: a mistake in parentheses does not
/// make it lose the end of the item. It tells other mistakes anew wherever they are printed.
pub(super) fn recovered(unread: &TokenStream, runtime: &Ident) -> TokenStream {
    let unread = without_marks(unread, runtime);
    let emptied = unread.clone().into_iter().map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            TokenTree::Group(Group::new(Delimiter::Parenthesis, TokenStream::new()))
        }
        token => token,
    });
    match syn::parse2::<Item>(emptied.collect()) {
        Ok(_) => unread,
        Err(_) => TokenStream::new(),
    }
}

/// Tokens without our attributes, and without those that cannot be read.
fn without_marks(tokens: &TokenStream, runtime: &Ident) -> TokenStream {
    let mut left = TokenStream::new();
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        if !is_hash || tokens.next_if(|token| is_mark(token, runtime)).is_none() {
            left.extend(Some(token));
        }
    }
    left
}

/// The `[step]` of `#[step]`, or of something like it.
fn is_mark(token: &TokenTree, runtime: &Ident) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let meta = syn::parse2::<Meta>(group.stream());
    group.delimiter() == Delimiter::Bracket
        && meta.map_or(true, |meta| role(meta.path(), runtime).is_some())
}
