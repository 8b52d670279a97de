//! The impl block and its attributes, as written. Bodies stay tokens: only signatures are read.

use std::mem;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::{
    Attribute, Generics, Ident, ImplItem, ItemImpl, Meta, Path, Signature, Token, Type, TypePath,
    Visibility, braced,
    parse::{End, Parse, ParseStream, discouraged::Speculative},
    parse_quote, token,
};

use super::{unread, words::words};
use crate::{
    attr::Args,
    diag::{Errors, nearest},
    names::spelled,
    owned::ungrouped,
};

const PLACE: &str = "`#[steps]` goes on the `impl` block with the step methods";

/// The block. What stands before its brace stays as it is until somebody asks for the task.
pub(super) struct Block {
    attrs: Vec<Attribute>,
    header: TokenStream,
    brace: token::Brace,
    /// `#![allow(..)]` and `//!`, which stand first.
    inner: Vec<Attribute>,
    items: Vec<Item>,
}

pub(super) enum Item {
    Method(Box<Method>),
    Other(Box<ImplItem>),
    /// What cannot be read. The compiler has told why, unless it knows more syntax than we do.
    Unread {
        written: TokenStream,
        /// What is printed of it.
        left: TokenStream,
    },
}

/// A method, and the attributes of ours that stood on it.
pub(super) struct Method {
    pub(super) attrs: Vec<Attribute>,
    pub(super) marks: Vec<Mark>,
    vis: Visibility,
    defaultness: Option<Token![default]>,
    pub(super) sig: Signature,
    /// The block, or a `;` that the compiler tells.
    body: TokenTree,
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
    /// Reads the block; `runtime` is what the user calls our crate. What would make one mistake
    /// many where the block is printed is told and taken out. Fails where there is no block.
    pub(super) fn read(item: TokenStream, runtime: &Ident, errors: &Errors) -> syn::Result<Self> {
        let mut block: Self = syn::parse2(item)?;
        block.attrs.retain(|attr| {
            let again = last_of(attr.path(), runtime).is_some_and(|name| name == "steps");
            if again {
                errors.at(attr, "the block has `#[steps]` already: remove one of them");
            }
            !again
        });
        for item in &mut block.items {
            match item {
                Item::Method(method) => method.take_marks(runtime),
                Item::Other(other) => refuse_marks(other, runtime, errors),
                Item::Unread { written, left } => *left = unread::recovered(written, runtime),
            }
        }
        if !block.is_marked() {
            block.take_renamed(errors);
        }
        block.refuse_twins(errors);
        Ok(block)
    }

    /// Takes the attributes of a crate that `#[steps]` was not told the name of, and tells that once
    /// for all of them.
    fn take_renamed(&mut self, errors: &Errors) {
        let Some((path, of)) = self.renamed() else { return };
        let word = spelled(path.segments.last());
        let message = format!(
            "this block does not know `{of}`: write `#[{word}]`, or `#[steps(crate = {of})]`"
        );
        errors.at(path, message);
        for item in &mut self.items {
            if let Item::Method(method) = item {
                method.take_marks(&of);
            }
        }
    }

    /// The first `saga::step`, and the `saga` of it.
    fn renamed(&self) -> Option<(Path, Ident)> {
        let mut paths = self.methods().flat_map(|method| &method.attrs).map(Attribute::path);
        paths.find_map(|path| Some((path.clone(), crate_of(path)?.clone())))
    }

    fn refuse_twins(&mut self, errors: &Errors) {
        let mut steps: Vec<Ident> = Vec::new();
        self.items.retain(|item| {
            let Item::Method(method) = item else { return true };
            let ident = &method.sig.ident;
            if method.mark().is_none_or(|mark| mark.role == Role::Response) {
                return true;
            }
            let twin = steps.contains(ident);
            if twin {
                errors.at(ident, name_is_taken(&ident.to_string()));
            }
            steps.push(ident.clone());
            !twin
        });
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Other(_) | Item::Unread { .. } => None,
        })
    }

    /// Those of the block and of its methods.
    pub(super) fn attrs(&self) -> impl Iterator<Item = &Attribute> {
        let of_methods = self.methods().flat_map(|method| &method.attrs);
        self.attrs.iter().chain(&self.inner).chain(of_methods)
    }

    /// The methods and constants with one of these names.
    pub(super) fn named<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a Ident> {
        let idents = self.items.iter().filter_map(Item::ident);
        idents.filter(move |ident| names.iter().any(|name| ident == name))
    }

    /// Takes out what [`named`](Self::named) finds: the struct has it already.
    pub(super) fn leave_out(&mut self, names: &[&str]) {
        let is_left_out = |ident: &Ident| names.iter().any(|name| ident == name);
        self.items.retain(|item| !item.ident().is_some_and(is_left_out));
    }

    /// Leaves open what these methods return, and thus what they do: the compiler would tell the
    /// mistake in it again.
    pub(super) fn leave_returns(&mut self, methods: &[Ident]) {
        for item in &mut self.items {
            if let Item::Method(method) = item
                && methods.contains(&method.sig.ident)
            {
                method.sig.output = parse_quote!(-> !);
                method.body = parse_quote!({ loop {} });
            }
        }
    }

    /// Whether there is no step, but an attribute that was probably meant to make one: the compiler
    /// tells that it does not know it.
    pub(super) fn is_misspelt(&self, runtime: &Ident) -> bool {
        let near = |attr: &Attribute| {
            let name = last_of(attr.path(), runtime).map(Ident::to_string);
            name.is_some_and(|name| nearest(&name, &MARKS.map(|(word, _)| word)).is_some())
        };
        let makes_step = |mark: &Mark| mark.role != Role::Response;
        !self.methods().any(|method| method.marks.iter().any(makes_step))
            && self.methods().any(|method| method.attrs.iter().any(near))
    }

    /// What could not be read, as it is written.
    pub(super) fn unread(&self) -> impl Iterator<Item = &TokenStream> {
        self.items.iter().filter_map(|item| match item {
            Item::Unread { written, .. } => Some(written),
            Item::Method(_) | Item::Other(_) => None,
        })
    }

    /// The struct that the block is for, `None` if there is none. What is wrong with the header is
    /// told here.
    pub(super) fn subject(&self, errors: &Errors) -> Option<Subject> {
        let header = &self.header;
        // What cannot be read the compiler has told.
        let block = syn::parse2::<ItemImpl>(quote!(#header {})).ok()?;
        let Type::Path(TypePath { qself: None, path, .. }) = ungrouped(&block.self_ty) else {
            errors.at(&block.self_ty, "write the name of the struct");
            return None;
        };
        let name = spelled(path.segments.last().map(|segment| &segment.ident));
        if let Some((of, _)) = &block.trait_ {
            let message = format!(
                "the steps are methods of the struct: write `impl {name}`, without a trait"
            );
            errors.at(of, message);
        } else if !block.generics.params.is_empty() {
            let message = format!("a task has no generics: write `impl {name}`");
            errors.at(&block.generics, message);
        } else if let Some(clause) = &block.generics.where_clause {
            let message = format!("a task has no `where` clause: write `impl {name}`");
            errors.at(clause, message);
        }
        let of_trait = block.trait_.is_some();
        Some(Subject { task: path.clone(), generics: block.generics, of_trait })
    }

    /// Whether an attribute of ours stands in it.
    pub(super) fn is_marked(&self) -> bool {
        self.methods().any(|method| !method.marks.is_empty())
    }

    /// Makes its methods those of the struct itself, where a trait was named by mistake: no trait
    /// has them.
    pub(super) fn leave_trait(&mut self, Subject { task, generics, .. }: &Subject) {
        let (params, _, clause) = generics.split_for_impl();
        self.header = quote!(impl #params #task #clause);
        self.items.retain(|item| matches!(item, Item::Method(_)));
    }
}

/// What stands before the brace, as far as the task goes.
pub(super) struct Subject {
    pub(super) task: Path,
    pub(super) generics: Generics,
    pub(super) of_trait: bool,
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let no_block = input.error(PLACE);
        let mut header = TokenStream::new();
        while !(input.peek(token::Brace) && input.peek2(End)) {
            header.extend(Some(input.parse::<TokenTree>().map_err(|_| no_block.clone())?));
        }
        if !is_impl(&header) {
            return Err(no_block);
        }
        let content;
        let brace = braced!(content in input);
        let inner = inner_attributes(&content);
        let mut items = Vec::new();
        while !content.is_empty() {
            items.push(Item::read(&content)?);
        }
        Ok(Self { attrs, header, brace, inner, items })
    }
}

/// What cannot be read of them is part of the first item then.
fn inner_attributes(input: ParseStream<'_>) -> Vec<Attribute> {
    let fork = input.fork();
    let inner = fork.call(Attribute::parse_inner).unwrap_or_default();
    if !inner.is_empty() {
        input.advance_to(&fork);
    }
    inner
}

/// Whether it is meant to be the header of an `impl` block.
fn is_impl(header: &TokenStream) -> bool {
    let is_word = |token: TokenTree| token.to_string() == "impl";
    header.clone().into_iter().next().is_some_and(is_word)
        || syn::parse2::<ItemImpl>(quote!(#header {})).is_ok()
}

impl Item {
    fn ident(&self) -> Option<&Ident> {
        match self {
            Self::Method(method) => Some(&method.sig.ident),
            Self::Other(item) => match &**item {
                ImplItem::Const(item) => Some(&item.ident),
                _ => None,
            },
            Self::Unread { .. } => None,
        }
    }

    /// Reads one, or what stands in the place of one. Its tokens are taken out first: what is left
    /// over inside of one of its attributes would else be a mistake of the whole block.
    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let fork = input.fork();
        let tokens = match fork.parse::<Self>() {
            Ok(_) => unread::up_to(&fork, input)?,
            Err(_) => unread::item(input)?,
        };
        let unread = |_| Self::Unread { written: tokens.clone(), left: TokenStream::new() };
        Ok(syn::parse2(tokens.clone()).unwrap_or_else(unread))
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
            body: {
                let next = input.lookahead1();
                if !next.peek(token::Brace) && !next.peek(Token![;]) {
                    return Err(next.error());
                }
                input.parse()?
            },
        })
    }
}

/// The `step` of `#[step]`, or of `#[runtime::step]`.
fn last_of<'a>(path: &'a Path, runtime: &Ident) -> Option<&'a Ident> {
    let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
    let name = names.next()?;
    names.next().is_none_or(|before| before == runtime).then_some(name)
}

pub(super) fn role(path: &Path, runtime: &Ident) -> Option<Role> {
    let name = last_of(path, runtime)?;
    MARKS.iter().find(|(word, _)| name == word).map(|(_, role)| *role)
}

/// The `saga` of `#[saga::step]`.
fn crate_of(path: &Path) -> Option<&Ident> {
    let mut before = path.segments.iter().rev().skip(1).map(|segment| &segment.ident);
    let of = before.next().filter(|of| role(path, of).is_some())?;
    before.next().is_none().then_some(of)
}

const MARKS: [(&str, Role); 3] =
    [("step", Role::Step), ("file_upload_step", Role::Upload), ("response", Role::Response)];

/// Takes our attributes out of what is no method.
fn refuse_marks(item: &mut ImplItem, runtime: &Ident, errors: &Errors) {
    let attrs = match item {
        ImplItem::Const(item) => &mut item.attrs,
        ImplItem::Type(item) => &mut item.attrs,
        ImplItem::Macro(item) => &mut item.attrs,
        _ => return,
    };
    attrs.retain(|attr| {
        let ours = role(attr.path(), runtime).is_some();
        if ours {
            errors.at(attr, "a step and the response are methods: put the attribute on a `fn`");
        }
        !ours
    });
}

/// Why a step cannot have this name.
pub(super) fn name_is_taken(name: &str) -> String {
    format!("there is a step `{name}` already: rename this one")
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
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(pair) => {
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
        let Self { attrs, header, brace, inner, items } = self;
        tokens.append_all(attrs);
        header.to_tokens(tokens);
        brace.surround(tokens, |body| {
            body.append_all(inner);
            body.append_all(items);
        });
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
            Self::Unread { left, .. } => left.to_tokens(tokens),
        }
    }
}
