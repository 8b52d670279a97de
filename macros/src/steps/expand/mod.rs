//! What the steps print: one table, in `const _`.

mod row;
mod thunk;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Saga, Step, reads};
use crate::names::at;

/// The table and the assertions. The mistakes are all told: nothing can fail from here on.
pub(super) fn saga(saga: &Saga) -> TokenStream {
    let Saga { task, steps, lints, runtime, .. } = saga;
    let import = runtime.import();
    let rows = steps.iter().map(|step| row::row(saga, step));
    let (response, read) = match &saga.response {
        Some(make) => (thunk::response(saga, make), reads(&make.sources)),
        None => (last(saga), vec![steps.len() - 1]),
    };
    let dt = runtime.alias_at(at(task.span()));
    let read = (!read.is_empty()).then(|| {
        let steps = read.into_iter().map(Literal::usize_unsuffixed);
        quote!(const RESPONSE_READS: #dt::Reads = &[#(#steps),*];)
    });
    let assertions = assertions(saga);
    // That the struct is no task is told once, at its name, and not in every row.
    let this = &runtime.this;
    let table = quote_spanned! {at(task.span())=>
        type #this = #dt::Checked<#task, { #dt::is_task::<#task>() }>;

        // Not for `#this`: in the crates that depend on this one the compiler does not look through it,
        // and takes it for any type, so that they could have no task of their own.
        impl #dt::TaskSteps for #task
        where
            #this: #dt::TaskDefinition,
        {
            const STEPS: #dt::Table<Self> = &[#(#rows),*];
            const RESPONSE: #dt::Response<Self> = #response;
            #read
        }
    };
    quote! {
        #lints
        const _: () = {
            #import
            #table
            #assertions
        };
    }
}

/// The output of the last step as the response; another type is reported where it is written.
fn last(saga: &Saga) -> TokenStream {
    let index = saga.steps.len() - 1;
    let last = &saga.steps[index].declared;
    let (ty, index) = (last.output(&saga.runtime), Literal::usize_unsuffixed(index));
    let span = at(last.sig.output.span);
    let dt = saga.runtime.alias_at(span);
    quote_spanned!(span=> |c| #dt::last::<Self>(c.step::<#ty>(#index)))
}

/// The limits that two attributes must agree on.
fn assertions(saga: &Saga) -> TokenStream {
    let Saga { task, steps, runtime, .. } = saga;
    let this = &runtime.this;
    let assertion = |span: Span, fits: &str, step: Option<usize>| {
        let span = at(span);
        let (dt, fits) = (runtime.alias_at(span), Ident::new(fits, span));
        let step = step.map(Literal::usize_unsuffixed);
        quote_spanned!(span=> const _: () = #dt::#fits::<#this>(#step);)
    };
    let of_step = |(index, Step { declared, .. }): (usize, &Step)| {
        let timeout = declared.timeout.map(|timeout| timeout.span);
        let attempt = timeout.map(|span| assertion(span, "attempt_fits", Some(index)));
        let tries = declared.retry_key.as_ref().map(Ident::span).or(timeout);
        let tries = tries.filter(|_| declared.at_most_once.is_none());
        let tries = tries.map(|span| assertion(span, "tries_fit", Some(index)));
        quote!(#attempt #tries)
    };
    let path = assertion(task.span(), "path_fits", None);
    steps.iter().enumerate().map(of_step).chain([path]).collect()
}
