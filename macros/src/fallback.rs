//! What is printed in the place of a task that has mistakes: enough for the rest of the program
//! to type-check, so that one mistake is not reported many times over.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use crate::{
    names::{Runtime, at},
    task::{self, Task},
};

/// A struct that no builder can be printed for.
pub(crate) fn task(item: TokenStream, task: &Task) -> TokenStream {
    if !task.item.generics.params.is_empty() {
        return item;
    }
    let aliases = task::aliases(task);
    let import = task.runtime.import();
    let definition = task::definition(task);
    quote! {
        #item
        #aliases
        const _: () = {
            #import
            #definition
        };
    }
}

/// Steps that could not be understood.
pub(crate) fn steps(block: impl ToTokens, task: &Path, runtime: &Runtime) -> TokenStream {
    let import = runtime.import();
    let span = at(task.span());
    let dt = runtime.alias_at(span);
    let table = quote_spanned! {span=>
        impl #dt::TaskSteps for #task {
            const STEPS: #dt::Table<Self> = &[];
            const RESPONSE: #dt::Response<Self> = |_| #dt::unexpanded();
        }
    };
    quote! {
        #block
        const _: () = {
            #import
            #table
        };
    }
}

/// A step attribute that `#[steps]` did not get to see.
pub(crate) fn outside(attribute: &str, item: TokenStream) -> TokenStream {
    let message = format!("`#[{attribute}]` belongs in an `impl` block marked `#[steps]`");
    let mistake = syn::Error::new(Span::call_site(), message).to_compile_error();
    // Inside a block the macro stands for an item of it, where `compile_error!` may stand as well.
    quote!(#item #mistake)
}
