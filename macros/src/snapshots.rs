//! What two tasks print, compared with the files in `snapshots/`. `UPDATE_SNAPSHOTS=1` rewrites
//! them.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;

use crate::{steps::steps, task::distributed_task};

/// A file with a struct and an `impl`, each under its attribute, as the compiler would hand them
/// over; printed as `cargo expand` prints it.
fn expand(source: &str) -> String {
    let file = syn::parse_file(source).expect("the input is Rust");
    let items: TokenStream = file.items.into_iter().map(expand_item).collect();
    prettyplease::unparse(&syn::parse2(items).expect("the macros print Rust"))
}

fn expand_item(mut item: syn::Item) -> TokenStream {
    let attrs = match &mut item {
        syn::Item::Struct(item) => &mut item.attrs,
        syn::Item::Impl(item) => &mut item.attrs,
        _ => return quote::quote!(#item),
    };
    let ours = |attr: &syn::Attribute| !attr.path().is_ident("doc");
    let attr = attrs.iter().position(ours).map(|at| attrs.remove(at)).expect("an attribute");
    let args = match &attr.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let expand = if attr.path().is_ident("steps") { steps } else { distributed_task };
    expand(args, quote::quote!(#item))
}

fn compare(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let input = fs::read_to_string(folder.join(format!("{name}.rs"))).expect("the input is there");
    let file = folder.join(format!("{name}.expanded.rs"));
    let printed = expand(&input);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&file, &printed).expect("the snapshot can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(printed == expected, "{} differs; it is now:\n{printed}", file.display());
}

#[test]
fn uploads_and_an_ephemeral_step() {
    compare("create_zip");
}

#[test]
fn a_group_a_condition_an_undo_and_the_point_of_no_return() {
    compare("ship_order");
}

#[test]
fn a_further_step_costs_at_most_a_dozen_lines() {
    for printed in ["create_zip", "ship_order"] {
        let printed = read(&format!("{printed}.expanded.rs"));
        let rows = printed.lines().skip_while(|line| !line.contains("const STEPS")).skip(1);
        let rows: Vec<_> = rows.take_while(|line| line.trim() != "];").collect();
        let starts = |line: &&str| line.starts_with("            &dt::");
        let mut steps = rows.chunk_by(|_, next| !starts(next)).peekable();
        assert!(steps.peek().is_some(), "the table is found");
        for step in steps {
            assert!(step.len() <= 12, "{} lines:\n{}", step.len(), step.join("\n"));
        }
    }
}

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name);
    fs::read_to_string(file).expect("the file is there")
}
