//! Structs that cannot be read, such as one with half a field. The compiler has told why: here is
//! only what keeps it from telling more.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;
use syn::{
    DeriveInput, Field, Token,
    parse::{ParseStream, Parser, discouraged::Speculative},
};

/// The struct with those of its fields that can be read.
pub(super) fn recovered(item: &TokenStream) -> Option<DeriveInput> {
    let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.pop() else { return None };
    let fields = Parser::parse2(fields, body.stream()).unwrap_or_default();
    let mut left = Group::new(body.delimiter(), quote!(#(#fields),*));
    left.set_span(body.span());
    tokens.push(left.into());
    syn::parse2(tokens.into_iter().collect()).ok()
}

fn fields(input: ParseStream<'_>) -> syn::Result<Vec<Field>> {
    let mut fields = Vec::new();
    while !input.is_empty() {
        let fork = input.fork();
        match Field::parse_named(&fork) {
            Ok(field) => {
                input.advance_to(&fork);
                fields.push(field);
            }
            Err(_) => skip_to_comma(input)?,
        }
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(fields)
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
