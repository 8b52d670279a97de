//! One row a step. The type of a row knows the output of its step; a [`Table`] holds rows of all
//! types. What does not depend on it is plain data, which constants can look at.

use std::{sync::Arc, time::Duration};

use super::{
    Handlers, Inputs, StepContext, TaskSteps, Work,
    call::{Attempt, Call, IntoSources, ProbeCall, Sources, UndoCall, View},
    define::bound,
    limits::RetryRow,
    run::{AskProbe, Compensable, Ephemeral, Journaled, Messages, Run, Upload},
    table::{READS, RowReads},
    typed::Typed,
};
use crate::kernel::{Host, OnExhausted};

/// The steps of a task, in source order.
pub type Table<T> = &'static [&'static Row<T, dyn AnyRun<T>>];

/// The work of one step, whatever its output.
pub trait AnyRun<T> {
    /// Starts an attempt.
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work;

    /// Starts an attempt of the undo, if there is one.
    fn undo(&self, call: UndoCall<T>) -> Option<Work>;

    /// Whether there is a probe.
    fn has_probe(&self) -> bool;

    /// Asks the probe, if there is one.
    fn probe(&self, call: ProbeCall<T>) -> Option<Work>;

    /// The type of the output; `None` for an ephemeral one, which nobody encodes.
    fn output(&self) -> Option<Typed>;

    /// The task of which it is a step, as the engine sees it.
    fn bind(&self, task: Arc<T>) -> Arc<dyn Handlers>;
}

/// A step, as far as every step has it.
pub struct Facts<T> {
    pub(crate) name: &'static str,
    pub(crate) was: &'static [&'static str],
    pub(crate) undo: Undo,
    pub(crate) bucket: Option<&'static str>,
    pub(crate) host: Host,
    pub(crate) group: Option<&'static str>,
    pub(crate) await_all: bool,
    pub(crate) reads: RowReads,
    pub(crate) when: Option<fn(View<'_, T>) -> bool>,
    pub(crate) at_most_once: bool,
    pub(crate) on_exhausted: OnExhausted,
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
pub struct Row<T, R: ?Sized> {
    pub(crate) facts: Facts<T>,
    pub(crate) run: R,
}

impl<T: TaskSteps + Send + Sync, R: Run<T>> AnyRun<T> for R {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        Run::start(self, task, cx, inputs)
    }

    fn undo(&self, call: UndoCall<T>) -> Option<Work> {
        Run::undo(self, call)
    }

    fn has_probe(&self) -> bool {
        Run::has_probe(self)
    }

    fn probe(&self, call: ProbeCall<T>) -> Option<Work> {
        Run::probe(self, call)
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
            was: &[],
            undo,
            bucket: None,
            host: Host::Worker,
            group: None,
            await_all: false,
            reads: READS,
            when: None,
            at_most_once: false,
            on_exhausted: OnExhausted::Compensate,
            retry: RetryRow::UNSAID,
            timeout: None,
        })
    }

    /// Its output is journaled.
    pub const fn run<O>(self, run: fn(Call<T, O>) -> Attempt<T, O>) -> Row<T, Journaled<T, O>> {
        Row { facts: self.0, run: Journaled { run, probe: None } }
    }

    /// Its output is journaled as a Protobuf message.
    pub const fn protobuf<O>(self, run: fn(Call<T, O>) -> Attempt<T, O>) -> Row<T, Messages<T, O>> {
        Row { facts: self.0, run: Messages { run, undo: None, probe: None } }
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
        let Journaled { run, probe } = self.run;
        Row { facts: self.facts, run: Compensable { run, undo, probe } }
    }

    /// What says whether it happened.
    pub const fn probe(mut self, probe: AskProbe<T, O>) -> Self {
        self.run.probe = Some(probe);
        self
    }
}

impl<T, O> Row<T, Compensable<T, O>> {
    /// What says whether it happened.
    pub const fn probe(mut self, probe: AskProbe<T, O>) -> Self {
        self.run.probe = Some(probe);
        self
    }
}

impl<T, O> Row<T, Messages<T, O>> {
    /// What takes it back.
    pub const fn undo(mut self, undo: fn(UndoCall<T>) -> Attempt<T, ()>) -> Self {
        self.run.undo = Some(undo);
        self
    }

    /// What says whether it happened.
    pub const fn probe(mut self, probe: AskProbe<T, O>) -> Self {
        self.run.probe = Some(probe);
        self
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
    pub const fn reads(mut self, reads: RowReads) -> Self {
        self.facts.reads = reads;
        self
    }

    /// Runs only if this holds.
    pub const fn when(mut self, holds: fn(View<'_, T>) -> bool) -> Self {
        self.facts.when = Some(holds);
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

    /// Is never run again by itself once an attempt may have begun.
    pub const fn at_most_once(mut self) -> Self {
        self.facts.at_most_once = true;
        self
    }

    /// Parks the saga when its tries are used up.
    pub const fn parks(mut self) -> Self {
        self.facts.on_exhausted = OnExhausted::Park;
        self
    }

    /// Had these names before.
    pub const fn was(mut self, names: &'static [&'static str]) -> Self {
        self.facts.was = names;
        self
    }

    /// How it is tried again.
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
