//! A task whose journal keeps bytes: what its code yields is encoded before the journal is asked to
//! write it, so that what cannot be written parks its saga (E2).

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{Handlers, Inputs, ProbeContext, Slot, StepContext, UndoContext, Work, with_sources};
use crate::{
    codec::{Json, encode},
    kernel::{AttemptEnd, Definition, Outcome, Refused, Value},
};

/// The same task, with bytes beside its values.
pub(crate) struct Keeping(pub(crate) Arc<dyn Handlers>);

/// Bytes of the largest value that is kept: all of a saga is read at once.
const LARGEST: usize = 16 << 20;

/// A value with its bytes; one that lives with the worker has none.
pub(crate) fn kept(value: Value) -> Result<Value, String> {
    if value.as_encoded().is_some() || value.as_serialize().is_none() {
        return Ok(value);
    }
    let encoded = encode(&Json, &value).map_err(|error| with_sources(&error))?;
    match encoded.bytes.len() {
        0..=LARGEST => Ok(value.with_encoding(encoded)),
        bytes => Err(format!(
            "it has {bytes} bytes, and a journal keeps values of up to {LARGEST}: keep it in a file, \
             and its name here"
        )),
    }
}

fn keeping(work: Work) -> Work {
    Work { future: Box::pin(work.future.map(kept_end)), interruptible: work.interruptible }
}

fn kept_end(end: AttemptEnd) -> AttemptEnd {
    let refusal = |Refused { error, message }| Ok(Refused { error: kept(error)?, message });
    let end = match end {
        AttemptEnd::Done(value) => kept(value).map(AttemptEnd::Done),
        AttemptEnd::Refused(refused) => refusal(refused).map(AttemptEnd::Refused),
        AttemptEnd::Partial(refused, done) => {
            let refused = refusal(refused);
            refused.and_then(|refused| Ok(AttemptEnd::Partial(refused, kept(done)?)))
        }
        end => Ok(end),
    };
    end.unwrap_or_else(AttemptEnd::Undecodable)
}

impl Handlers for Keeping {
    fn definition(&self) -> Definition {
        self.0.definition()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        keeping(self.0.run(step, cx, inputs))
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        keeping(self.0.undo(step, cx, inputs, outcome))
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        keeping(self.0.probe(step, cx, inputs))
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        self.0.when(step, inputs)
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        kept(self.0.respond(inputs)).unwrap_or_else(|why| panic!("response: {why}"))
    }

    fn live(&self, slot: Slot, value: &Value) -> Result<Value, String> {
        self.0.live(slot, value)
    }

    fn was(&self, step: usize) -> &'static [&'static str] {
        self.0.was(step)
    }

    fn response_reads(&self) -> &'static [usize] {
        self.0.response_reads()
    }

    fn needs_files(&self) -> Option<&'static str> {
        self.0.needs_files()
    }
}
