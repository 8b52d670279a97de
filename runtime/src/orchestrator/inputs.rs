//! Values on their way from the machine to user code, and pure user code on behalf of the kernel.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    kernel::{Judge, Machine, Value},
    task::{Handlers, Inputs, Slot},
};

/// The outputs of `steps`, and the request.
///
/// # Errors
/// The codec's words, when a value cannot be decoded.
pub(super) fn gather(
    handlers: &dyn Handlers,
    saga: &Machine,
    steps: impl IntoIterator<Item = usize>,
) -> Result<Inputs, String> {
    let mut inputs = Inputs::new(live(handlers, Slot::Request, saga.state().request())?);
    for step in steps {
        if let Some(value) = saga.output(step) {
            inputs.push(step, live(handlers, Slot::Output(step), value)?);
        }
    }
    Ok(inputs)
}

/// The value, decoded if it is not.
pub(super) fn live(handlers: &dyn Handlers, slot: Slot, value: &Value) -> Result<Value, String> {
    match value.as_encoded() {
        None => Ok(value.clone()),
        Some(encoded) => handlers.decode(slot, encoded),
    }
}

/// What a panic said.
pub(super) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(unknown) => {
            // A value of the user's, whose destructor may panic again.
            std::mem::forget(unknown);
            "a panic without a message".to_owned()
        }
    }
}

/// Evaluates conditions and the response.
pub(super) struct Verdicts<'a>(pub(super) &'a dyn Handlers);

impl Verdicts<'_> {
    fn ask<R>(
        &self,
        saga: &Machine,
        steps: impl IntoIterator<Item = usize>,
        ask: impl FnOnce(&Inputs) -> R,
    ) -> Result<R, String> {
        let asked = || gather(self.0, saga, steps).map(|inputs| ask(&inputs));
        catch_unwind(AssertUnwindSafe(asked)).unwrap_or_else(|panic| Err(panic_message(panic)))
    }
}

impl Judge for Verdicts<'_> {
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, String> {
        let reads = saga.definition().steps[step].when_inputs.iter().copied();
        self.ask(saga, reads, |inputs| self.0.when(step, inputs))
    }

    fn respond(&self, saga: &Machine) -> Result<Value, String> {
        let steps = &saga.definition().steps;
        let journaled = (0..steps.len()).filter(|step| !steps[*step].ephemeral);
        self.ask(saga, journaled, |inputs| self.0.respond(inputs))
    }
}
