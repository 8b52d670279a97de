//! The steps of a task: what is declared, and who reads what.

use proc_macro2::TokenStream;
use syn::{Ident, LitStr, Path, Type};

use super::signature::{Files, Signature};
use crate::{
    names::{Runtime, spelled},
    period::Period,
};

/// The steps, checked and resolved.
pub(super) struct Saga {
    pub(super) task: Path,
    pub(super) steps: Vec<Step>,
    /// How the response is made; `None` if it is the output of the last step.
    pub(super) response: Option<Callee>,
    /// What the user allows: for the block, or for one of its methods.
    pub(super) lints: TokenStream,
    pub(super) runtime: Runtime,
}

impl Saga {
    /// The methods that do not say what they return.
    pub(super) fn unsaid(&self) -> Vec<Ident> {
        let called = self.steps.iter().flat_map(|step| [&step.when, &step.compensate, &step.probe]);
        let called = called.chain([&self.response]).flatten().map(|callee| &callee.sig);
        let steps = self.steps.iter().map(|step| &step.declared.sig);
        let unsaid = steps.chain(called).filter(|sig| sig.output.unsaid);
        unsaid.map(|sig| sig.ident.clone()).collect()
    }
}

/// A step with its calls.
pub(super) struct Step {
    pub(super) declared: Declared,
    /// Where the arguments of its method come from.
    pub(super) sources: Vec<Source>,
    pub(super) when: Option<Callee>,
    pub(super) compensate: Option<Callee>,
    pub(super) probe: Option<Callee>,
}

/// A step as its attribute and its signature declare it.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) sig: Signature,
    pub(super) work: Work,
    pub(super) undo: Undo,
    pub(super) ephemeral: Option<Ident>,
    /// Its output is a Protobuf message.
    pub(super) protobuf: Option<Ident>,
    pub(super) at_most_once: Option<Ident>,
    /// The word, and the method it names.
    pub(super) probe: Option<(Ident, Ident)>,
    pub(super) on_exhausted: Option<(Ident, OnExhausted)>,
    /// The names it had before.
    pub(super) was: Vec<LitStr>,
    pub(super) order: Option<(u32, proc_macro2::Span)>,
    pub(super) host: Host,
    pub(super) host_key: Option<Ident>,
    pub(super) group: Option<LitStr>,
    pub(super) await_all: Option<Ident>,
    pub(super) when: Option<Ident>,
    pub(super) retry: Option<Retry>,
    pub(super) retry_key: Option<Ident>,
    pub(super) timeout: Option<Period>,
}

pub(super) enum Work {
    Method,
    Upload { bucket: String, files: Files },
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Host {
    Api,
    Worker,
}

/// What follows when the tries of a step are used up.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum OnExhausted {
    Compensate,
    Park,
}

/// How a step is undone; the identifier is the word as written.
pub(super) enum Undo {
    Compensate(Ident),
    DeleteUploads,
    Pivot(Ident),
    Retriable(Ident),
    ReadOnly,
    /// The effect remains, for this reason.
    Remains(Ident, String),
    /// A mistake that has been told.
    Unsaid,
}

/// What a step says about its retries.
#[derive(Default)]
pub(super) struct Retry {
    pub(super) max: Option<u32>,
    pub(super) backoff: Option<Backoff>,
    pub(super) delay: Option<Period>,
    pub(super) max_delay: Option<Period>,
    pub(super) jitter: Option<Jitter>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Backoff {
    Constant,
    Exponential,
}

#[derive(Clone, Copy)]
pub(super) enum Jitter {
    None,
    Full,
}

/// A method, and where its arguments come from.
pub(super) struct Callee {
    pub(super) sig: Signature,
    pub(super) sources: Vec<Source>,
}

/// Where an argument comes from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Source {
    Context,
    Request,
    /// The output of this step.
    Step(usize),
    /// The output of this step, which may have been skipped.
    Maybe(usize),
    /// What is known of this step, which is undone.
    Outcome(usize),
}

/// The steps whose outputs are read, in their order.
pub(super) fn reads(sources: &[Source]) -> Vec<usize> {
    let of = |source: &Source| match source {
        Source::Step(step) | Source::Maybe(step) => Some(*step),
        Source::Context | Source::Request | Source::Outcome(_) => None,
    };
    let mut reads: Vec<usize> = sources.iter().filter_map(of).collect();
    reads.sort_unstable();
    reads
}

impl Declared {
    /// The type of its output, as readers take it.
    pub(super) fn output(&self, runtime: &Runtime) -> Type {
        let dt = &runtime.alias;
        match self.work {
            Work::Method => self.sig.output.ty.clone(),
            Work::Upload { files: Files::One, .. } => syn::parse_quote!(#dt::UploadedFile),
            Work::Upload { files: Files::Many, .. } => syn::parse_quote!(#dt::UploadedFiles),
        }
    }

    /// The same, for a sentence.
    pub(super) fn shown_output(&self) -> String {
        match self.work {
            Work::Method => spelled(&self.sig.output.ty),
            Work::Upload { files: Files::One, .. } => "UploadedFile".to_owned(),
            Work::Upload { files: Files::Many, .. } => "UploadedFiles".to_owned(),
        }
    }

    /// Whether both run at the same time.
    pub(super) fn runs_beside(&self, other: &Self) -> bool {
        match (&self.group, &other.group) {
            (Some(mine), Some(its)) => mine.value() == its.value(),
            _ => false,
        }
    }
}
