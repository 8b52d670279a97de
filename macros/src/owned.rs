//! Types that own what they say: a journal keeps them longer than anybody lends.

use syn::{GenericArgument, Lifetime, PathArguments, Type, TypeImplTrait, TypeReference};

use crate::names::spelled;

/// The first reference in a type.
pub(crate) fn lends(ty: &Type) -> Option<&TypeReference> {
    within(ty, &|ty| match ty {
        Type::Reference(reference) => Some(reference),
        _ => None,
    })
}

/// The first `impl Trait` in a type.
pub(crate) fn opaque(ty: &Type) -> Option<&TypeImplTrait> {
    within(ty, &|ty| match ty {
        Type::ImplTrait(opaque) => Some(opaque),
        _ => None,
    })
}

/// The first `'_` in the arguments of a type.
pub(crate) fn elided(ty: &Type) -> Option<&Lifetime> {
    within(ty, &|ty| {
        arguments(ty).find_map(|argument| match argument {
            GenericArgument::Lifetime(lifetime) if lifetime.ident == "_" => Some(lifetime),
            _ => None,
        })
    })
}

/// What is looked for in a type, or in those that it is made of.
fn within<'a, T>(ty: &'a Type, found: &impl Fn(&'a Type) -> Option<T>) -> Option<T> {
    let ty = ungrouped(ty);
    found(ty).or_else(|| match ty {
        Type::Reference(reference) => within(&reference.elem, found),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(|ty| within(ty, found)),
        Type::Array(array) => within(&array.elem, found),
        Type::Slice(slice) => within(&slice.elem, found),
        ty => arguments(ty).find_map(|argument| match argument {
            GenericArgument::Type(ty) => within(ty, found),
            _ => None,
        }),
    })
}

/// What stands in the angle brackets of a path.
fn arguments(ty: &Type) -> impl Iterator<Item = &GenericArgument> {
    let segments = match ty {
        Type::Path(path) => Some(&path.path.segments),
        _ => None,
    };
    segments.into_iter().flatten().flat_map(|segment| {
        let arguments = match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
            _ => None,
        };
        arguments.into_iter().flatten()
    })
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
