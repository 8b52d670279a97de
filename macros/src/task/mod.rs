//! `#[distributed_task(..)]`: the identity of a task.

mod check;
mod expand;
mod model;
mod parse;
mod unread;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{diag::Errors, fallback};

pub(crate) use expand::{aliases, definition};
pub(crate) use model::Task;

pub(crate) fn distributed_task(args: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let Some(parsed) = parse::task(args, &item, &errors) else {
        let mistakes = errors.into_compile_errors();
        return quote!(#item #mistakes);
    };
    let (is_struct, item) = (parsed.is_struct, parsed.tokens.clone());
    let task = Task::new(parsed, &errors);
    if check::task(&task, &errors) && is_struct {
        let printed = expand::task(&task);
        let mistakes = errors.into_compile_errors();
        quote!(#printed #mistakes)
    } else {
        fallback::task(item, &task, errors)
    }
}
