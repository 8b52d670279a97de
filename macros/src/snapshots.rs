//! What four tasks print, compared with the files in `snapshots/`. `UPDATE_SNAPSHOTS=1` rewrites
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
fn probes_and_a_step_that_can_do_a_part_of_its_work() {
    compare("pay_out");
}

#[test]
fn messages_of_protobuf() {
    compare("weigh");
}

/// A step that is run, undone and asked for calls three methods, and a third one costs four lines.
#[test]
fn a_further_step_costs_at_most_a_dozen_lines() {
    for printed in ["create_zip", "ship_order", "pay_out", "weigh"] {
        for row in rows(&read(&format!("{printed}.expanded.rs"))) {
            let calls = row.iter().filter(|line| line.contains("(|c")).count();
            let most = if calls > 2 { 16 } else { 12 };
            assert!(row.len() <= most, "{} lines:\n{}", row.len(), row.join("\n"));
        }
    }
}

/// Measured are the printed lines of one row, for two steps: one with two inputs, an undo with an
/// input besides the outcome, three words of `retry` and a `timeout`; and the one on the reference
/// page of `#[step]`, which has a condition and four words of `retry` instead. The lines that the
/// parameters of the user's own methods cost, one `let` each, are counted apart.
#[test]
fn a_step_with_much_to_say_costs_a_dozen_lines_and_one_for_each_parameter() {
    let printed = expand(
        r#"
        #[steps]
        impl ShipOrder {
            #[step(read_only)]
            async fn stock(&self, request: &Order) -> StepResult<Vec<Place>> {}

            #[step(compensate = release, timeout = "30s",
                   retry(max = 5, backoff = "exponential", delay = "500ms"))]
            async fn hold(
                &self, cx: &StepContext, request: &Order, stock: &[Place],
            ) -> StepResult<Hold> {}

            async fn release(
                &self, cx: &UndoContext, hold: Outcome<&Hold>, stock: &[Place],
            ) -> StepResult<()> {}

            #[step(compensate = refund, when = costs, timeout = "30s",
                   retry(max = 5, backoff = "exponential", delay = "500ms", max_delay = "1m"))]
            async fn charge(&self, cx: &StepContext, request: &Order) -> StepResult<Receipt> {}

            async fn refund(&self, cx: &UndoContext, charge: Outcome<&Receipt>) -> StepResult<()> {}

            fn costs(&self, request: &Order) -> bool {}

            #[response]
            fn respond(&self) {}
        }
        "#,
    );
    let is_input = |line: &&str| line.trim_start().starts_with("let ");
    let measured = |row: &Vec<&str>| {
        let inputs = row.iter().filter(|line| is_input(line)).count();
        (row.len() - inputs, inputs)
    };
    let lines: Vec<_> = rows(&printed).iter().map(measured).collect();
    assert_eq!(lines, [(4, 1), (10, 4), (12, 3)], "{printed}");
}

/// The lines of each row of the printed table.
fn rows(printed: &str) -> Vec<Vec<&str>> {
    let table = printed.lines().skip_while(|line| !line.contains("const STEPS")).skip(1);
    let table: Vec<_> = table.take_while(|line| line.trim() != "];").collect();
    let starts = |line: &str| line.starts_with("            &dt::");
    let rows: Vec<_> = table.chunk_by(|_, next| !starts(next)).map(<[_]>::to_vec).collect();
    assert!(!rows.is_empty(), "the table is found");
    rows
}

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name);
    fs::read_to_string(file).expect("the file is there")
}
