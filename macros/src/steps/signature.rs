//! A signature as data: which values a method asks for by name, and what it gives back.

use proc_macro2::Span;
use quote::quote;
use syn::{
    FnArg, GenericArgument, GenericParam, Generics, Ident, Lifetime, Pat, PatType, PathArguments,
    PathSegment, Receiver, ReceiverKind, ReturnType, Safety, Type, TypeReference, parse_quote,
    spanned::Spanned,
};

use crate::{
    diag::Errors,
    names::{bare, spelled},
    owned::{elided, lends, opaque, owned, ungrouped},
};

pub(super) struct Signature {
    pub(super) ident: Ident,
    pub(super) is_async: bool,
    pub(super) params: Vec<Param>,
    pub(super) output: Output,
}

/// A parameter other than `&self`.
pub(super) struct Param {
    /// The name that says which value is meant.
    pub(super) name: String,
    /// The same as an identifier.
    pub(super) ident: Ident,
    /// The type as written.
    pub(super) ty: Type,
    pub(super) form: Form,
}

/// How a parameter takes its value.
pub(super) enum Form {
    /// `&T`
    Lent(Type),
    /// `Option<&T>`
    Maybe(Type),
    /// `Outcome<&T>`, or an `Outcome` of something else
    Outcome { lent: bool, view: bool },
    /// Anything else.
    Other,
    /// A reference with a mistake that has been told.
    Told,
}

/// What a method gives back.
pub(super) struct Output {
    /// The type as written; `()` where none is.
    pub(super) written: Type,
    /// The output: the `T` of `StepResult<T>`, `PartialResult<T>` and `Result<T, _>`, else the whole.
    pub(super) ty: Type,
    pub(super) fallible: bool,
    /// Whether it can say what was done although it failed: a `PartialResult`.
    pub(super) in_part: bool,
    /// Whether it is a `StepResult` or a `PartialResult` of nobody knows what.
    pub(super) unsaid: bool,
    /// Whether no mistake in it has been told.
    pub(super) understood: bool,
    /// Where a wrong type is reported.
    pub(super) span: Span,
}

impl Signature {
    /// Reads the signature of `what`, for example "a step".
    pub(super) fn read(sig: &syn::Signature, what: &str, errors: &Errors) -> Self {
        refuse_qualifiers(sig, what, errors);
        receiver(sig, what, errors);
        let typed = sig.inputs.iter().filter_map(|arg| match arg {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        let mut params: Vec<Param> = Vec::new();
        for param in typed.filter_map(|typed| Param::read(typed, &sig.generics, errors)) {
            if params.iter().any(|before| before.name == param.name) {
                errors.at(&param.ident, format!("`{}` is taken twice: remove one", param.name));
            }
            params.push(param);
        }
        Self {
            ident: sig.ident.clone(),
            is_async: sig.asyncness.is_some(),
            params,
            output: Output::read(sig, what, errors),
        }
    }
}

fn refuse_qualifiers(sig: &syn::Signature, what: &str, errors: &Errors) {
    generics(&sig.generics, what, errors);
    let safety = (!matches!(sig.safety, Safety::Default)).then(|| sig.safety.span());
    let abi = sig.abi.as_ref().map(Spanned::span);
    let variadic = sig.variadic.as_ref().map(Spanned::span);
    for span in [safety, abi, variadic].into_iter().flatten() {
        errors.at_span(span, format!("{what} is a plain `fn` or an `async fn`"));
    }
}

fn generics(generics: &Generics, what: &str, errors: &Errors) {
    let Generics { params, where_clause, .. } = generics;
    if !params.is_empty() && params.iter().all(|p| matches!(p, GenericParam::Lifetime(_))) {
        let names = spelled(params);
        let message = format!(
            "{what} names no lifetimes, as its inputs are lent for one call: remove `<{names}>`, and write `&` in the place of `&{}`",
            spelled(params.first())
        );
        errors.at(params, message);
    } else if !params.is_empty() {
        errors.at(params, format!("{what} is not generic: write the types"));
    } else if let Some(clause) = where_clause {
        errors.at(clause, format!("{what} has no `where` clause: write the types"));
    }
}

fn receiver(sig: &syn::Signature, what: &str, errors: &Errors) {
    let message = format!("{what} takes `&self` first: the task is shared by its sagas");
    match sig.inputs.first() {
        Some(FnArg::Receiver(Receiver {
            kind: ReceiverKind::Reference(_, lifetime, None),
            ..
        })) if is_told(lifetime.as_ref(), &sig.generics) => {}
        Some(FnArg::Receiver(receiver)) => errors.at(receiver, message),
        _ => errors.at(&sig.ident, message),
    }
}

/// Whether nothing is left to say of this lifetime: none is named, or one that the signature
/// declares, which is told there.
fn is_told(lifetime: Option<&Lifetime>, generics: &Generics) -> bool {
    lifetime.is_none_or(|lifetime| {
        lifetime.ident == "_" || generics.lifetimes().any(|told| told.lifetime == *lifetime)
    })
}

impl Param {
    fn read(typed: &PatType, generics: &Generics, errors: &Errors) -> Option<Self> {
        if let Some(cfg) = typed.attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
            errors.at(cfg, "two builds of one task must agree on its steps: remove the `#[cfg]`");
        }
        let ident = match &*typed.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => &pat.ident,
            pattern => {
                errors.at(
                    pattern,
                    "inputs are found by name: write a name here, and take it apart in the body",
                );
                return None;
            }
        };
        let ty = ungrouped(&typed.ty);
        if let Some(opaque) = opaque(ty) {
            errors.at(
                opaque,
                "a parameter has a type, not `impl Trait`: write `&` and the output of the step",
            );
            return None;
        }
        let name = bare(ident);
        let form = form(ty, &name, generics, errors);
        Some(Self { ident: identifier(&name, ident), name, ty: ty.clone(), form })
    }
}

/// The name as an identifier, which a keyword needs `r#` for. What is none without its `_`, such as
/// the `1` of `_1`, stays as it is written.
fn identifier(name: &str, written: &Ident) -> Ident {
    let is_word = name.starts_with(|first: char| first == '_' || first.is_alphabetic());
    let has_no_raw = ["_", "self", "Self", "super", "crate"].contains(&name);
    if !is_word || has_no_raw {
        return written.clone();
    }
    syn::parse_str::<Ident>(name).map_or_else(
        |_| Ident::new_raw(name, written.span()),
        |ident| Ident::new(&ident.to_string(), written.span()),
    )
}

fn form(ty: &Type, name: &str, generics: &Generics, errors: &Errors) -> Form {
    if let Type::Reference(reference) = ty {
        return lent(reference, name, generics, errors).map_or(Form::Told, Form::Lent);
    }
    match last_segment(ty) {
        Some(segment) if segment.ident == "Outcome" => {
            let of = argument(segment).map(ungrouped);
            let lent = !matches!(of, Some(Type::Path(_) | Type::Tuple(_)));
            let view = matches!(of, Some(Type::Reference(of)) if is_view(&of.elem));
            Form::Outcome { lent, view }
        }
        Some(segment) if segment.ident == "Option" => match argument(segment).map(ungrouped) {
            Some(Type::Reference(inner)) => {
                lent(inner, name, generics, errors).map_or(Form::Told, Form::Maybe)
            }
            _ => Form::Other,
        },
        _ => Form::Other,
    }
}

/// The `T` of `&T`. Whatever is wrong with the reference is told here.
fn lent(
    reference: &TypeReference,
    name: &str,
    generics: &Generics,
    errors: &Errors,
) -> Option<Type> {
    let inner = &reference.elem;
    if let Some(mutability) = &reference.mutability {
        errors.at(mutability, format!("inputs are read: write `{name}: &{}`", spelled(inner)));
        return None;
    }
    let lifetime = reference.lifetime.as_ref();
    if let Some(lifetime) = lifetime.filter(|lifetime| !is_told(Some(*lifetime), generics)) {
        let message = format!("inputs are lent for one call: write `{name}: &{}`", spelled(inner));
        errors.at(lifetime, message);
        return None;
    }
    Some((**inner).clone())
}

impl Output {
    fn read(sig: &syn::Signature, what: &str, errors: &Errors) -> Self {
        let written = match &sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => ungrouped(ty).clone(),
        };
        let span = match &sig.output {
            ReturnType::Default => sig.ident.span(),
            ReturnType::Type(_, ty) => ty.span(),
        };
        let refusal = refusal(&written, what);
        if let Some(message) = &refusal {
            errors.at(&written, message);
        }
        let inner = success(&written);
        Self {
            fallible: inner.is_some(),
            in_part: is_in_part(&written),
            unsaid: unsaid(&written).is_some(),
            ty: inner.unwrap_or_else(|| written.clone()),
            understood: refusal.is_none(),
            written,
            span,
        }
    }

    /// Whether it is written as `StepResult<..>`.
    pub(super) fn is_step_result(&self) -> bool {
        last_segment(&self.written).is_some_and(|segment| segment.ident == "StepResult")
    }
}

/// Why a return type cannot be used, if so.
fn refusal(ty: &Type, what: &str) -> Option<String> {
    if opaque(ty).is_some() {
        return Some(format!("{what} returns a type, not `impl Trait`"));
    }
    if let Some(lent) = lends(ty) {
        return Some(format!(
            "{what} returns what it owns: write `{}` in the place of `{}`",
            owned(&lent.elem),
            spelled(lent)
        ));
    }
    if elided(ty).is_some() {
        let message = "returns what it owns: write `'static` in the place of `'_`";
        return Some(format!("{what} {message}"));
    }
    unsaid(ty).map(|name| format!("say what {what} returns: write `{name}<()>` for nothing"))
}

/// The name of a result that does not say of what, if it is one.
fn unsaid(ty: &Type) -> Option<&'static str> {
    let segment = last_segment(ty).filter(|segment| argument(segment).is_none())?;
    ["StepResult", "PartialResult"].into_iter().find(|name| segment.ident == name)
}

/// The `T` of `StepResult<T>`, `PartialResult<T>` and `Result<T, _>`. That is told by the name alone: under an
/// alias of another name, a result is an output like any other, and no journal takes it.
fn success(ty: &Type) -> Option<Type> {
    let segment = last_segment(ty)?;
    let named = ["StepResult", "PartialResult", "Result"].iter().any(|name| segment.ident == name);
    argument(segment).filter(|_| named).cloned()
}

/// Whether it is a `PartialResult<..>` or a `Result<_, PartialError<..>>`.
fn is_in_part(ty: &Type) -> bool {
    let Some(segment) = last_segment(ty) else { return false };
    let error = arguments(segment).nth(1).and_then(last_segment);
    segment.ident == "PartialResult"
        || segment.ident == "Result" && error.is_some_and(|error| error.ident == "PartialError")
}

/// How many files an upload step names.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Files {
    One,
    Many,
}

/// `SourceFile` or `Vec<SourceFile>`.
pub(super) fn files(ty: &Type) -> Option<Files> {
    let segment = last_segment(ty)?;
    if segment.ident == "SourceFile" {
        return Some(Files::One);
    }
    let inner = last_segment(argument(segment)?)?;
    (segment.ident == "Vec" && inner.ident == "SourceFile").then_some(Files::Many)
}

/// Whether a reference to it is a view of a `Vec` or a `String`.
pub(super) fn is_view(ty: &Type) -> bool {
    matches!(ty, Type::Slice(_)) || quote!(#ty).to_string() == "str"
}

/// Whether it is written as a type of this name.
pub(super) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ungrouped(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The first type in angle brackets.
fn argument(segment: &PathSegment) -> Option<&Type> {
    arguments(segment).next()
}

/// The types in angle brackets.
fn arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
