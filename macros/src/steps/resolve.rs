//! Data flow: each parameter is found by its name among the steps that have run by then.

use super::{
    model::{Declared, Source},
    signature::{Form, Param, Signature, is_named},
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
    Probe(usize),
    Response,
}

/// What is wrong with a parameter, and with which half of it.
enum Mistake {
    Name(String),
    Type(String),
    /// It was told when the signature was read.
    Told,
}

impl Scope<'_> {
    /// Finds the arguments of a method. After a mistake some are missing.
    pub(super) fn resolve(&self, reader: Reader, sig: &Signature) -> Vec<Source> {
        let found = |param| self.source(reader, param).map_err(|mistake| self.tell(param, mistake));
        sig.params.iter().filter_map(|param| found(param).ok()).collect()
    }

    fn tell(&self, param: &Param, mistake: Mistake) {
        match mistake {
            Mistake::Name(message) => self.errors.at(&param.ident, message),
            Mistake::Type(message) => self.errors.at(&param.ty, message),
            Mistake::Told => {}
        }
    }

    fn source(&self, reader: Reader, param: &Param) -> Result<Source, Mistake> {
        match (&*param.name, &param.form) {
            (_, Form::Told) => Err(Mistake::Told),
            ("cx", form) => context(reader, form),
            ("request", form) => request(form, &param.ty),
            (_, form) => self.output(reader, &param.name, form),
        }
    }

    fn output(&self, reader: Reader, name: &str, form: &Form) -> Result<Source, Mistake> {
        let index = self.steps.iter().position(|step| step.name == name);
        let index = index.ok_or_else(|| Mistake::Name(self.nobody(reader, name, form)))?;
        if reader == Reader::Undo(index) {
            return self.outcome(index, form);
        }
        match self.out_of_reach(reader, index) {
            Some(why) => Err(Mistake::Name(why)),
            None => self.lent(index, form),
        }
    }

    /// How the undo of a step takes what is known of the step.
    fn outcome(&self, index: usize, form: &Form) -> Result<Source, Mistake> {
        if let Form::Outcome { lent: true, .. } = form {
            return Ok(Source::Outcome(index));
        }
        let (name, ty) = (&self.steps[index].name, self.steps[index].shown_output());
        Err(Mistake::Type(format!(
            "`{name}` may have happened or not: write `{name}: Outcome<&{ty}>`"
        )))
    }

    /// How everybody else takes its output.
    fn lent(&self, index: usize, form: &Form) -> Result<Source, Mistake> {
        let step = &self.steps[index];
        let (name, output) = (&step.name, step.shown_output());
        Err(Mistake::Type(match (form, &step.when) {
            (Form::Lent(_), None) => return Ok(Source::Step(index)),
            (Form::Maybe(_), Some(_)) => return Ok(Source::Maybe(index)),
            (Form::Lent(ty), Some(_)) => format!(
                "`{name}` has a `when` and may be skipped: write `{name}: Option<&{}>`",
                spelled(ty)
            ),
            // An `Option` that the step itself gives is lent as a whole.
            (Form::Maybe(_), None) if is_named(&step.sig.output.ty, "Option") => {
                format!("`{name}` always runs: write `{name}: &{output}`")
            }
            (Form::Maybe(ty), None) => {
                format!("`{name}` always runs: write `{name}: &{}`", spelled(ty))
            }
            (Form::Outcome { .. }, _) => format!(
                "`{name}` is done by now, and only its own undo takes an `Outcome`: write `{name}: &{output}`"
            ),
            (_, None) => format!("outputs are lent: write `{name}: &{output}`"),
            (_, Some(_)) => format!("outputs are lent: write `{name}: Option<&{output}>`"),
        }))
    }

    /// Why the reader cannot have the output of this step, if so.
    fn out_of_reach(&self, reader: Reader, index: usize) -> Option<String> {
        let step = &self.steps[index];
        let (name, what) = (&step.name, reader.what());
        let own = match reader {
            Reader::Step(own) | Reader::When(own) | Reader::Undo(own) | Reader::Probe(own) => {
                Some(own)
            }
            Reader::Response => None,
        };
        let mine = own.map(|own| &self.steps[own]);
        if own == Some(index) {
            Some(format!(
                "`{name}` is this step itself, and has no output yet: remove the parameter"
            ))
        } else if mine.is_some_and(|mine| mine.runs_beside(step)) {
            Some(format!(
                "`{name}` runs beside this step, in one group: only a step after the group sees its output"
            ))
        } else if let Some(mine) = mine.filter(|_| own < Some(index)) {
            Some(format!("`{name}` runs later: move it before `{}`", mine.name))
        } else if step.ephemeral.is_some() && !matches!(reader, Reader::Step(_)) {
            Some(format!(
                "`{name}` is ephemeral: {what} reads journaled outputs only; remove `ephemeral` from the step, or this parameter"
            ))
        } else if step.ephemeral.is_some() && mine.is_some_and(|mine| mine.host != step.host) {
            Some(format!(
                "`{name}` is ephemeral and runs on the API host: its output does not reach a worker; journal it, or run both on one host"
            ))
        } else {
            None
        }
    }

    fn nobody(&self, reader: Reader, name: &str, form: &Form) -> String {
        if let (Form::Outcome { .. }, Reader::Undo(step)) = (form, reader) {
            let (step, output) = (&self.steps[step].name, self.steps[step].shown_output());
            return format!(
                "an outcome is found by the name of its step: write `{step}: Outcome<&{output}>`"
            );
        }
        if let Form::Lent(ty) = form
            && CONTEXTS.iter().any(|context| is_named(ty, context))
        {
            return match context(reader, form) {
                Err(Mistake::Name(why) | Mistake::Type(why)) => why,
                _ => format!("the name of the context is `cx`: write `cx: &{}`", spelled(ty)),
            };
        }
        if self.methods.iter().any(|method| bare(method) == name) {
            return format!(
                "`{name}` is not a step: put `#[step(..)]` on it, or call it in the body"
            );
        }
        let context = match reader {
            Reader::Step(_) | Reader::Undo(_) | Reader::Probe(_) => &["request", "cx"][..],
            Reader::When(_) | Reader::Response => &["request"][..],
        };
        let reachable = (0..self.steps.len()).filter(|step| self.reaches(reader, *step));
        let outputs = reachable.map(|step| &*self.steps[step].name);
        unknown("there is no earlier step", name, context.iter().copied().chain(outputs))
    }

    fn reaches(&self, reader: Reader, step: usize) -> bool {
        reader == Reader::Undo(step) || self.out_of_reach(reader, step).is_none()
    }
}

fn context(reader: Reader, form: &Form) -> Result<Source, Mistake> {
    let ty = match reader {
        Reader::Step(_) => STEP_CONTEXT,
        Reader::Undo(_) => UNDO_CONTEXT,
        Reader::Probe(_) => PROBE_CONTEXT,
        Reader::When(_) | Reader::Response => {
            let what = reader.what();
            return Err(Mistake::Name(format!(
                "{what} is a pure function of journaled values: it takes no `cx`"
            )));
        }
    };
    let another = |written| CONTEXTS.iter().any(|other| *other != ty && is_named(written, other));
    match form {
        Form::Lent(written) if !another(written) => Ok(Source::Context),
        _ => Err(Mistake::Type(format!("write `cx: &{ty}`"))),
    }
}

const STEP_CONTEXT: &str = "StepContext";
const UNDO_CONTEXT: &str = "UndoContext";
const PROBE_CONTEXT: &str = "ProbeContext";
const CONTEXTS: [&str; 3] = [STEP_CONTEXT, UNDO_CONTEXT, PROBE_CONTEXT];

fn request(form: &Form, ty: &syn::Type) -> Result<Source, Mistake> {
    match form {
        Form::Lent(_) => Ok(Source::Request),
        Form::Maybe(ty) => Err(Mistake::Type(format!(
            "there is always a request: write `request: &{}`",
            spelled(ty)
        ))),
        _ => Err(Mistake::Type(format!("the request is lent: write `request: &{}`", spelled(ty)))),
    }
}

impl Reader {
    /// As the subject of a sentence.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Step(_) => "a step",
            Self::When(_) => "a condition",
            Self::Undo(_) => "an undo",
            Self::Probe(_) => "a probe",
            Self::Response => "the response",
        }
    }
}
