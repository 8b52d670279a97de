//! The task under test: its own code, behind a script, with every run noted.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{
    ledger::{EffectLedger, RunEnd, StepRun},
    script::{Act, Code, Script},
    store::Store,
};
use crate::{
    kernel::{AttemptEnd, Definition, Outcome, Value, Way},
    task::{Handlers, Inputs, ProbeContext, Slot, StepContext, Typed, UndoContext, Work},
};

/// A task behind a script.
pub(super) struct Scripted {
    pub(super) task: Arc<dyn Handlers>,
    pub(super) script: Arc<Script>,
    pub(super) ledger: EffectLedger,
    /// Where what runs must have been announced (INV2), if anybody looks.
    pub(super) store: Option<Arc<Store>>,
    /// Every step and undo runs twice under its key, but for those that never do.
    pub(super) twice: bool,
    /// A step that is not tried again.
    pub(super) tried_once: Option<usize>,
}

/// Who runs.
struct Run {
    step: usize,
    way: Way,
    name: String,
    key: String,
    attempt: u32,
}

impl Scripted {
    /// A run of user code, or what the script makes of it.
    fn work(&self, run: Run, work: impl Fn() -> Work + Send + 'static) -> Work {
        if let Some(store) = self.store.as_ref().filter(|_| run.way != Way::Probe)
            && !store.is_announced(&run.key, run.way)
        {
            let (way, name) = (run.way, &run.name);
            store.note(format!("INV2: {way:?} of `{name}` begins before its intent is written"));
        }
        let noted = StepRun {
            step: run.name,
            way: run.way,
            key: run.key,
            attempt: run.attempt,
            end: RunEnd::Open,
        };
        let running = self.ledger.begins(noted);
        let of = running.of;
        let work = move || of.scope(&work);
        let work = match self.script.next(run.step, run.way) {
            Some((Code::Skipped, act)) => {
                Work { future: Box::pin(acted(act)), interruptible: true }
            }
            Some((Code::Runs, act)) => {
                let Work { future, interruptible } = work();
                Work { future: Box::pin(future.then(|_| acted(act))), interruptible }
            }
            None if self.twice && run.way != Way::Probe && !self.is_once(run.step, run.way) => {
                let Work { future, interruptible } = work();
                Work { future: Box::pin(future.then(move |_| work().future)), interruptible }
            }
            None => work(),
        };
        let Work { future, interruptible } = work;
        let end = async move {
            let end = of.drive(future).await;
            running.ends(&end);
            end
        };
        Work { future: Box::pin(end), interruptible }
    }

    fn is_once(&self, step: usize, way: Way) -> bool {
        way == Way::Do && self.definition().steps[step].at_most_once
    }
}

async fn acted(act: Act) -> AttemptEnd {
    match act {
        Act::Fail => AttemptEnd::Retry { error: "failed by the test".to_owned(), after: None },
        Act::Hang => std::future::pending().await,
        // Without the hook that prints it: it is meant.
        Act::Panic => std::panic::resume_unwind(Box::new("panicked by the test")),
        Act::Refuse(refused) => AttemptEnd::Refused(refused),
    }
}

impl Handlers for Scripted {
    fn definition(&self) -> Definition {
        let mut definition = self.task.definition();
        if let Some(step) = self.tried_once {
            definition.steps[step].retry.max = 0;
        }
        if self.twice {
            // The second run is none of the saga: its time does not count.
            definition
                .steps
                .iter_mut()
                .for_each(|step| step.timeout = step.timeout.saturating_mul(2));
            definition.timeout = definition.timeout.map(|timeout| timeout.saturating_mul(2));
        }
        definition
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        let (name, key) = (cx.step().to_owned(), cx.idempotency_key());
        let run = Run { step, way: Way::Do, name, key, attempt: cx.attempt() };
        let task = Arc::clone(&self.task);
        self.work(run, move || task.run(step, cx.clone(), inputs.clone()))
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        let (name, key) = (cx.step().to_owned(), cx.idempotency_key());
        let run = Run { step, way: Way::Undo, name, key, attempt: cx.attempt() };
        let task = Arc::clone(&self.task);
        self.work(run, move || task.undo(step, cx.clone(), inputs.clone(), outcome.clone()))
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        let (name, key) = (cx.step().to_owned(), cx.step_key());
        let run = Run { step, way: Way::Probe, name, key, attempt: cx.attempt() };
        let task = Arc::clone(&self.task);
        self.work(run, move || task.probe(step, cx.clone(), inputs.clone()))
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        self.task.when(step, inputs)
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        self.task.respond(inputs)
    }

    fn typed(&self, slot: Slot) -> Option<Typed> {
        self.task.typed(slot)
    }

    fn was(&self, step: usize) -> &'static [&'static str] {
        self.task.was(step)
    }

    fn response_reads(&self) -> &'static [usize] {
        self.task.response_reads()
    }

    fn needs_files(&self) -> Option<&'static str> {
        self.task.needs_files()
    }
}
