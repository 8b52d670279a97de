//! What the steps print: one table, in `const _`.

mod row;
mod thunk;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::model::{Saga, Work};

/// The table and the assertions. The mistakes are all told: nothing can fail from here on.
pub(super) fn saga(saga: &Saga) -> TokenStream {
    let Saga { task, steps, runtime, .. } = saga;
    let dt = &runtime.alias;
    let import = runtime.import();
    let rows = steps.iter().map(|step| row::row(saga, step));
    let response = response(saga);
    let assertions = assertions(saga);
    quote! {
        const _: () = {
            #import
            impl #dt::TaskSteps for #task {
                const STEPS: &'static [#dt::StepRow<Self>] = &[#(#rows),*];
                const RESPONSE: #dt::Response<Self> = #response;
            }
            #assertions
        };
    }
}

fn response(saga: &Saga) -> TokenStream {
    let dt = &saga.runtime.alias;
    match &saga.response {
        Some(make) => {
            let thunk = thunk::inline(saga, make);
            quote!(#dt::response(#thunk))
        }
        None => last(saga),
    }
}

fn last(saga: &Saga) -> TokenStream {
    let dt = &saga.runtime.alias;
    let index = saga.steps.len() - 1;
    let last = &saga.steps[index].declared;
    let ty = last.output(&saga.runtime);
    let output = match last.work {
        // A response of another type is reported where this one is written.
        Work::Method => quote_spanned!(last.sig.output.span=> #dt::last(c.step::<#ty>(#index))),
        Work::Upload { .. } => quote!(#dt::last(c.step::<#ty>(#index))),
    };
    quote!(#dt::response(|c| #output))
}

/// The limits that two attributes must agree on.
fn assertions(saga: &Saga) -> TokenStream {
    let Saga { task, steps, runtime, .. } = saga;
    let dt = &runtime.alias;
    let assertion = |period: crate::period::Period| {
        let printed = period.print(runtime);
        quote_spanned!(period.span=> const _: () = #dt::fits_into::<#task>(#printed);)
    };
    steps.iter().filter_map(|step| step.declared.timeout).map(assertion).collect()
}
