//! What users say of lints, for what is printed beside their code.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Meta};

/// Allows what these attributes allow or expect. Whether an expectation is met shows where it is
/// written.
pub(crate) fn allowed<'a>(attrs: impl IntoIterator<Item = &'a Attribute>) -> TokenStream {
    let allow = |attr: &Attribute| {
        let Meta::List(list) = &attr.meta else { return None };
        let lints = &list.tokens;
        let allows = ["allow", "expect"].iter().any(|level| list.path.is_ident(level));
        allows.then(|| quote!(#[allow(#lints)]))
    };
    attrs.into_iter().filter_map(allow).collect()
}
