//! What a struct must be, to be a task.

use syn::Fields;

use super::model::Task;
use crate::{
    diag::{Errors, listed},
    names::is_kebab,
};

/// Methods of the generated builder that are no setters. The last one comes with a later version.
const BUILDER_METHODS: [&str; 3] = ["build", "use_in_process_mode", "use_distributed_mode"];

/// Whether a builder can be printed; mistakes in names alone do not stand in its way.
pub(super) fn task(task: &Task, errors: &Errors) -> bool {
    names(task, errors);
    let plain = no_generics(task, errors);
    let named = named_fields(task, errors);
    let free = free_names(task, errors);
    plain && named && free
}

fn names(Task { name, queue, .. }: &Task, errors: &Errors) {
    for (word, what) in [(name, "name"), (queue, "queue")] {
        if is_kebab(&word.text) || (what == "queue" && word.text == name.text) {
            continue;
        }
        let message = format!(
            "the {what} `{}` is not kebab-case: write `{what} = \"..\"` with at most 64 lower-case letters, digits and hyphens",
            word.text
        );
        errors.at_span(word.span, message);
    }
}

fn no_generics(Task { item, .. }: &Task, errors: &Errors) -> bool {
    let generics = &item.generics;
    if !generics.params.is_empty() {
        let message = "a task has no generics: name the types, or take an `Arc<dyn Trait>`";
        errors.at(&generics.params, message);
    } else if let Some(clause) = &generics.where_clause {
        errors.at(clause, "a task has no `where` clause: name the types");
    } else {
        return true;
    }
    false
}

fn named_fields(Task { item, .. }: &Task, errors: &Errors) -> bool {
    let Fields::Unnamed(fields) = &item.fields else { return true };
    errors.at(fields, "the builder sets dependencies by name: write `{ name: Type, .. }`");
    false
}

fn free_names(task: &Task, errors: &Errors) -> bool {
    let mut free = true;
    for field in &task.item.fields {
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
            errors.at(attr, "two builds of one task must agree on its dependencies: remove the `#[cfg]`, and take an `Option`");
            free = false;
        }
    }
    for dependency in &task.dependencies {
        if BUILDER_METHODS.iter().any(|method| dependency.ident == method) {
            let message = format!(
                "the builder has a method `{}`: give the field a name other than {}",
                dependency.ident,
                listed(&BUILDER_METHODS)
            );
            errors.at(&dependency.ident, message);
            free = false;
        }
    }
    free
}
