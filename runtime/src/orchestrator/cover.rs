//! Which sagas a host can drive: those whose definition its handlers cover (V3).
//!
//! A saga follows the graph that it began with (V1); the binary supplies code for it, found by the
//! names of the steps (V2). What is not covered stays where it is, at no cost.

use std::sync::Arc;

use crate::{
    kernel::{Definition, DefinitionHash, Kind, Outcome, Step, Value},
    task::{Handlers, Inputs, ProbeContext, Slot, StepContext, Typed, UndoContext, Work},
};

/// A definition, and the code for it.
#[derive(Clone)]
pub(super) struct Covered {
    pub(super) hash: DefinitionHash,
    pub(super) definition: Arc<Definition>,
    pub(super) handlers: Arc<dyn Handlers>,
}

/// Those of `known` that the handlers of a task cover, its own definition first.
pub(super) fn covered(
    own: &Covered,
    known: impl IntoIterator<Item = Arc<Definition>>,
) -> Vec<Covered> {
    let mut all = vec![own.clone()];
    for definition in known {
        let hash = definition.hash();
        if hash == own.hash {
            continue;
        }
        if let Some(row_of) = rows(&*own.handlers, &own.definition, &definition) {
            let handlers = Arc::clone(&own.handlers);
            let handlers = Renumbered { handlers, definition: Arc::clone(&definition), row_of };
            all.push(Covered { hash, definition, handlers: Arc::new(handlers) });
        } else if definition.task == own.definition.task {
            tracing::warn!(
                task = %definition.task,
                definition = %hash,
                "this host has no code for sagas of this definition: they wait for one that has"
            );
        }
    }
    all
}

/// For each step of an older definition the row of the code that does its work; `None` when one
/// has none, or when its code needs what the older graph does not give it.
fn rows(handlers: &dyn Handlers, now: &Definition, then: &Definition) -> Option<Vec<usize>> {
    if now.task != then.task {
        return None;
    }
    let named = |step: &Step| {
        let rows = now.steps.iter().enumerate();
        let mut rows = rows.filter(|(row, is)| {
            is.name == step.name || handlers.was(*row).contains(&step.name.as_ref())
        });
        rows.next().map(|(row, _)| row)
    };
    let row_of: Vec<usize> = then.steps.iter().map(named).collect::<Option<_>>()?;
    let graph = Graph { now, then, row_of: &row_of };
    let fits = then.steps.iter().zip(&row_of).all(|(step, row)| graph.fits(step, &now.steps[*row]));
    let all: Vec<usize> = (0..then.steps.len()).collect();
    (fits && graph.gives(&all, handlers.response_reads())).then_some(row_of)
}

struct Graph<'a> {
    now: &'a Definition,
    then: &'a Definition,
    row_of: &'a [usize],
}

impl Graph<'_> {
    /// Whether the code of today does what the step of then may need.
    fn fits(&self, then: &Step, now: &Step) -> bool {
        let can_undo = then.kind != Kind::Compensable || now.kind == Kind::Compensable;
        can_undo
            && then.ephemeral == now.ephemeral
            && (!then.probe || now.probe)
            && (!then.conditional || now.conditional)
            && self.gives(&then.inputs, &now.inputs)
            && (!then.conditional || self.gives(&then.when_inputs, &now.when_inputs))
            && (then.kind != Kind::Compensable || self.gives(&then.undo_inputs, &now.undo_inputs))
            && (!then.probe || self.gives(&then.probe_inputs, &now.probe_inputs))
    }

    /// Whether what the code of today reads is among what the older graph gives. What could be
    /// skipped then must be an `Option` now.
    fn gives(&self, given: &[usize], read: &[usize]) -> bool {
        read.iter().all(|row| {
            given.iter().any(|step| {
                let may_lack = self.then.steps[*step].conditional;
                self.row_of[*step] == *row && (!may_lack || self.now.steps[*row].conditional)
            })
        })
    }
}

/// The handlers of a task, for the steps of an older definition.
struct Renumbered {
    handlers: Arc<dyn Handlers>,
    definition: Arc<Definition>,
    row_of: Vec<usize>,
}

impl Renumbered {
    /// The same slot, as the handlers know it.
    fn there(&self, slot: Slot) -> Slot {
        match slot {
            Slot::Output(step) => Slot::Output(self.row_of[step]),
            slot => slot,
        }
    }
}

impl Handlers for Renumbered {
    fn definition(&self) -> Definition {
        (*self.definition).clone()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        self.handlers.run(self.row_of[step], cx, inputs.renumbered(&self.row_of))
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        self.handlers.undo(self.row_of[step], cx, inputs.renumbered(&self.row_of), outcome)
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        self.handlers.probe(self.row_of[step], cx, inputs.renumbered(&self.row_of))
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        self.handlers.when(self.row_of[step], &inputs.clone().renumbered(&self.row_of))
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        self.handlers.respond(&inputs.clone().renumbered(&self.row_of))
    }

    fn typed(&self, slot: Slot) -> Option<Typed> {
        self.handlers.typed(self.there(slot))
    }

    fn live(&self, slot: Slot, value: &Value) -> Result<Value, String> {
        self.handlers.live(self.there(slot), value)
    }

    fn kept(&self, slot: Slot, value: Value) -> Result<Value, String> {
        self.handlers.kept(self.there(slot), value)
    }

    fn needs_files(&self) -> Option<&'static str> {
        self.handlers.needs_files()
    }

    fn was(&self, step: usize) -> &'static [&'static str] {
        self.handlers.was(self.row_of[step])
    }

    fn response_reads(&self) -> &'static [usize] {
        self.handlers.response_reads()
    }
}
