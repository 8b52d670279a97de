//! The seam between the engine and a task: the engine knows steps by number and values by
//! [`Value`]; what the macros print knows the types. Everything behind this trait is generic, and
//! everything in front of it is compiled once.

use std::{future::Future, pin::Pin};

use super::{Codecs, ProbeContext, StepContext, Typed, UndoContext};
use crate::kernel::{AttemptEnd, Definition, Outcome, Value};

/// A task as the engine sees it.
pub trait Handlers: Send + Sync {
    /// The graph.
    fn definition(&self) -> Definition;

    /// Starts one attempt of a step.
    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work;

    /// Starts one attempt of the undo of a step. Only called for steps that have one.
    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work;

    /// Starts one question to the probe of a step. Only called for steps that have one.
    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work;

    /// Evaluates the condition of a step. Only called for steps that have one. May panic.
    fn when(&self, step: usize, inputs: &Inputs) -> bool;

    /// Makes the response. May panic.
    fn respond(&self, inputs: &Inputs) -> Value;

    /// The type that belongs to `slot`; `None` for an ephemeral output, which nobody encodes.
    fn typed(&self, slot: Slot) -> Option<Typed>;

    /// The value as a live one of the type that belongs to `slot`, whether it was encoded or is what
    /// other code made of it: two releases may share a journal in one process.
    ///
    /// # Errors
    /// The codec's own words, when there is no such value in it.
    fn live(&self, slot: Slot, value: &Value) -> Result<Value, String> {
        Codecs::default().live(self.typed(slot), value)
    }

    /// The value, which belongs to `slot`, as the journal takes it.
    ///
    /// # Errors
    /// The codec's own words, when it cannot be written, or not read again.
    fn kept(&self, _slot: Slot, value: Value) -> Result<Value, String> {
        Ok(value)
    }

    /// The names that a step had before (V2).
    fn was(&self, step: usize) -> &'static [&'static str];

    /// The steps whose outputs the response reads.
    fn response_reads(&self) -> &'static [usize];

    /// The first step that cannot run without a file store, by name.
    fn needs_files(&self) -> Option<&'static str>;
}

/// A place in a saga that holds a typed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The request.
    Request,
    /// The output of this step.
    Output(usize),
    /// The declared error of the task.
    Error,
    /// The response.
    Response,
}

/// An attempt on its way.
pub struct Work {
    /// Resolves to the end of the attempt; a panic inside it unwinds out of `poll`.
    pub future: Pin<Box<dyn Future<Output = AttemptEnd> + Send>>,
    /// Whether dropping the future stops the attempt. A thread of the blocking pool goes on.
    pub interruptible: bool,
}

/// The values that an attempt, a condition or the response may read. The engine has made
/// each of them live, in the type that its slot has here.
#[derive(Clone)]
pub struct Inputs {
    request: Value,
    steps: smallvec::SmallVec<[(usize, Value); 3]>,
}

impl Inputs {
    /// Inputs with the request only.
    pub fn new(request: Value) -> Self {
        Self { request, steps: smallvec::SmallVec::new() }
    }

    /// Adds the output of a step; a skipped one is left out.
    pub fn push(&mut self, step: usize, output: Value) {
        self.steps.push((step, output));
    }

    /// The same outputs under other numbers.
    #[must_use]
    pub fn renumbered(mut self, number_of: &[usize]) -> Self {
        self.steps.iter_mut().for_each(|(step, _)| *step = number_of[*step]);
        self
    }

    /// The request.
    ///
    /// # Panics
    /// When the request is not an `R`: the table that the macros print would be wrong.
    pub fn request<R: 'static>(&self) -> &R {
        self.request.get().expect("the request has the type the task declares")
    }

    /// The output of an earlier step.
    ///
    /// # Panics
    /// When the step was skipped or returns another type: the printed table would be wrong.
    pub fn step<O: 'static>(&self, step: usize) -> &O {
        self.maybe(step).expect("the macros checked that the step cannot have been skipped")
    }

    /// The output of an earlier step that may have been skipped.
    pub fn maybe<O: 'static>(&self, step: usize) -> Option<&O> {
        let (_, value) = self.steps.iter().find(|(of, _)| *of == step)?;
        Some(value.get().expect("the output has the type the step declares"))
    }
}
