//! A thunk: a closure without captures that takes the inputs of a call out of it by their types,
//! and calls the method.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::super::{
    model::{Callee, Declared, Saga, Source, Work},
    signature::{Form, Param, Signature, is_view},
};
use crate::names::at;

/// The work of a step.
pub(super) fn step(saga: &Saga, step: &Declared, sources: &[Source]) -> TokenStream {
    let run = match (&step.work, &step.ephemeral, step.sig.is_async) {
        (Work::Upload { .. }, _, true) => "future_sources",
        (Work::Upload { .. }, _, false) => "blocking_sources",
        (Work::Method, Some(_), true) => "ephemeral_future",
        (Work::Method, Some(_), false) => "ephemeral_blocking",
        (Work::Method, None, true) if step.sig.output.in_part => "partial_future",
        (Work::Method, None, false) if step.sig.output.in_part => "partial_blocking",
        (Work::Method, None, true) => "future",
        (Work::Method, None, false) => "blocking",
    };
    let run = match step.protobuf {
        Some(_) => format!("protobuf_{run}"),
        None => run.to_owned(),
    };
    let dt = &saga.runtime.alias;
    let (c, gives) = (call(), &step.sig.output.ty);
    let work = attempt(saga, &run, &step.sig, sources);
    // The short name, as what follows from a struct that is no task is not told again.
    let this = &saga.runtime.this;
    quote!(|#c: #dt::Call<#this, #gives>| #work)
}

/// The undo of a step.
pub(super) fn undo(saga: &Saga, undo: &Callee) -> TokenStream {
    let run = if undo.sig.is_async { "future" } else { "blocking" };
    let c = call();
    let work = attempt(saga, run, &undo.sig, &undo.sources);
    quote!(|#c| #work)
}

/// The probe of a step.
pub(super) fn probe(saga: &Saga, probe: &Callee) -> TokenStream {
    let run = if probe.sig.is_async { "asked_future" } else { "asked_blocking" };
    let c = call();
    let work = attempt(saga, run, &probe.sig, &probe.sources);
    quote!(|#c| #work)
}

/// `dt::future(async move { .. })`, blamed for whatever is wrong with the returned type.
fn attempt(saga: &Saga, run: &str, sig: &Signature, sources: &[Source]) -> TokenStream {
    let span = at(sig.output.span);
    let dt = saga.runtime.alias_at(span);
    let run = Ident::new(run, span);
    let task = call_at(span);
    let lets = lets(saga, sig, sources);
    let method = method(sig, sources, &quote_spanned!(span=> &#task.task));
    let returned = match sig.output.fallible {
        true => method,
        false => quote_spanned!(span=> #dt::Ok(#method)),
    };
    match sig.is_async {
        true => quote_spanned!(span=> #dt::#run(async move { #lets #returned })),
        false => quote_spanned!(span=> #dt::#run(move || { #lets #returned })),
    }
}

/// A condition, which is called on the spot.
pub(super) fn condition(saga: &Saga, when: &Callee) -> TokenStream {
    inline(saga, when, |holds| holds)
}

/// The response, which is called on the spot.
pub(super) fn response(saga: &Saga, make: &Callee) -> TokenStream {
    let span = at(saga.task.span());
    let dt = saga.runtime.alias_at(span);
    inline(saga, make, |response| quote_spanned!(span=> #dt::respond::<Self>(#response)))
}

fn inline(
    saga: &Saga,
    callee: &Callee,
    wrap: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let c = call();
    let lets = lets(saga, &callee.sig, &callee.sources);
    let returned = wrap(method(&callee.sig, &callee.sources, &quote!(#c.task)));
    if lets.is_empty() { quote!(|#c| #returned) } else { quote!(|#c| { #lets #returned }) }
}

/// The parameter of a thunk. Its name is out of reach for the names of the user.
fn call() -> Ident {
    Ident::new("c", Span::mixed_site())
}

fn call_at(span: Span) -> Ident {
    Ident::new("c", Span::mixed_site().located_at(span))
}

/// One `let` for each input: a wrong type is one mistake, on that very type.
fn lets(saga: &Saga, sig: &Signature, sources: &[Source]) -> TokenStream {
    let inputs = sig.params.iter().zip(sources).filter(|(_, source)| **source != Source::Context);
    inputs
        .map(|(param, source)| {
            let Param { ident, ty, .. } = param;
            let value = value(saga, param, *source);
            quote!(let #ident: #ty = #value;)
        })
        .collect()
}

fn value(saga: &Saga, param: &Param, source: Source) -> TokenStream {
    let span = at(param.ty.span());
    let c = call_at(span);
    // `&Vec<T>` becomes `&[T]` by itself, but not inside an `Option` or an `Outcome`.
    let view = match &param.form {
        Form::Maybe(ty) => is_view(ty),
        Form::Outcome { view, .. } => *view,
        _ => false,
    };
    let view = view.then(|| quote_spanned!(span=> .map(|x| &**x)));
    match source {
        Source::Context => quote_spanned!(span=> &#c.cx),
        Source::Request => quote_spanned!(span=> #c.request()),
        Source::Outcome(step) => {
            let (ty, _) = output(saga, step);
            quote_spanned!(span=> #c.outcome::<#ty>() #view)
        }
        Source::Step(step) => {
            let (ty, step) = output(saga, step);
            quote_spanned!(span=> #c.step::<#ty>(#step))
        }
        Source::Maybe(step) => {
            let (ty, step) = output(saga, step);
            quote_spanned!(span=> #c.maybe::<#ty>(#step) #view)
        }
    }
}

fn output(saga: &Saga, step: usize) -> (syn::Type, Literal) {
    let output = saga.steps[step].declared.output(&saga.runtime);
    (output, Literal::usize_unsuffixed(step))
}

/// `Self::charge(&c.task, &c.cx, request).await`
fn method(sig: &Signature, sources: &[Source], task: &TokenStream) -> TokenStream {
    let Signature { ident, is_async, params, output } = sig;
    let arguments = params.iter().zip(sources).map(|(param, source)| match source {
        Source::Context => {
            let span = at(param.ty.span());
            let c = call_at(span);
            quote_spanned!(span=> &#c.cx)
        }
        _ => param.ident.to_token_stream(),
    });
    let span = at(output.span);
    let wait = is_async.then(|| quote_spanned!(span=> .await));
    quote_spanned!(span=> Self::#ident(#task #(, #arguments)*) #wait)
}
