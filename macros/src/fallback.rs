//! What is printed in the place of a task that has mistakes: enough for the rest of the program
//! to type-check, so that one mistake is not reported many times over.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericParam, Generics, Path, parse_quote, spanned::Spanned};

use crate::{
    diag::Errors,
    names::{Runtime, at},
    task::{self, Task},
};

/// An item that no builder can be printed for, and its mistakes.
pub(crate) fn task(item: TokenStream, task: &Task, errors: Errors) -> TokenStream {
    let (vis, ident, queue) = (&task.item.vis, &task.item.ident, &task.queue.text);
    let (params, args, clause) = task.item.generics.split_for_impl();
    let aliases = task::aliases(task);
    let import = task.runtime.import();
    let definition = task::definition(task, &thread_safe(&task.item.generics));
    // A length that does not compile makes a type that is known to be wrong: whatever is called on
    // this builder is no mistake of its own.
    let (mistake, mistakes) = errors.into_first_and_rest();
    quote! {
        #item
        #aliases
        #[allow(dead_code)]
        impl #params #ident #args #clause {
            #vis const WORKER_QUEUE: &'static str = #queue;

            #vis fn builder() -> [(); #mistake] {
                loop {}
            }
        }
        const _: () = {
            #import
            #definition
        };
        #mistakes
    }
}

/// Steps that could not be understood.
pub(crate) fn steps(
    block: impl ToTokens,
    task: &Path,
    generics: &Generics,
    runtime: &Runtime,
) -> TokenStream {
    let import = runtime.import();
    let span = at(task.span());
    let dt = runtime.alias_at(span);
    let generics = thread_safe(generics);
    let (params, _, clause) = generics.split_for_impl();
    let table = quote_spanned! {span=>
        impl #params #dt::TaskSteps for #task #clause {
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

/// The generics that a task must not have, such that it is `Send + Sync + 'static` all the same.
fn thread_safe(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for param in &mut generics.params {
        match param {
            GenericParam::Type(ty) => {
                ty.bounds.push(parse_quote!(::core::marker::Send));
                ty.bounds.push(parse_quote!(::core::marker::Sync));
                ty.bounds.push(parse_quote!('static));
            }
            GenericParam::Lifetime(lifetime) => lifetime.bounds.push(parse_quote!('static)),
            GenericParam::Const(_) => {}
        }
    }
    generics
}

/// A step attribute that `#[steps]` did not get to see.
pub(crate) fn outside(attribute: &str, item: TokenStream) -> TokenStream {
    let message = format!("`#[{attribute}]` belongs in an `impl` block marked `#[steps]`");
    let mistake = syn::Error::new(Span::call_site(), message).to_compile_error();
    // Inside a block the macro stands for an item of it, where `compile_error!` may stand as well.
    quote!(#item #mistake)
}
