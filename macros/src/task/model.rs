//! A task: every default is decided here, and nowhere else.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Fields, Ident, ItemStruct, Type, parse_quote};

use super::parse::Parsed;
use crate::{
    attr::Args,
    diag::Errors,
    lints::allowed,
    names::{Names, Runtime, kebab, spelled, state},
    owned::{lends, owned},
    period::Period,
};

/// The longest lease that there is.
const DAY: u64 = 24 * 3_600_000;

pub(crate) struct Task {
    pub(crate) item: ItemStruct,
    pub(crate) names: Names,
    pub(crate) name: Word,
    pub(crate) queue: Word,
    pub(crate) request: Type,
    pub(crate) response: Type,
    pub(crate) error: Type,
    pub(crate) mode: Mode,
    pub(crate) max_retries: Option<u32>,
    pub(crate) timeout: Option<Period>,
    pub(crate) cancellable: bool,
    pub(crate) durability: Option<Durability>,
    /// What no two of its sagas run at a time under.
    pub(crate) singleton: Option<String>,
    /// For so long from the beginning of one.
    pub(crate) hold_at_least: Option<Period>,
    /// The request and the response are Protobuf messages.
    pub(crate) protobuf: bool,
    pub(crate) dependencies: Vec<Dependency>,
    /// What the user allows: for the struct, or for one of its fields.
    pub(crate) lints: TokenStream,
    pub(crate) runtime: Runtime,
}

/// A name, and where the user can change it.
#[derive(Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    InProcess,
    Distributed,
}

/// What the journal has to survive.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    Volatile,
    Process,
    Fsync,
}

/// A field, which the builder sets.
pub(crate) struct Dependency {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    /// The type parameter of the builder that says whether it is set.
    pub(crate) state: Ident,
}

impl Task {
    pub(super) fn new(Parsed { args, item, used, .. }: Parsed, errors: &Errors) -> Self {
        let runtime = Runtime::new(args.path("crate"), &used);
        let named = |key| args.text(key).map(|text| Word { text: text.value(), span: text.span() });
        let name = named("name")
            .unwrap_or_else(|| Word { text: kebab(&item.ident), span: item.ident.span() });
        let ty = |key, default: TokenStream| {
            let written = args.ty(key).filter(|ty| owns(key, ty, errors));
            written.cloned().unwrap_or_else(|| parse_quote!(#default))
        };
        let dt = &runtime.alias;
        Self {
            names: Names::of(&item.ident),
            queue: named("queue").unwrap_or_else(|| name.clone()),
            name,
            request: ty("request", quote!(())),
            response: ty("response", quote!(())),
            error: ty("error", quote!(#dt::Refusal)),
            mode: mode(&args, errors),
            max_retries: args.count("max_retries", errors).map(|(max, _)| max),
            timeout: args.text("timeout").and_then(|text| Period::read(text, errors)),
            cancellable: args.key("cancellable").is_some(),
            durability: durability(&args, errors),
            singleton: singleton(&args, errors),
            hold_at_least: hold_at_least(&args, errors),
            protobuf: protobuf(&args, errors),
            dependencies: dependencies(&item, &used),
            lints: allowed(attrs(&item)),
            item,
            runtime,
        }
    }
}

/// The journal keeps it longer than anybody lends it.
fn owns(key: &str, ty: &Type, errors: &Errors) -> bool {
    let lends = lends(ty);
    if let Some(lent) = lends {
        let (owned, lent) = (owned(&lent.elem), spelled(lent));
        errors.at(
            ty,
            format!("the {key} owns what it says: write `{owned}` in the place of `{lent}`"),
        );
    }
    lends.is_none()
}

fn mode(args: &Args, errors: &Errors) -> Mode {
    let modes = [("in_process", Mode::InProcess), ("distributed", Mode::Distributed)];
    args.choice("mode", &modes, errors).unwrap_or(Mode::InProcess)
}

fn durability(args: &Args, errors: &Errors) -> Option<Durability> {
    let classes = [
        ("volatile", Durability::Volatile),
        ("process", Durability::Process),
        ("fsync", Durability::Fsync),
    ];
    args.choice("durability", &classes, errors)
}

fn singleton(args: &Args, errors: &Errors) -> Option<String> {
    let text = args.text("singleton")?;
    let name = text.value();
    if name.trim().is_empty() {
        let message = "the lease of a singleton has a name, which other tasks may share: write `singleton = \"nightly-report\"`";
        errors.at(text, message);
        return None;
    }
    Some(name)
}

fn hold_at_least(args: &Args, errors: &Errors) -> Option<Period> {
    let key = args.key("hold_at_least");
    if key.is_some() && !args.meant("singleton") {
        let message = "`hold_at_least` has no effect: any number of sagas run at a time; write `singleton = \"nightly-report\"` as well";
        errors.at(key, message);
    }
    let text = args.text("hold_at_least")?;
    let hold = Period::read(text, errors)?;
    if hold.millis() > DAY {
        errors.at(text, "a lease lasts for at most a day: write `\"24h\"` or less");
        return None;
    }
    Some(hold)
}

fn protobuf(args: &Args, errors: &Errors) -> bool {
    let key = args.key("protobuf");
    if key.is_some() && !args.meant("request") && !args.meant("response") {
        let message = "`protobuf` has no effect: the task names neither a request nor a response; a step whose output is a message says `protobuf` itself";
        errors.at(key, message);
    }
    key.is_some()
}

fn dependencies(item: &ItemStruct, used: &TokenStream) -> Vec<Dependency> {
    let Fields::Named(fields) = &item.fields else { return Vec::new() };
    let mut states: Vec<Ident> = Vec::new();
    let dependency = |field: &syn::Field| {
        let ident = field.ident.clone()?;
        let state = state(&ident, used, &states);
        states.push(state.clone());
        let ty = without_self(&field.ty, &item.ident);
        Some(Dependency { state, ty, docs: docs(field, &ident), ident })
    };
    fields.named.iter().filter_map(dependency).collect()
}

/// Those of the struct and of its fields.
fn attrs(item: &ItemStruct) -> impl Iterator<Item = &Attribute> {
    item.attrs.iter().chain(item.fields.iter().flat_map(|field| &field.attrs))
}

/// The type as it is written in an `impl` of another one.
fn without_self(ty: &Type, task: &Ident) -> Type {
    syn::parse2(renamed(quote!(#ty), task)).unwrap_or_else(|_| ty.clone())
}

fn renamed(tokens: TokenStream, task: &Ident) -> TokenStream {
    let rename = |token| match token {
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), renamed(group.stream(), task));
            inner.set_span(group.span());
            inner.into()
        }
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut name = task.clone();
            name.set_span(ident.span());
            name.into()
        }
        token => token,
    };
    tokens.into_iter().map(rename).collect()
}

/// The documentation of a setter: that of its field.
fn docs(field: &syn::Field, ident: &Ident) -> Vec<Attribute> {
    let written: Vec<Attribute> =
        field.attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect();
    if !written.is_empty() {
        return written;
    }
    let doc = format!(" Sets the dependency `{ident}`.");
    vec![parse_quote!(#[doc = #doc])]
}
