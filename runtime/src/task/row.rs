//! One row a step. The type of a row knows the output of its step; a [`Table`] holds rows of all
//! types.

use std::{sync::Arc, time::Duration};

use super::{
    Handlers, Inputs, StepContext, TaskSteps, Work,
    call::{Attempt, Call, IntoSources, Sources, UndoCall, View},
    define::bound,
    limits::RetryRow,
    run::{Compensable, Ephemeral, Journaled, Run, Upload},
    typed::Typed,
};
use crate::kernel::{Backoff, Host, Jitter};

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

    /// The task of which it is a step, as the engine sees it.
    fn bind(&self, task: Arc<T>) -> Arc<dyn Handlers>;
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
    pub(crate) when: Option<fn(View<'_, T>) -> bool>,
    pub(crate) when_reads: &'static [usize],
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

/// A step of which `R` does the work.
pub struct Row<T, R> {
    facts: Facts<T>,
    run: R,
}

impl<T: TaskSteps + Send + Sync, R: Run<T>> StepRow<T> for Row<T, R> {
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

    fn bind(&self, task: Arc<T>) -> Arc<dyn Handlers> {
        bound(task)
    }
}

/// A step whose work is not said yet.
pub struct Step<T>(Facts<T>);

/// A step that uploads what is not named yet.
pub struct UploadStep<T> {
    facts: Facts<T>,
    bucket: &'static str,
}

/// A step that its undo takes back.
pub const fn compensable<T>(name: &'static str) -> Step<T> {
    Step::new(name, Undo::Compensate)
}

/// The point of no return.
pub const fn pivot<T>(name: &'static str) -> Step<T> {
    Step::new(name, Undo::Pivot)
}

/// A step after the pivot.
pub const fn retriable<T>(name: &'static str) -> Step<T> {
    Step::new(name, Undo::Retriable)
}

/// A step that changes nothing.
pub const fn read_only<T>(name: &'static str) -> Step<T> {
    Step::new(name, Undo::ReadOnly)
}

/// A step whose effect may remain, for this reason.
pub const fn no_undo<T>(name: &'static str, reason: &'static str) -> Step<T> {
    Step::new(name, Undo::Remains(reason))
}

/// A step that uploads files to this bucket; its undo deletes them.
pub const fn upload<T>(name: &'static str, bucket: &'static str) -> UploadStep<T> {
    let Step(mut facts) = Step::new(name, Undo::Compensate);
    facts.bucket = Some(bucket);
    UploadStep { facts, bucket }
}

impl<T> Step<T> {
    const fn new(name: &'static str, undo: Undo) -> Self {
        Self(Facts {
            name,
            undo,
            bucket: None,
            host: Host::Worker,
            group: None,
            await_all: false,
            reads: &[],
            when: None,
            when_reads: &[],
            undo_reads: &[],
            retry: RetryRow::UNSAID,
            timeout: None,
        })
    }

    /// Its output is journaled.
    pub const fn run<O>(self, run: fn(Call<T, O>) -> Attempt<T, O>) -> Row<T, Journaled<T, O>> {
        Row { facts: self.0, run: Journaled(run) }
    }

    /// Its output lives with the worker.
    pub const fn ephemeral<O>(
        self,
        run: fn(Call<T, O>) -> Attempt<T, O>,
    ) -> Row<T, Ephemeral<T, O>> {
        Row { facts: self.0, run: Ephemeral(run) }
    }
}

impl<T> UploadStep<T> {
    /// The files that it uploads.
    pub const fn files<S: IntoSources>(
        self,
        sources: fn(Call<T, S>) -> Sources<T, S>,
    ) -> Row<T, Upload<T, S>> {
        Row { facts: self.facts, run: Upload { bucket: self.bucket, sources } }
    }
}

impl<T, O> Row<T, Journaled<T, O>> {
    /// What takes it back.
    pub const fn undo(self, undo: fn(UndoCall<T>) -> Attempt<T, ()>) -> Row<T, Compensable<T, O>> {
        Row { facts: self.facts, run: Compensable { run: self.run.0, undo } }
    }
}

impl<T, S> Row<T, Upload<T, S>> {
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

    /// Runs only if this holds.
    pub const fn when(mut self, holds: fn(View<'_, T>) -> bool) -> Self {
        self.facts.when = Some(holds);
        self
    }

    /// Its condition reads the outputs of these steps.
    pub const fn when_reads(mut self, steps: &'static [usize]) -> Self {
        self.facts.when_reads = steps;
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

    /// Tries after the first.
    pub const fn retries(mut self, max: u32) -> Self {
        self.facts.retry.max = Some(max);
        self
    }

    /// How the delay before a retry grows.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.facts.retry.backoff = Some(backoff);
        self
    }

    /// Delay before the first retry.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.facts.retry.delay = Some(delay);
        self
    }

    /// Cap of the delay.
    pub const fn max_delay(mut self, cap: Duration) -> Self {
        self.facts.retry.max_delay = Some(cap);
        self
    }

    /// How the delay is spread.
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.facts.retry.jitter = Some(jitter);
        self
    }

    /// Limit of one attempt.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.facts.timeout = Some(timeout);
        self
    }
}
