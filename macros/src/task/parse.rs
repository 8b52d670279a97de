//! The struct and the arguments, as written.

use proc_macro2::TokenStream;
use syn::ItemStruct;

use crate::{
    attr::{Args, Attribute, Shape, Word},
    diag::Errors,
};

const DISTRIBUTED_TASK: Attribute = Attribute {
    name: "#[distributed_task]",
    words: &[
        Word { name: "name", shape: Shape::Text, example: "name = \"ship-order\"" },
        Word { name: "request", shape: Shape::Type, example: "request = ShipOrder" },
        Word { name: "response", shape: Shape::Type, example: "response = Shipped" },
        Word { name: "error", shape: Shape::Type, example: "error = ShipError" },
        Word { name: "mode", shape: Shape::Text, example: "mode = \"in_process\"" },
        Word { name: "queue", shape: Shape::Text, example: "queue = \"orders\"" },
        Word { name: "max_retries", shape: Shape::Count, example: "max_retries = 3" },
        Word { name: "timeout", shape: Shape::Text, example: "timeout = \"10m\"" },
        Word { name: "cancellable", shape: Shape::Flag, example: "cancellable" },
        Word { name: "crate", shape: Shape::Path, example: "crate = ::distributed_task" },
    ],
    refused: &[],
};

pub(super) struct Parsed {
    pub(super) args: Args,
    pub(super) item: ItemStruct,
    /// The tokens of the item, for names that must be new.
    pub(super) tokens: TokenStream,
}

/// `None` if the attribute stands on something that is no struct: nothing can be printed then.
pub(super) fn task(args: TokenStream, item: &TokenStream, errors: &Errors) -> Option<Parsed> {
    let args = Args::read(args, &DISTRIBUTED_TASK, errors);
    match syn::parse2(item.clone()) {
        Ok(parsed) => Some(Parsed { args, item: parsed, tokens: item.clone() }),
        Err(_) if !is_struct(item) => {
            let start = item.clone().into_iter().next();
            errors.at(
                start,
                "`#[distributed_task(..)]` goes on a struct: its fields are the dependencies",
            );
            None
        }
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn is_struct(item: &TokenStream) -> bool {
    item.clone().into_iter().any(|token| token.to_string() == "struct")
}
