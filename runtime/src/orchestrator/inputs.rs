//! Values on their way from the machine to user code, and pure user code on behalf of the kernel.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    kernel::{Judge, Machine, NoVerdict, Value},
    task::{Handlers, Inputs, Slot},
};

/// The outputs of `steps`, and the request.
///
/// # Errors
/// The codec's words, and of which value.
pub(super) fn gather(
    handlers: &dyn Handlers,
    saga: &Machine,
    steps: impl IntoIterator<Item = usize>,
) -> Result<Inputs, String> {
    let request = handlers.live(Slot::Request, saga.state().request());
    let mut inputs = Inputs::new(request.map_err(|error| format!("the request: {error}"))?);
    for step in steps {
        if let Some(value) = output(handlers, saga, step)? {
            inputs.push(step, value);
        }
    }
    Ok(inputs)
}

/// The output of a step, if it has one.
///
/// # Errors
/// The codec's words, when it cannot be decoded.
pub(super) fn output(
    handlers: &dyn Handlers,
    saga: &Machine,
    step: usize,
) -> Result<Option<Value>, String> {
    let Some(value) = saga.output(step) else { return Ok(None) };
    let live = handlers.live(Slot::Output(step), value).map(Some);
    live.map_err(|error| format!("the output of `{}`: {error}", saga.definition().steps[step].name))
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
    ) -> Result<R, NoVerdict> {
        // What is read here may be the user's code, too.
        let asked = || gather(self.0, saga, steps).map(|inputs| ask(&inputs));
        match catch_unwind(AssertUnwindSafe(asked)) {
            Ok(verdict) => verdict.map_err(NoVerdict::Undecodable),
            Err(panic) => Err(NoVerdict::Panicked(panic_message(panic))),
        }
    }
}

impl Judge for Verdicts<'_> {
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, NoVerdict> {
        let reads = saga.definition().steps[step].when_inputs.iter().copied();
        self.ask(saga, reads, |inputs| self.0.when(step, inputs))
    }

    fn respond(&self, saga: &Machine) -> Result<Value, NoVerdict> {
        let steps = &saga.definition().steps;
        let journaled = (0..steps.len()).filter(|step| !steps[*step].ephemeral);
        self.ask(saga, journaled, |inputs| self.0.respond(inputs))
    }
}
