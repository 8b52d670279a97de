//! What becomes of the values that the code of a task yields, before the journal is asked to write
//! them. In debug builds every one takes a round trip through the codec, and where the journal keeps
//! bytes it gets them here: what cannot be written, or read again, parks its saga (E2).

use std::{borrow::Cow, sync::Arc};

use futures_util::FutureExt as _;

use super::{
    Codecs, Handlers, Inputs, ProbeContext, Slot, StepContext, Typed, UndoContext, Work,
    typed::round_trip, with_sources,
};
use crate::kernel::{AttemptEnd, Definition, Outcome, Refused, Value};

/// The same task, with a codec.
pub(crate) struct Keeping {
    task: Arc<dyn Handlers>,
    /// Of its steps.
    names: Vec<Cow<'static, str>>,
    keeper: Arc<Keeper>,
}

/// What is done to a value.
struct Keeper {
    codecs: Codecs,
    keeps_bytes: bool,
}

/// Bytes of the largest value that is kept: all of a saga is read at once.
const LARGEST: usize = 16 << 20;

impl Keeper {
    /// A value with its bytes, where the journal keeps them; one that lives with the worker has none.
    fn kept(&self, value: Value) -> Result<Value, String> {
        if !self.keeps_bytes || value.as_encoded().is_some() || value.is_ephemeral() {
            return Ok(value);
        }
        let encoded = self.codecs.encode(&value).map_err(|error| with_sources(&error))?;
        match encoded.bytes.len() {
            0..=LARGEST => Ok(value.with_encoding(encoded)),
            bytes => Err(format!(
                "it has {bytes} bytes, and a journal keeps values of up to {LARGEST}: keep it in a \
                 file, and its name here"
            )),
        }
    }

    fn refusal(&self, Refused { error, message }: Refused) -> Result<Refused, String> {
        Ok(Refused { error: self.kept(error)?, message })
    }

    fn end(&self, end: AttemptEnd) -> AttemptEnd {
        let end = match end {
            AttemptEnd::Done(value) => self.kept(value).map(AttemptEnd::Done),
            AttemptEnd::Refused(refused) => self.refusal(refused).map(AttemptEnd::Refused),
            AttemptEnd::Partial(refused, done) => self
                .refusal(refused)
                .and_then(|refused| Ok(AttemptEnd::Partial(refused, self.kept(done)?))),
            end => Ok(end),
        };
        end.unwrap_or_else(AttemptEnd::Undecodable)
    }
}

impl Keeping {
    pub(crate) fn new(task: Arc<dyn Handlers>, codecs: Codecs, keeps_bytes: bool) -> Self {
        let names = task.definition().steps.into_iter().map(|step| step.name).collect();
        Self { task, names, keeper: Arc::new(Keeper { codecs, keeps_bytes }) }
    }

    /// The work of a step, which gives this output.
    fn work(&self, step: usize, output: Option<Typed>, work: Work) -> Work {
        let (debug, keeper) = (cfg!(debug_assertions), Arc::clone(&self.keeper));
        if !debug && !keeper.keeps_bytes {
            return work;
        }
        let (name, types) = (self.names[step].clone(), (output, self.task.typed(Slot::Error)));
        let end = work.future.map(move |end| {
            let what = || format!("step `{name}`");
            let end = if debug { round_trip(end, what, types, &keeper.codecs) } else { end };
            keeper.end(end)
        });
        Work { future: Box::pin(end), interruptible: work.interruptible }
    }
}

impl Handlers for Keeping {
    fn definition(&self) -> Definition {
        self.task.definition()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        let output = self.task.typed(Slot::Output(step));
        self.work(step, output, self.task.run(step, cx, inputs))
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        self.work(step, None, self.task.undo(step, cx, inputs, outcome))
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        let output = self.task.typed(Slot::Output(step));
        self.work(step, output, self.task.probe(step, cx, inputs))
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        self.task.when(step, inputs)
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        let kept = self.kept(Slot::Response, self.task.respond(inputs));
        kept.unwrap_or_else(|why| panic!("response: {why}"))
    }

    fn typed(&self, slot: Slot) -> Option<Typed> {
        self.task.typed(slot)
    }

    fn live(&self, slot: Slot, value: &Value) -> Result<Value, String> {
        self.keeper.codecs.live(self.task.typed(slot), value)
    }

    fn kept(&self, slot: Slot, value: Value) -> Result<Value, String> {
        let value = match self.task.typed(slot) {
            Some(typed) if cfg!(debug_assertions) => {
                typed.round_trip(&value, &self.keeper.codecs)?
            }
            _ => value,
        };
        self.keeper.kept(value)
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
