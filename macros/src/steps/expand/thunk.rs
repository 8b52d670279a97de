//! A thunk: a closure without captures that takes the inputs of a call out of it by their types,
//! and calls the method.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::super::{
    model::{Callee, Declared, Saga, Source, Work},
    signature::{Form, Param, Signature, is_view},
};

/// The work of a step.
pub(super) fn step(saga: &Saga, step: &Declared, sources: &[Source]) -> TokenStream {
    let run = match (&step.work, &step.ephemeral, step.sig.is_async) {
        (Work::Upload { .. }, _, true) => "future_sources",
        (Work::Upload { .. }, _, false) => "blocking_sources",
        (Work::Method, Some(_), true) => "ephemeral_future",
        (Work::Method, Some(_), false) => "ephemeral_blocking",
        (Work::Method, None, true) => "future",
        (Work::Method, None, false) => "blocking",
    };
    attempt(saga, run, &step.sig, sources, &step.sig.output.ty)
}

/// The undo of a step; `subject` is the output of that step.
pub(super) fn undo(saga: &Saga, callee: &Callee, subject: &Declared) -> TokenStream {
    let run = if callee.sig.is_async { "future" } else { "blocking" };
    let subject = subject.output(&saga.runtime);
    attempt(saga, run, &callee.sig, &callee.sources, &subject)
}

/// `|c| dt::future::<Self, _>(async move { .. })`
fn attempt(
    saga: &Saga,
    run: &str,
    sig: &Signature,
    sources: &[Source],
    subject: &impl ToTokens,
) -> TokenStream {
    let dt = &saga.runtime.alias;
    let c = call();
    let lets = lets(saga, sig, sources, subject);
    let method = method(sig, sources, &quote!(&#c.task));
    let returned = match sig.output.fallible {
        true => method,
        false => quote_spanned!(sig.output.span=> #dt::Ok(#method)),
    };
    // Whatever is wrong with the returned type is reported where it is written.
    let span = sig.output.span;
    let run = Ident::new(run, span);
    let block = match sig.is_async {
        true => quote_spanned!(span=> async move { #lets #returned }),
        false => quote_spanned!(span=> move || { #lets #returned }),
    };
    let work = quote_spanned!(span=> #dt::#run::<Self, _>(#block));
    quote!(|#c| #work)
}

/// A condition or the response, which are called on the spot.
pub(super) fn inline(saga: &Saga, callee: &Callee) -> TokenStream {
    let c = call();
    let lets = lets(saga, &callee.sig, &callee.sources, &TokenStream::new());
    let method = method(&callee.sig, &callee.sources, &quote!(#c.task));
    match lets.is_empty() {
        true => quote!(|#c| #method),
        false => quote!(|#c| { #lets #method }),
    }
}

/// The parameter of a thunk. Its name is out of reach for the names of the user.
fn call() -> Ident {
    Ident::new("c", Span::mixed_site())
}

/// One `let` for each input: a wrong type is one mistake, on that very type.
fn lets(saga: &Saga, sig: &Signature, sources: &[Source], subject: &impl ToTokens) -> TokenStream {
    let inputs = sig.params.iter().zip(sources).filter(|(_, source)| **source != Source::Context);
    inputs
        .map(|(param, source)| {
            let Param { ident, ty, .. } = param;
            let value = value(saga, param, *source, subject);
            quote!(let #ident: #ty = #value;)
        })
        .collect()
}

fn value(saga: &Saga, param: &Param, source: Source, subject: &impl ToTokens) -> TokenStream {
    let c = call();
    let span = syn::spanned::Spanned::span(&param.ty);
    match source {
        Source::Context => quote_spanned!(span=> &#c.cx),
        Source::Request => quote_spanned!(span=> #c.request()),
        Source::Outcome => quote_spanned!(span=> #c.outcome::<#subject>()),
        Source::Step(step) => {
            let (ty, step) = output(saga, step);
            quote_spanned!(span=> #c.step::<#ty>(#step))
        }
        Source::Maybe(step) => {
            let (ty, step) = output(saga, step);
            // `&Vec<T>` becomes `&[T]` by itself, but not inside an `Option`.
            let view = match &param.form {
                Form::Maybe(ty) if is_view(ty) => Some(quote_spanned!(span=> .map(|x| &**x))),
                _ => None,
            };
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
    let c = call();
    let arguments = params.iter().zip(sources).map(|(param, source)| match source {
        Source::Context => {
            let span = syn::spanned::Spanned::span(&param.ty);
            quote_spanned!(span=> &#c.cx)
        }
        _ => param.ident.to_token_stream(),
    });
    let wait = is_async.then(|| quote_spanned!(output.span=> .await));
    quote_spanned!(output.span=> Self::#ident(#task #(, #arguments)*) #wait)
}
