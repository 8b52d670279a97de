//! `#[steps]`: what a task does.

mod calls;
mod check;
mod declare;
mod doubt;
mod expand;
mod model;
mod parse;
mod resolve;
mod signature;
mod unread;
mod words;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use crate::{
    attr::Args,
    diag::Errors,
    fallback,
    lints::allowed,
    names::{OF_THE_STRUCT, Runtime},
};

pub(crate) fn steps(args: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let args = Args::read(args, &words::STEPS, &errors);
    let runtime = Runtime::new(args.path("crate"), &item);
    let printed = match parse::Block::read(item.clone(), &runtime.name, &errors) {
        Ok(block) => understand(block, runtime, &errors),
        Err(error) => {
            errors.push(error);
            item
        }
    };
    let mistakes = errors.into_compile_errors();
    quote!(#printed #mistakes)
}

fn understand(mut block: parse::Block, runtime: Runtime, errors: &Errors) -> TokenStream {
    let Some(subject) = block.subject(errors) else { return quote!(#block) };
    if subject.of_trait {
        // The block of a trait in which no step stands is none of ours.
        if !block.is_marked() {
            return quote!(#block);
        }
        block.leave_trait(&subject);
    }
    let unread = block.unread().map(unread::told_late).collect::<TokenStream>();
    if !unread.is_empty() || block.is_misspelt(&runtime.name) {
        // The compiler tells why, and half of the steps would make more mistakes of it.
        let left = fallback::steps(block, &subject.task, &subject.generics, &runtime);
        return quote!(#left #unread);
    }
    let saga = check(&block, subject.task.clone(), runtime, errors);
    if errors.is_empty() {
        let printed = expand::saga(&saga);
        // What Clippy's pedant says of signatures: it is we who ask for these.
        quote! {
            #[allow(
                clippy::ref_option,
                clippy::trivially_copy_pass_by_ref,
                clippy::unused_async,
                clippy::unused_self
            )]
            #block
            #printed
        }
    } else {
        block.leave_out(&OF_THE_STRUCT);
        block.leave_returns(&saga.unsaid());
        fallback::steps(block, &subject.task, &subject.generics, &saga.runtime)
    }
}

/// parse → model → check; after a mistake the saga has holes, and is not printed.
fn check(block: &parse::Block, task: Path, runtime: Runtime, errors: &Errors) -> model::Saga {
    check::items(block, errors);
    let declared = calls::declared(block, errors);
    check::steps(&declared, &task, errors);
    doubt::steps(&declared, errors);
    let response = calls::response(block, &declared, errors);
    let steps = calls::steps(block, declared, errors);
    model::Saga { task, steps, response, lints: allowed(block.attrs()), runtime }
}
