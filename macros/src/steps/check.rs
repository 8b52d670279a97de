//! The rules over all steps: names, order, groups, hosts and the point of no return.

use syn::{Ident, LitStr, Path};

use super::{
    model::{Declared, Host, Undo, Work},
    parse::{Block, Method, name_is_taken},
};
use crate::{
    diag::Errors,
    names::{OF_THE_STRUCT, bare, is_kebab},
};

/// Checks what steps say of themselves, before anything is read from another.
pub(super) fn steps(steps: &[Declared], task: &Path, errors: &Errors) {
    if steps.is_empty() {
        errors.at(task, "a task needs a step: put `#[step(..)]` on a method");
    }
    names(steps, errors);
    old_names(steps, errors);
    ephemeral(steps, errors);
    groups(steps, errors);
    order(steps, errors);
    hosts(steps, errors);
    point_of_no_return(steps, errors);
}

/// The items themselves, and what stands on them.
pub(super) fn items(block: &Block, errors: &Errors) {
    for taken in block.named(&OF_THE_STRUCT) {
        let queue = (taken == "WORKER_QUEUE").then_some("`queue = \"..\"` there, or ");
        let message = format!(
            "`#[distributed_task(..)]` gives the struct its `{taken}`: write {}another name here",
            queue.unwrap_or_default()
        );
        errors.at(taken, message);
    }
    for method in block.methods() {
        one_role(method, errors);
        if !method.marks.is_empty() {
            no_cfg(method, errors);
        }
    }
}

fn one_role(method: &Method, errors: &Errors) {
    for extra in method.marks.iter().skip(1) {
        errors
            .at(&extra.attr, "a method is one step or the response: remove one of the attributes");
    }
}

fn no_cfg(method: &Method, errors: &Errors) {
    for attr in method.attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
        let message = "two builds of one task must agree on its steps: remove the `#[cfg]`, and use `when` to skip the step";
        errors.at(attr, message);
    }
}

/// Names of parameters that mean something else than the output of a step.
const RESERVED: [&str; 2] = ["request", "cx"];

fn names(steps: &[Declared], errors: &Errors) {
    for (i, step) in steps.iter().enumerate() {
        let name = &step.name;
        if RESERVED.contains(&&**name) {
            let message = format!("parameters named `{name}` mean something else: rename the step");
            errors.at(&step.sig.ident, message);
        }
        if steps[..i].iter().any(|before| before.name == *name) {
            errors.at(&step.sig.ident, name_is_taken(name));
        }
    }
}

/// V2: a name that a step had belongs to it alone, for the sagas that began under it.
fn old_names(steps: &[Declared], errors: &Errors) {
    let mut taken: Vec<(String, &Declared)> = Vec::new();
    for step in steps {
        for was in &step.was {
            let name = was.value();
            let message = if RESERVED.contains(&&*name) {
                format!("no step was ever called `{name}`: write a name that this one had before")
            } else if name == step.name {
                format!("`{name}` is the name that the step has: write one that it had before")
            } else if !is_name(&name) {
                "write the name that the method had, without `r#` and a leading `_`".to_owned()
            } else if let Some(other) = steps.iter().find(|other| other.name == name) {
                format!(
                    "there is a step `{}`, and sagas that began under this name mean one of the two: rename that one",
                    other.name
                )
            } else if let Some((_, owner)) = taken.iter().find(|(before, _)| *before == name) {
                match owner.name == step.name {
                    true => format!("`{name}` is written twice: remove one"),
                    false => {
                        format!("`{name}` was the name of `{}` already: remove one", owner.name)
                    }
                }
            } else {
                taken.push((name, step));
                continue;
            };
            errors.at(was, message);
        }
    }
}

/// Whether a step can have this name: the `1` of `_1` is one too, and so is a keyword.
fn is_name(name: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    // Only the `_` of `__` stands alone.
    let is_bare = name == "_" || !name.starts_with('_');
    let method = format!("_{name}");
    is_bare
        && name.chars().all(is_part)
        && syn::parse_str::<Ident>(&method).is_ok_and(|ident| bare(&ident) == name)
}

fn ephemeral(steps: &[Declared], errors: &Errors) {
    for step in steps {
        let Some(key) = &step.ephemeral else { continue };
        if !matches!(step.undo, Undo::ReadOnly | Undo::Unsaid) {
            errors.at(key, "an ephemeral step runs again wherever the saga is resumed, so it must change nothing: it has to be `read_only`");
        }
        if let Some(protobuf) = &step.protobuf {
            errors.at(protobuf, "an ephemeral output is never written: remove `protobuf`");
        }
    }
}

fn groups(steps: &[Declared], errors: &Errors) {
    for (i, step) in steps.iter().enumerate() {
        let Some(group) = &step.group else {
            if let Some(key) = &step.await_all {
                errors.at(key, "`await_all` has no effect: this step is in no group");
            }
            continue;
        };
        if let Some(first) = steps[..i].iter().find(|first| first.runs_beside(step)) {
            later_member(first, &steps[i - 1], step, group, errors);
        } else {
            first_member(step, &steps[i + 1..], group, errors);
        }
    }
}

fn first_member(step: &Declared, rest: &[Declared], group: &LitStr, errors: &Errors) {
    if !is_kebab(&group.value()) {
        errors.at(
            group,
            "write the name of a group in kebab-case: lower-case letters, digits and hyphens",
        );
    } else if !rest.iter().any(|other| step.runs_beside(other)) {
        let message = format!(
            "the group `{}` has no other member: add one, or remove `group`",
            group.value()
        );
        errors.at(group, message);
    }
}

fn later_member(
    first: &Declared,
    before: &Declared,
    step: &Declared,
    group: &LitStr,
    errors: &Errors,
) {
    if !step.runs_beside(before) {
        let message = format!(
            "the members of a group stand next to each other: move `{}` to the others of `{}`",
            step.name,
            group.value()
        );
        errors.at(group, message);
    }
    if step.host != first.host {
        let message =
            format!("a group runs on one host: give `{}` the host of `{}`", step.name, first.name);
        errors.at_span(host_span(step), message);
    }
    if let Some(key) = &step.await_all {
        let message =
            format!("`await_all` is said once: write it on `{}`, the first member", first.name);
        errors.at(key, message);
    }
}

fn order(steps: &[Declared], errors: &Errors) {
    let mut place = 0;
    for (i, step) in steps.iter().enumerate() {
        if i == 0 || !step.runs_beside(&steps[i - 1]) {
            place += 1;
        }
        if let Some((_, span)) = step.order.filter(|(order, _)| *order != place) {
            let name = &step.name;
            let message = format!(
                "`{name}` has place {place} in this block (a group counts once): write `order = {place}`, or move the method"
            );
            errors.at_span(span, message);
        }
    }
}

fn hosts(steps: &[Declared], errors: &Errors) {
    let worker = steps.iter().position(|step| step.host == Host::Worker).unwrap_or(steps.len());
    for (i, step) in steps.iter().enumerate().skip(worker) {
        let first_of_group = !steps[..i].iter().any(|before| before.runs_beside(step));
        if step.host == Host::Api && first_of_group {
            let message = format!(
                "the saga is on a worker since `{}` and does not come back: move this step before it, or remove `host`",
                steps[worker].name
            );
            errors.at_span(host_span(step), message);
        }
    }
}

fn host_span(step: &Declared) -> proc_macro2::Span {
    step.host_key.as_ref().map_or_else(|| step.sig.ident.span(), Ident::span)
}

/// P1: at most one pivot, alone; what can be undone stands before it, what must succeed after it.
fn point_of_no_return(steps: &[Declared], errors: &Errors) {
    let mut pivot: Option<&Declared> = None;
    for (i, step) in steps.iter().enumerate() {
        match (&step.undo, pivot) {
            (Undo::Pivot(key), Some(first)) => {
                let message = format!(
                    "`{}` is the point of no return already: write `retriable` or `read_only`",
                    first.name
                );
                errors.at(key, message);
            }
            (Undo::Pivot(key), None) => {
                if step.group.is_some() {
                    errors.at(
                        key,
                        "nothing runs beside the point of no return: take it out of the group",
                    );
                }
                pivot = Some(step);
            }
            (Undo::Retriable(key), None) => before_the_pivot(steps, i, key, errors),
            (undo, Some(pivot)) => after_the_pivot(step, undo, pivot, errors),
            (_, None) => {}
        }
    }
}

fn before_the_pivot(steps: &[Declared], step: usize, key: &Ident, errors: &Errors) {
    let pivot = steps.iter().find(|step| matches!(step.undo, Undo::Pivot(_)));
    let may_be_the_pivot = |step: &Declared| matches!(step.undo, Undo::Unsaid);
    let message = match pivot {
        None if steps[..step].iter().any(may_be_the_pivot) => return,
        Some(pivot) => format!(
            "`retriable` stands after the point of no return, `{}`: say how this step is undone",
            pivot.name
        ),
        None => {
            "`retriable` stands after a `pivot`, and there is none: say how this step is undone"
                .to_owned()
        }
    };
    errors.at(key, message);
}

fn after_the_pivot(step: &Declared, undo: &Undo, pivot: &Declared, errors: &Errors) {
    let instead = match step.work {
        Work::Method => "`retriable` or `read_only`",
        Work::Upload { .. } => "`retriable`",
    };
    let why = format!(
        "after the point of no return, `{}`, nothing is undone: write {instead}",
        pivot.name
    );
    match undo {
        Undo::Compensate(word) | Undo::Remains(word, _) => errors.at(word, why),
        Undo::DeleteUploads => errors.at(&step.sig.ident, why),
        Undo::Pivot(_) | Undo::Retriable(_) | Undo::ReadOnly | Undo::Unsaid => {}
    }
}
