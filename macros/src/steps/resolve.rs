//! Data flow: each parameter is found by its name among the steps that have run by then.

use super::{
    model::{Declared, Source},
    signature::{Form, Param, Signature},
};
use crate::{
    diag::{Errors, unknown},
    names::{bare, spelled},
};

/// All that names can mean.
pub(super) struct Scope<'a> {
    pub(super) steps: &'a [Declared],
    /// Every method of the block, for better sentences.
    pub(super) methods: &'a [&'a syn::Ident],
    pub(super) errors: &'a Errors,
}

/// Who asks; the number is that of the step.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reader {
    Step(usize),
    When(usize),
    Undo(usize),
    Response,
}

impl Scope<'_> {
    /// Finds the arguments of a method. After a mistake some are missing.
    pub(super) fn resolve(&self, reader: Reader, sig: &Signature) -> Vec<Source> {
        sig.params.iter().filter_map(|param| self.source(reader, param)).collect()
    }

    fn source(&self, reader: Reader, param: &Param) -> Option<Source> {
        match &*param.name {
            "cx" => self.context(reader, param),
            "request" => self.request(param),
            _ => self.output(reader, param),
        }
    }

    fn request(&self, param: &Param) -> Option<Source> {
        match &param.form {
            Form::Lent(_) => return Some(Source::Request),
            Form::Told => {}
            Form::Maybe(ty) => {
                let ty = spelled(ty);
                self.wrong_form(
                    param,
                    format!("there is always a request: write `request: &{ty}`"),
                );
            }
            Form::Outcome | Form::Other => {
                let ty = spelled(&param.ty);
                self.wrong_form(param, format!("the request is lent: write `request: &{ty}`"));
            }
        }
        None
    }

    fn context(&self, reader: Reader, param: &Param) -> Option<Source> {
        let ty = match reader {
            Reader::Step(_) => "StepContext",
            Reader::Undo(_) => "UndoContext",
            Reader::When(_) | Reader::Response => {
                let what = reader.what();
                self.error(
                    param,
                    format!("{what} is a pure function of journaled values: it takes no `cx`"),
                );
                return None;
            }
        };
        match param.form {
            Form::Lent(_) => return Some(Source::Context),
            Form::Told => return None,
            _ => {}
        }
        self.wrong_form(param, format!("write `cx: &{ty}`"));
        None
    }

    fn output(&self, reader: Reader, param: &Param) -> Option<Source> {
        let Some(index) = self.steps.iter().position(|step| step.name == param.name) else {
            self.error(param, self.nobody(reader, param));
            return None;
        };
        if reader == Reader::Undo(index) {
            return self.outcome(param, index);
        }
        if let Some(why) = self.out_of_reach(reader, index) {
            self.error(param, why);
            return None;
        }
        self.taken_as(param, index)
    }

    /// How the undo of a step takes what is known of the step.
    fn outcome(&self, param: &Param, step: usize) -> Option<Source> {
        match param.form {
            Form::Outcome => return Some(Source::Outcome(step)),
            Form::Told => return None,
            _ => {}
        }
        let (name, ty) = (&param.name, self.steps[step].shown_output());
        self.wrong_form(
            param,
            format!("`{name}` may have happened or not: write `{name}: Outcome<&{ty}>`"),
        );
        None
    }

    /// Why the reader cannot have the output of this step, if so.
    fn out_of_reach(&self, reader: Reader, index: usize) -> Option<String> {
        let step = &self.steps[index];
        let name = &step.name;
        let what = reader.what();
        if let Reader::Step(own) | Reader::When(own) | Reader::Undo(own) = reader {
            if own == index {
                return Some(format!("`{name}` is this step itself: it has no output yet"));
            }
            let mine = &self.steps[own];
            if mine.runs_beside(step) {
                return Some(format!(
                    "`{name}` runs beside this step, in one group: only a step after the group sees its output"
                ));
            }
            if index > own {
                return Some(format!("`{name}` runs later: move it before `{}`", mine.name));
            }
            if step.ephemeral.is_some() && step.host != mine.host {
                return Some(format!(
                    "`{name}` is ephemeral and runs on the API host: its output does not reach a worker; journal it, or run both on one host"
                ));
            }
        }
        if step.ephemeral.is_some() && !matches!(reader, Reader::Step(_)) {
            return Some(format!(
                "`{name}` is ephemeral: {what} reads journaled outputs only; remove `ephemeral` from the step, or this parameter"
            ));
        }
        None
    }

    fn taken_as(&self, param: &Param, index: usize) -> Option<Source> {
        let step = &self.steps[index];
        let name = &param.name;
        match (&param.form, &step.when) {
            (Form::Lent(_), None) => Some(Source::Step(index)),
            (Form::Maybe(_), Some(_)) => Some(Source::Maybe(index)),
            (Form::Lent(ty), Some(_)) => {
                let ty = spelled(ty);
                self.wrong_form(
                    param,
                    format!(
                        "`{name}` has a `when` and may be skipped: write `{name}: Option<&{ty}>`"
                    ),
                );
                None
            }
            (Form::Maybe(ty), None) => {
                let ty = spelled(ty);
                self.wrong_form(param, format!("`{name}` always runs: write `{name}: &{ty}`"));
                None
            }
            (Form::Outcome, _) => {
                let ty = step.shown_output();
                self.wrong_form(
                    param,
                    format!("`{name}` is done by now, and only its own undo takes an `Outcome`: write `{name}: &{ty}`"),
                );
                None
            }
            (Form::Told, _) => None,
            (Form::Other, when) => {
                let ty = step.shown_output();
                let lent = if when.is_some() { format!("Option<&{ty}>") } else { format!("&{ty}") };
                self.wrong_form(param, format!("outputs are lent: write `{name}: {lent}`"));
                None
            }
        }
    }

    fn nobody(&self, reader: Reader, param: &Param) -> String {
        let name = &param.name;
        if self.methods.iter().any(|method| bare(method) == *name) {
            return format!(
                "`{name}` is not a step: put `#[step(..)]` on it, or call it in the body"
            );
        }
        let context = match reader {
            Reader::Step(_) | Reader::Undo(_) => &["request", "cx"][..],
            Reader::When(_) | Reader::Response => &["request"][..],
        };
        let reachable = (0..self.steps.len()).filter(|step| self.reaches(reader, *step));
        let outputs = reachable.map(|step| &*self.steps[step].name);
        unknown("there is no earlier step", name, context.iter().copied().chain(outputs))
    }

    fn reaches(&self, reader: Reader, step: usize) -> bool {
        reader == Reader::Undo(step) || self.out_of_reach(reader, step).is_none()
    }

    fn error(&self, param: &Param, message: String) {
        self.errors.at(&param.ident, message);
    }

    fn wrong_form(&self, param: &Param, message: String) {
        self.errors.at(&param.ty, message);
    }
}

impl Reader {
    /// As the subject of a sentence.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Step(_) => "a step",
            Self::When(_) => "a condition",
            Self::Undo(_) => "an undo",
            Self::Response => "the response",
        }
    }
}
