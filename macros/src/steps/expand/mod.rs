//! What the steps print: one table, in `const _`.

mod row;
mod thunk;

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::Saga;
use crate::{names::at, period::Period};

/// The table and the assertions. The mistakes are all told: nothing can fail from here on.
pub(super) fn saga(saga: &Saga) -> TokenStream {
    let Saga { task, steps, runtime, .. } = saga;
    let import = runtime.import();
    let rows = steps.iter().map(|step| row::row(saga, step));
    let response = match &saga.response {
        Some(make) => thunk::response(saga, make),
        None => last(saga),
    };
    let assertions = assertions(saga);
    // That the struct is no task is told once, at its name, and not in every row.
    let dt = runtime.alias_at(at(task.span()));
    let table = quote_spanned! {at(task.span())=>
        impl #dt::TaskSteps for #dt::Checked<#task, { #dt::is_task::<#task>() }> {
            const STEPS: #dt::Table<Self> = &[#(#rows),*];
            const RESPONSE: #dt::Response<Self> = #response;
        }
    };
    quote! {
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
    let assertion = |period: Period| {
        let span = at(period.span);
        let dt = runtime.alias_at(span);
        let printed = period.print(runtime);
        quote_spanned!(span=> const _: () = #dt::fits_into::<#task>(#printed);)
    };
    steps.iter().filter_map(|step| step.declared.timeout).map(assertion).collect()
}
