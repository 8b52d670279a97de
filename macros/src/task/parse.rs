//! The struct and the arguments, as written.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DataEnum, DataStruct, DataUnion, DeriveInput, Fields, ItemStruct, Token};

use super::unread;
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
        Word { name: "durability", shape: Shape::Text, example: "durability = \"process\"" },
        Word { name: "singleton", shape: Shape::Text, example: "singleton = \"nightly-report\"" },
        Word { name: "hold_at_least", shape: Shape::Text, example: "hold_at_least = \"10m\"" },
        Word { name: "protobuf", shape: Shape::Flag, example: "protobuf" },
        Word { name: "crate", shape: Shape::Path, example: "crate = ::distributed_task" },
    ],
    refused: &[],
};

pub(super) struct Parsed {
    pub(super) args: Args,
    /// The struct; the outline of one, without fields, in the place of an enum or a union.
    pub(super) item: ItemStruct,
    pub(super) is_struct: bool,
    /// The item as written.
    pub(super) tokens: TokenStream,
    /// The same, and the arguments: what is printed must not shadow a name in them.
    pub(super) used: TokenStream,
}

/// `None` if the attribute stands on something that is no type: nothing can be printed then.
pub(super) fn task(args: TokenStream, item: &TokenStream, errors: &Errors) -> Option<Parsed> {
    let written = args.clone();
    let args = Args::read(args, &DISTRIBUTED_TASK, errors);
    let read = syn::parse2::<DeriveInput>(item.clone()).ok();
    let Some(mut input) = read.or_else(|| unread::recovered(item)) else {
        errors.at(item.clone().into_iter().next(), PLACE);
        return None;
    };
    refuse_twin(&mut input, errors);
    let tokens = input.to_token_stream();
    let used = quote!(#written #tokens);
    let DeriveInput { attrs, vis, ident, generics, data } = input;
    let outline = |fields, semi_token| ItemStruct {
        attrs,
        vis,
        struct_token: <Token![struct]>::default(),
        ident,
        generics,
        fields,
        semi_token,
    };
    let (item_struct, is_struct) = match data {
        Data::Struct(DataStruct { struct_token, fields, semi_token }) => {
            (ItemStruct { struct_token, ..outline(fields, semi_token) }, true)
        }
        Data::Enum(DataEnum { enum_token, .. }) => {
            errors.at(enum_token, PLACE);
            (outline(Fields::Unit, Some(<Token![;]>::default())), false)
        }
        Data::Union(DataUnion { union_token, .. }) => {
            errors.at(union_token, PLACE);
            (outline(Fields::Unit, Some(<Token![;]>::default())), false)
        }
    };
    Some(Parsed { args, item: item_struct, is_struct, tokens, used })
}

/// Takes the same attribute out of the item where it stands there again: it would print all anew.
fn refuse_twin(input: &mut DeriveInput, errors: &Errors) {
    input.attrs.retain(|attr| {
        let name = attr.path().segments.last().map(|segment| &segment.ident);
        let again = name.is_some_and(|name| name == "distributed_task");
        if again {
            errors.at(attr, "the struct is a task already: remove one of the attributes");
        }
        !again
    });
}

const PLACE: &str = "`#[distributed_task(..)]` goes on a struct: its fields are the dependencies";
