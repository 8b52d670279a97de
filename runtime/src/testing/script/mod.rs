//! Scripted outcomes: what becomes of the runs of a step or an undo, instead of what its code says.

mod verbs;

use std::{
    any::TypeId,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) use verbs::verbs;

use super::meant::meant;
use crate::{
    kernel::{Definition, Kind, Refused, Value, Way},
    task::{ErrorValue, Refusal, TaskSteps, define::definition},
};

/// What becomes of a run.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It asks for another try.
    Fail,
    /// It never ends.
    Hang,
    Panic,
    Refuse(Refused),
}

/// Whether the code of the step runs before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Skipped,
    /// It runs, and what it answers is lost.
    Runs,
}

/// One line of a script.
#[derive(Clone, Debug)]
pub(super) struct Cue {
    pub(super) step: usize,
    pub(super) way: Way,
    pub(super) code: Code,
    pub(super) act: Act,
    /// So many runs; `None`: all of them.
    pub(super) runs: Option<u32>,
}

/// The script of a saga.
pub(super) struct Script {
    definition: Definition,
    cues: Mutex<Vec<Cue>>,
}

impl Script {
    /// An empty one.
    pub(super) fn of<T: TaskSteps>() -> Self {
        Self { definition: definition::<T>(), cues: Mutex::default() }
    }

    /// The same from the start, behind these cues.
    pub(super) fn with(&self, cues: impl IntoIterator<Item = Cue>) -> Self {
        let cues = cues.into_iter().chain(self.cues().iter().cloned()).collect();
        Self { definition: self.definition.clone(), cues: Mutex::new(cues) }
    }

    /// Whether nothing is scripted.
    pub(super) fn is_empty(&self) -> bool {
        self.cues().is_empty()
    }

    /// The graph of the task.
    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// One more line; the lines of one step count in their order.
    #[track_caller]
    pub(super) fn add(&self, step: &str, way: Way, code: Code, act: Act, runs: Option<u32>) {
        let step = self.step(step, way);
        self.cues().push(Cue { step, way, code, act, runs });
    }

    /// The number of a step.
    #[track_caller]
    pub(super) fn step(&self, name: &str, way: Way) -> usize {
        let steps = &self.definition.steps;
        let task = &self.definition.task;
        let Some(step) = steps.iter().position(|step| *step.name == *name) else {
            let names: Vec<&str> = steps.iter().map(|step| &*step.name).collect();
            let meant = meant(name, &names);
            panic!("`{task}` has no step `{name}`{meant}; its steps: {}", names.join(", "));
        };
        if way == Way::Undo && steps[step].kind != Kind::Compensable {
            panic!("the step `{name}` of `{task}` has no undo");
        }
        step
    }

    /// What becomes of the run that begins now.
    pub(super) fn next(&self, step: usize, way: Way) -> Option<(Code, Act)> {
        let mut cues = self.cues();
        let is_next = |cue: &&mut Cue| (cue.step, cue.way) == (step, way) && cue.runs != Some(0);
        let cue = cues.iter_mut().find(is_next)?;
        cue.runs = cue.runs.map(|runs| runs - 1);
        Some((cue.code, cue.act.clone()))
    }

    fn cues(&self) -> MutexGuard<'_, Vec<Cue>> {
        self.cues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal with the declared error of a task.
pub(super) fn refuse<T: TaskSteps>(error: T::Error) -> Act {
    let message = error.text();
    Act::Refuse(Refused { error: error.into_value(), message })
}

/// The refusal that the kit makes up, where the task declares no error of its own.
pub(super) fn any_refusal<T: TaskSteps>() -> Option<Act> {
    if TypeId::of::<T::Error>() != TypeId::of::<Refusal>() {
        return None;
    }
    let refusal = Refusal::new("scripted", "refused by the test");
    let message = refusal.to_string();
    Some(Act::Refuse(Refused { error: Value::journaled(refusal), message }))
}
