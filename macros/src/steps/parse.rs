//! The impl block and its attributes, as written. Bodies stay tokens: only signatures are read.

use std::mem;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::{
    Attribute, Generics, Ident, ImplItem, Path, Signature, Token, Type, Visibility, braced,
    parse::{Parse, ParseStream, Parser},
    token,
};

use super::words::words;
use crate::{attr::Args, diag::Errors};

const PLACE: &str = "`#[steps]` goes on the `impl` block with the step methods";

/// The block. What stands before its brace stays as it is until somebody asks for the task.
pub(super) struct Block {
    header: TokenStream,
    brace: token::Brace,
    items: Vec<Item>,
}

enum Item {
    Method(Box<Method>),
    Other(Box<ImplItem>),
}

/// A method, and the attributes of ours that stood on it.
pub(super) struct Method {
    pub(super) attrs: Vec<Attribute>,
    pub(super) marks: Vec<Mark>,
    vis: Visibility,
    defaultness: Option<Token![default]>,
    pub(super) sig: Signature,
    body: Group,
}

/// One of our attributes.
pub(super) struct Mark {
    pub(super) role: Role,
    pub(super) attr: Attribute,
}

/// What an attribute makes of a method.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    Step,
    Upload,
    Response,
}

impl Block {
    /// Reads the block; `runtime` is what the user calls our crate.
    pub(super) fn read(item: TokenStream, runtime: &Ident) -> syn::Result<Self> {
        let mut block: Self = syn::parse2(item)?;
        for item in &mut block.items {
            if let Item::Method(method) = item {
                method.take_marks(runtime);
            }
        }
        Ok(block)
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Other(_) => None,
        })
    }

    /// The struct that the block is for.
    pub(super) fn task(&self) -> syn::Result<Path> {
        subject.parse2(self.header.clone())
    }
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let start = input.span();
        let mut header = TokenStream::new();
        while !input.peek(token::Brace) {
            let token: TokenTree = input.parse().map_err(|_| syn::Error::new(start, PLACE))?;
            header.extend(Some(token));
        }
        let content;
        let brace = braced!(content in input);
        let mut items = Vec::new();
        while !content.is_empty() {
            items.push(content.parse()?);
        }
        Ok(Self { header, brace, items })
    }
}

fn subject(input: ParseStream<'_>) -> syn::Result<Path> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Token![impl]>().map_err(|error| syn::Error::new(error.span(), PLACE))?;
    let generics: Generics = input.parse()?;
    if !generics.params.is_empty() {
        return Err(syn::Error::new_spanned(generics, "a task has no generics: write `impl X`"));
    }
    let ty: Type = input.parse()?;
    if input.peek(Token![for]) {
        let message = "the steps are methods of the struct: write `impl X`, without a trait";
        return Err(syn::Error::new_spanned(ty, message));
    }
    if !input.is_empty() {
        return Err(input.error("a task has no generics: write `impl X`"));
    }
    match ty {
        Type::Path(path) if path.qself.is_none() => Ok(path.path),
        other => Err(syn::Error::new_spanned(other, "write the name of the struct")),
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let fork = input.fork();
        fork.call(Attribute::parse_outer)?;
        fork.parse::<Visibility>()?;
        fork.parse::<Option<Token![default]>>()?;
        if fork.parse::<Signature>().is_ok() {
            input.parse().map(Box::new).map(Self::Method)
        } else {
            input.parse().map(Box::new).map(Self::Other)
        }
    }
}

impl Parse for Method {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            marks: Vec::new(),
            vis: input.parse()?,
            defaultness: input.parse()?,
            sig: input.parse()?,
            body: input.parse()?,
        })
    }
}

/// `#[step]`, or `#[runtime::step]`.
fn role(path: &Path, runtime: &Ident) -> Option<Role> {
    let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
    let name = names.next()?;
    if names.next().is_some_and(|before| before != runtime) {
        return None;
    }
    let roles =
        [("step", Role::Step), ("file_upload_step", Role::Upload), ("response", Role::Response)];
    roles.iter().find(|(word, _)| name == word).map(|(_, role)| *role)
}

impl Method {
    /// Takes our attributes out: the compiler must not see them.
    fn take_marks(&mut self, runtime: &Ident) {
        for attr in mem::take(&mut self.attrs) {
            match role(attr.path(), runtime) {
                Some(role) => self.marks.push(Mark { role, attr }),
                None => self.attrs.push(attr),
            }
        }
    }

    /// What makes it a step or the response; more than one is a mistake.
    pub(super) fn mark(&self) -> Option<&Mark> {
        self.marks.first()
    }
}

impl Mark {
    /// The arguments of the attribute.
    pub(super) fn args(&self, errors: &Errors) -> Args {
        let tokens = match &self.attr.meta {
            syn::Meta::Path(_) => TokenStream::new(),
            syn::Meta::List(list) => list.tokens.clone(),
            syn::Meta::NameValue(pair) => {
                errors.at(pair.eq_token, "write the arguments in parentheses");
                return Args::unreadable(words(self.role));
            }
        };
        Args::read(tokens, words(self.role), errors)
    }
}

impl ToTokens for Block {
    /// The block as the user wrote it, without our attributes.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { header, brace, items } = self;
        header.to_tokens(tokens);
        brace.surround(tokens, |inner| inner.append_all(items));
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Method(method) => {
                let Method { attrs, vis, defaultness, sig, body, .. } = &**method;
                tokens.extend(quote!(#(#attrs)* #vis #defaultness #sig #body));
            }
            Self::Other(item) => item.to_tokens(tokens),
        }
    }
}
