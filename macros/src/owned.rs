//! Types that own what they say: a journal keeps them longer than anybody lends.

use syn::{GenericArgument, PathArguments, Type, TypeReference};

use crate::names::spelled;

/// The first reference in a type.
pub(crate) fn lends(ty: &Type) -> Option<&TypeReference> {
    match ungrouped(ty) {
        Type::Reference(reference) => Some(reference),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(lends),
        Type::Array(array) => lends(&array.elem),
        Type::Slice(slice) => lends(&slice.elem),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => lends(ty),
                _ => None,
            })
        }),
        _ => None,
    }
}

/// The type that owns what a reference to this one lends, as one writes it.
pub(crate) fn owned(lent: &Type) -> String {
    match ungrouped(lent) {
        Type::Slice(slice) => format!("Vec<{}>", spelled(&slice.elem)),
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        other => spelled(other),
    }
}

/// A type that came out of a `macro_rules!` is wrapped in an invisible group.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        ty => ty,
    }
}
