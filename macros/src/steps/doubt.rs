//! The rules about attempts of which nobody knows: whether they are made again, who is asked, and
//! what follows when nobody can say.

use super::model::{Declared, OnExhausted, Undo, Work};
use crate::diag::Errors;

/// Checks what each step says of its attempts.
pub(super) fn steps(steps: &[Declared], errors: &Errors) {
    let pivot = steps.iter().position(|step| matches!(step.undo, Undo::Pivot(_)));
    for (i, step) in steps.iter().enumerate() {
        in_part(step, errors);
        at_most_once(step, errors);
        probe(step, errors);
        let is_after_the_pivot = pivot.is_some_and(|pivot| pivot < i);
        on_exhausted(step, is_after_the_pivot, errors);
    }
}

/// E1: a part of the work is undone, or reported as what remains.
fn in_part(step: &Declared, errors: &Errors) {
    if !step.sig.output.in_part {
        return;
    }
    let instead = "write `StepResult<..>`";
    let why = match (&step.work, &step.undo) {
        (Work::Upload { .. }, _) => {
            "an upload that fails half way is run again, and its undo finds every object"
        }
        (_, Undo::Pivot(_)) => "the point of no return happens or not, and has no half",
        (_, Undo::Retriable(_)) => {
            "after the point of no return nothing is undone, and a part of the work is not enough"
        }
        (_, Undo::ReadOnly) => "a step that changes nothing does no part of its work",
        (_, Undo::Compensate(_) | Undo::Remains(..) | Undo::DeleteUploads | Undo::Unsaid) => return,
    };
    errors.at_span(step.sig.output.span, format!("{why}: {instead}"));
}

fn at_most_once(step: &Declared, errors: &Errors) {
    let Some(key) = &step.at_most_once else { return };
    if matches!(step.undo, Undo::ReadOnly) && step.ephemeral.is_none() {
        let message = "a step that changes nothing may run again: write `retry(max = 0)` for one try, in the place of `at_most_once`";
        return errors.at(key, message);
    }
    if let Some(retry) = &step.retry_key {
        errors.at(retry, "`at_most_once` forbids to run the step again by itself: remove `retry`");
    }
    if step.ephemeral.is_some() {
        let message = "an ephemeral step runs again wherever the saga is resumed, so it cannot be `at_most_once`: remove one of the two";
        errors.at(key, message);
    }
    // P2, and the same after the point of no return: its saga would go neither forward nor back,
    // and nobody could say why.
    if matches!(step.undo, Undo::Pivot(_) | Undo::Retriable(_)) && step.probe.is_none() {
        let message = format!(
            "nobody could say whether `{}` happened, and the saga would go neither forward nor back: add `probe = method`",
            step.name
        );
        errors.at(key, message);
    }
}

fn probe(step: &Declared, errors: &Errors) {
    let Some((key, _)) = &step.probe else { return };
    if step.ephemeral.is_some() || matches!(step.undo, Undo::ReadOnly) {
        let message =
            "a step that changes nothing is run again instead of being asked for: remove `probe`";
        errors.at(key, message);
    }
}

/// E4: only before the point of no return there is a choice.
fn on_exhausted(step: &Declared, is_after_the_pivot: bool, errors: &Errors) {
    let Some((key, choice)) = &step.on_exhausted else { return };
    let message = match (&step.undo, choice) {
        (Undo::Pivot(_), OnExhausted::Park) => {
            "the point of no return parks its saga anyway when nobody knows whether it happened: remove `on_exhausted`"
        }
        (Undo::Pivot(_), OnExhausted::Compensate) if step.probe.is_some() => {
            "a saga does not go back while nobody knows whether its point of no return happened: remove `on_exhausted`"
        }
        (Undo::Pivot(_), OnExhausted::Compensate) => {
            "a saga does not go back while nobody knows whether its point of no return happened: remove `on_exhausted`, and add `probe = method`"
        }
        (Undo::Retriable(_), _) => AFTER_THE_PIVOT,
        (Undo::ReadOnly, _) if is_after_the_pivot => AFTER_THE_PIVOT,
        _ if step.ephemeral.is_some() => {
            "an ephemeral step may run again long after the saga went on, and then there is nothing to park for: remove `on_exhausted`"
        }
        _ => return,
    };
    errors.at(key, message);
}

const AFTER_THE_PIVOT: &str = "after the point of no return nothing is undone, and a saga whose step used up its tries waits for an operator anyway: remove `on_exhausted`";
