//! One row a step. The type of a row knows the output of its step; a [`Table`] holds rows of all
//! types.

use std::{sync::Arc, time::Duration};

use super::{
    Inputs, StepContext, TaskDefinition, Work,
    call::{Attempt, Call, IntoSources, Sources, UndoCall, View},
    limits::{RetryRow, retry},
    run::{Compensable, Ephemeral, Journaled, Run, Upload},
    typed::Typed,
};
use crate::kernel::Host;

/// The steps of a task, in source order.
pub type Table<T> = &'static [&'static dyn StepRow<T>];

/// One step, whatever its output.
pub trait StepRow<T> {
    /// What does not depend on the type of the output.
    fn facts(&self) -> &Facts<T>;

    /// Starts an attempt.
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work;

    /// Starts an attempt of the undo, if there is one.
    fn undo(&self, call: UndoCall<T>) -> Option<Work>;

    /// The type of the output; `None` for an ephemeral one, which nobody encodes.
    fn output(&self) -> Option<Typed>;
}

/// A step, as far as every step has it.
pub struct Facts<T> {
    pub(crate) name: &'static str,
    pub(crate) undo: Undo,
    pub(crate) bucket: Option<&'static str>,
    pub(crate) host: Host,
    pub(crate) group: Option<&'static str>,
    pub(crate) await_all: bool,
    pub(crate) reads: &'static [usize],
    pub(crate) when: Option<When<T>>,
    pub(crate) undo_reads: &'static [usize],
    pub(crate) retry: RetryRow,
    pub(crate) timeout: Option<Duration>,
}

/// How a step is undone.
#[derive(Clone, Copy)]
pub(crate) enum Undo {
    /// By what its row runs.
    Compensate,
    /// Not at all: it is the point of no return.
    Pivot,
    /// Not at all: it stands after the pivot.
    Retriable,
    /// Not at all: it changes nothing.
    ReadOnly,
    /// Not at all, for this reason.
    Remains(&'static str),
}

/// Whether a step runs at all.
pub(crate) struct When<T> {
    pub(crate) reads: &'static [usize],
    pub(crate) holds: fn(View<'_, T>) -> bool,
}

/// A step of which `R` does the work.
pub struct Row<T, R> {
    facts: Facts<T>,
    run: R,
}

impl<T, R: Run<T>> StepRow<T> for Row<T, R> {
    fn facts(&self) -> &Facts<T> {
        &self.facts
    }

    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        self.run.start(task, cx, inputs)
    }

    fn undo(&self, call: UndoCall<T>) -> Option<Work> {
        self.run.undo(call)
    }

    fn output(&self) -> Option<Typed> {
        R::output()
    }
}

/// A step that its undo takes back.
pub const fn compensable<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
    undo: fn(UndoCall<T>) -> Attempt<(), E>,
) -> Row<T, Compensable<T, O, E>> {
    Row::new(name, Compensable { run, undo }, Undo::Compensate)
}

/// The point of no return.
pub const fn pivot<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
) -> Row<T, Journaled<T, O, E>> {
    Row::new(name, Journaled(run), Undo::Pivot)
}

/// A step after the pivot.
pub const fn retriable<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
) -> Row<T, Journaled<T, O, E>> {
    Row::new(name, Journaled(run), Undo::Retriable)
}

/// A step that changes nothing.
pub const fn read_only<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
) -> Row<T, Journaled<T, O, E>> {
    Row::new(name, Journaled(run), Undo::ReadOnly)
}

/// A step whose effect may remain, for this reason.
pub const fn no_undo<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    reason: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
) -> Row<T, Journaled<T, O, E>> {
    Row::new(name, Journaled(run), Undo::Remains(reason))
}

/// A step that changes nothing and whose output lives with the worker.
pub const fn ephemeral<T: TaskDefinition<Error = E>, O, E>(
    name: &'static str,
    run: fn(Call<T, O>) -> Attempt<O, E>,
) -> Row<T, Ephemeral<T, O, E>> {
    Row::new(name, Ephemeral(run), Undo::ReadOnly)
}

/// A step that uploads the files it names; its undo deletes them.
pub const fn upload<T: TaskDefinition<Error = E>, S: IntoSources, E>(
    name: &'static str,
    bucket: &'static str,
    sources: fn(Call<T, S>) -> Sources<S, E>,
) -> Row<T, Upload<T, S, E>> {
    let mut row = Row::new(name, Upload { bucket, sources }, Undo::Compensate);
    row.facts.bucket = Some(bucket);
    row
}

impl<T, S, E> Row<T, Upload<T, S, E>> {
    /// Stands after the pivot: the files stay.
    pub const fn retriable(mut self) -> Self {
        self.facts.undo = Undo::Retriable;
        self
    }

    /// The files may stay, for this reason.
    pub const fn no_undo(mut self, reason: &'static str) -> Self {
        self.facts.undo = Undo::Remains(reason);
        self
    }
}

impl<T, R> Row<T, R> {
    const fn new(name: &'static str, run: R, undo: Undo) -> Self {
        let facts = Facts {
            name,
            undo,
            bucket: None,
            host: Host::Worker,
            group: None,
            await_all: false,
            reads: &[],
            when: None,
            undo_reads: &[],
            retry: retry(),
            timeout: None,
        };
        Self { facts, run }
    }

    /// Reads the outputs of these steps.
    pub const fn reads(mut self, steps: &'static [usize]) -> Self {
        self.facts.reads = steps;
        self
    }

    /// Its undo reads the outputs of these steps, besides its own.
    pub const fn undo_reads(mut self, steps: &'static [usize]) -> Self {
        self.facts.undo_reads = steps;
        self
    }

    /// Runs only if this holds; the condition reads the outputs of these steps.
    pub const fn when(mut self, reads: &'static [usize], holds: fn(View<'_, T>) -> bool) -> Self {
        self.facts.when = Some(When { reads, holds });
        self
    }

    /// Runs where the request arrives.
    pub const fn on_api(mut self) -> Self {
        self.facts.host = Host::Api;
        self
    }

    /// Runs beside the other members of this group.
    pub const fn group(mut self, name: &'static str) -> Self {
        self.facts.group = Some(name);
        self
    }

    /// Lets the members of its group finish although one failed.
    pub const fn await_all(mut self) -> Self {
        self.facts.await_all = true;
        self
    }

    /// Is tried again like this.
    pub const fn retry(mut self, retry: RetryRow) -> Self {
        self.facts.retry = retry;
        self
    }

    /// Limit of one attempt.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.facts.timeout = Some(timeout);
        self
    }
}
