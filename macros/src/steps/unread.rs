//! Items that cannot be read, such as half a signature. The compiler has told why: here is what keeps it
//! from telling more, and what is told if it knows more syntax than we do.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{Ident, Meta, Token, parse::ParseStream, token};

use super::parse::{Item, role};
use crate::names::{at, spelled};

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

/// A mistake that is told only when the compiler has understood everything, the item as well: no lint
/// speaks before that.
pub(super) fn told_late(unread: &TokenStream) -> TokenStream {
    let mut tokens = unread.clone().into_iter().skip_while(|token| token.to_string() != "fn");
    let name = tokens.nth(1).or_else(|| unread.clone().into_iter().next());
    let message = format!(
        "`#[steps]` does not know the syntax of `{}`: write a plain `fn` or an `async fn`, or move it to another `impl` block",
        spelled(&name)
    );
    let span = at(name.map_or_else(Span::call_site, |name| name.span()));
    quote_spanned! {span=>
        const _: () = {
            #[must_use = #message]
            const fn what_steps_cannot_read() -> u8 {
                0
            }
            #[deny(unused_must_use)]
            const _: () = {
                what_steps_cannot_read();
            };
        };
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

#[cfg(test)]
mod tests {
    use quote::quote;

    #[test]
    fn what_the_compiler_alone_can_read_is_told_when_nothing_else_was() {
        let block = quote! {
            impl ShipOrder {
                #[step(read_only)]
                async fn look(&self) {}

                #[step(read_only)]
                pub gen fn parts(&self) -> u32 {}
            }
        };
        let printed = super::super::steps(quote!(), block).to_string();
        let told = "`#[steps]` does not know the syntax of `parts`: write";
        assert_eq!(printed.matches(told).count(), 1, "{printed}");
        assert!(!printed.contains("compile_error"), "{printed}");
    }
}
