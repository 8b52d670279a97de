//! `#[distributed_task(..)]`: the identity of a task.

mod check;
mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{diag::Errors, fallback};

pub(crate) use expand::{aliases, definition};
pub(crate) use model::Task;

pub(crate) fn distributed_task(args: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let printed = match parse::task(args, &item, &errors) {
        Some(parsed) => {
            let task = Task::new(parsed, &errors);
            let buildable = check::task(&task, &errors);
            if buildable { expand::task(&task) } else { fallback::task(item, &task) }
        }
        None => item,
    };
    let mistakes = errors.into_compile_errors();
    quote!(#printed #mistakes)
}
