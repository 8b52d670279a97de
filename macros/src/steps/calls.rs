//! The methods that are called: those of the steps, their conditions and undos, and the response.

use quote::ToTokens;
use syn::Ident;

use super::{
    declare,
    model::{Callee, Declared, Source, Step, Undo},
    parse::{Block, Method, Role},
    resolve::{Reader, Scope},
    signature::{Signature, is_named},
};
use crate::{
    diag::{Errors, unknown},
    names::spelled,
};

/// The steps as declared, in source order.
pub(super) fn declared(block: &Block, errors: &Errors) -> Vec<Declared> {
    let step = |method| {
        let mark = Method::mark(method).filter(|mark| mark.role != Role::Response)?;
        Some(declare::step(method, mark, errors))
    };
    block.methods().filter_map(step).collect()
}

/// The calls of every step.
pub(super) fn steps(block: &Block, declared: Vec<Declared>, errors: &Errors) -> Vec<Step> {
    let methods: Vec<&Ident> = block.methods().map(|method| &method.sig.ident).collect();
    let scope = Scope { steps: &declared, methods: &methods, errors };
    let called = Called { block, scope: &scope };
    let calls: Vec<_> = (0..declared.len()).map(|step| called.by(step)).collect();
    let step = |(declared, Calls { sources, when, compensate, probe })| Step {
        declared,
        sources,
        when,
        compensate,
        probe,
    };
    declared.into_iter().zip(calls).map(step).collect()
}

/// Looks up the methods that attributes name.
struct Called<'a> {
    block: &'a Block,
    scope: &'a Scope<'a>,
}

/// What a step calls.
struct Calls {
    sources: Vec<Source>,
    when: Option<Callee>,
    compensate: Option<Callee>,
    probe: Option<Callee>,
}

impl Called<'_> {
    fn by(&self, step: usize) -> Calls {
        let declared = &self.scope.steps[step];
        let when = declared.when.as_ref().and_then(|name| {
            let sig = self.signature(name, Reader::When(step))?;
            condition(&sig, self.scope.errors);
            Some(self.callee(Reader::When(step), sig))
        });
        let compensate = match &declared.undo {
            Undo::Compensate(name) => self.signature(name, Reader::Undo(step)).map(|sig| {
                undo(&sig, self.scope.errors);
                self.callee(Reader::Undo(step), sig)
            }),
            _ => None,
        };
        let probe = declared.probe.as_ref().and_then(|(_, name)| {
            let sig = self.signature(name, Reader::Probe(step))?;
            probe(&sig, declared, self.scope.errors);
            Some(self.callee(Reader::Probe(step), sig))
        });
        let sources = self.scope.resolve(Reader::Step(step), &declared.sig);
        Calls { sources, when, compensate, probe }
    }

    /// What the method is called as, and by which steps. It has one role only: where it is named in
    /// several, the first of these is taken to be it.
    fn roles(&self, method: &Ident) -> Vec<(&'static str, &str)> {
        let steps = self.scope.steps;
        let role = |reader: Reader, named: fn(&Declared) -> Option<&Ident>| {
            let named = steps.iter().filter(move |step| named(step) == Some(method));
            named.map(move |step| (reader.what(), &*step.name))
        };
        let undos = role(Reader::Undo(0), |step| match &step.undo {
            Undo::Compensate(name) => Some(name),
            _ => None,
        });
        let probes = role(Reader::Probe(0), |step| step.probe.as_ref().map(|(_, name)| name));
        let conditions = role(Reader::When(0), |step| step.when.as_ref());
        undos.chain(probes).chain(conditions).collect()
    }

    fn callee(&self, reader: Reader, sig: Signature) -> Callee {
        Callee { sources: self.scope.resolve(reader, &sig), sig }
    }

    fn signature(&self, name: &Ident, reader: Reader) -> Option<Signature> {
        let errors = self.scope.errors;
        let Some(method) = self.block.methods().find(|method| method.sig.ident == *name) else {
            let helpers = self.block.methods().filter(|method| method.marks.is_empty());
            let names: Vec<String> = helpers.map(|method| method.sig.ident.to_string()).collect();
            let known = names.iter().map(String::as_str);
            errors.at(name, unknown("this block has no method", &name.to_string(), known));
            return None;
        };
        let what = reader.what();
        if !method.marks.is_empty() {
            errors.at(
                name,
                format!("`{name}` is a step or the response: {what} is a method of its own"),
            );
            return None;
        }
        let roles = self.roles(name);
        if roles.iter().any(|(role, _)| *role != roles[0].0) {
            let (first, step) = roles[0];
            if first != what {
                let its = first.split(' ').next_back().unwrap_or_default();
                let message =
                    format!("`{name}` is the {its} of `{step}`: {what} is a method of its own");
                errors.at(name, message);
            }
            // How it looks is no mistake beside that.
            return None;
        }
        Some(Signature::read(&method.sig, reader.what(), errors))
    }
}

fn condition(sig: &Signature, errors: &Errors) {
    inline(sig, "a condition", errors);
    if sig.output.understood && spelled(&sig.output.written) != "bool" {
        errors.at_span(sig.output.span, "a condition returns `bool`");
    }
}

fn undo(sig: &Signature, errors: &Errors) {
    if sig.output.in_part {
        let message = "an undo is done or tried again: write `StepResult<()>`";
        return errors.at_span(sig.output.span, message);
    }
    if sig.output.understood && spelled(&sig.output.ty) != "()" {
        errors.at_span(sig.output.span, "an undo has no output: write `StepResult<()>`");
    }
}

/// That it answers about the output of its step, only the compiler knows.
fn probe(sig: &Signature, step: &Declared, errors: &Errors) {
    let answers = is_named(&sig.output.ty, "Probe") && !sig.output.in_part;
    if sig.output.understood && !answers {
        let message = format!(
            "a probe says whether the step happened: write `StepResult<Probe<{}>>`",
            step.shown_output()
        );
        errors.at_span(sig.output.span, message);
    }
}

/// What is pure is called without a runtime.
fn inline(sig: &Signature, what: &str, errors: &Errors) {
    if sig.is_async {
        errors.at(&sig.ident, format!("{what} is pure and called inline: write a plain `fn`"));
    }
}

/// The `#[response]` method, or the output of the last step.
pub(super) fn response(block: &Block, steps: &[Declared], errors: &Errors) -> Option<Callee> {
    let role = |method: &&Method| Method::mark(method).is_some_and(|m| m.role == Role::Response);
    let mut marked = block.methods().filter(role);
    let Some(method) = marked.next() else {
        last_is_response(steps, errors);
        return None;
    };
    for extra in marked {
        let first = &method.sig.ident;
        errors.at(&extra.sig.ident, format!("`{first}` makes the response already: remove one"));
    }
    if let Some(mark) = method.mark() {
        mark.args(errors);
    }
    let sig = Signature::read(&method.sig, "the response", errors);
    inline(&sig, "the response", errors);
    if sig.output.is_step_result() || sig.output.in_part {
        errors.at_span(sig.output.span, "the response cannot fail: do what can fail in a step");
    }
    let methods: Vec<&Ident> = block.methods().map(|method| &method.sig.ident).collect();
    let sources = Scope { steps, methods: &methods, errors }.resolve(Reader::Response, &sig);
    Some(Callee { sig, sources })
}

fn last_is_response(steps: &[Declared], errors: &Errors) {
    let Some(last) = steps.last() else { return };
    let why = if last.group.is_some() {
        "is in a group"
    } else if last.when.is_some() {
        "may be skipped"
    } else if last.ephemeral.is_some() {
        "is ephemeral"
    } else {
        return;
    };
    let message = format!(
        "the last step, `{}`, {why}, so its output cannot be the response: add a `#[response]` method",
        last.name
    );
    errors.at(last.sig.ident.to_token_stream(), message);
}
