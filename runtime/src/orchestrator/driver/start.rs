//! Starting what the machine commands, and telling attempts to stop.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use tracing::field;

use super::{
    super::{
        attempt::{Attempt, panicked},
        inputs::{gather, live},
    },
    Driver, StopWhy,
};
use crate::{
    kernel::{AttemptEnd, Command, Host as Role, Outcome, Way},
    task::{SagaContext, Slot, StepContext, Stop, UndoContext, Work},
};

impl Driver {
    /// Starts what the machine commands.
    pub(super) async fn start(&mut self) {
        self.due = None;
        for command in self.machine.commands(self.now) {
            match command {
                Command::Run { step, way, attempt } => {
                    // Slots are for workers: the API phase is limited by admission.
                    if self.slot.is_none() && self.machine.role() == Role::Worker {
                        self.slot = self.host.slot().await;
                    }
                    self.run_attempt(step, way, attempt);
                }
                Command::Stop => {
                    self.context.stop.stop();
                    let grace = self.host.settings.grace;
                    self.attempts.iter_mut().for_each(|attempt| attempt.stop(grace));
                }
                Command::Wait(due) => self.due = Some(due),
            }
        }
        if self.attempts.is_empty() {
            self.slot = None;
        }
    }

    fn run_attempt(&mut self, step: usize, way: Way, number: u32) {
        let definition = Arc::clone(self.machine.definition());
        let span = tracing::info_span!(
            parent: &self.span,
            "step",
            task.id = %self.context.id,
            task.name = %definition.task,
            step.name = %definition.steps[step].name,
            step.order = definition.steps[step].stage + 1,
            step.attempt = number,
            step.way = if way == Way::Do { "do" } else { "undo" },
            step.status = field::Empty,
        );
        let started = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| self.work(step, way, number)))
                .unwrap_or_else(|panic| ended(panicked(&*panic)))
        });
        let limit = definition.steps[step].timeout;
        self.attempts.push(Attempt::new((step, way, number), started, limit, span));
    }

    fn work(&self, step: usize, way: Way, number: u32) -> Work {
        let handlers = &*self.host.handlers;
        let generation = self.machine.generation(step);
        let saga = Arc::clone(&self.context);
        let definition = &self.machine.definition().steps[step];
        let reads = match way {
            Way::Do => &definition.inputs,
            Way::Undo => &definition.undo_inputs,
        };
        let inputs = match gather(handlers, &self.machine, reads.iter().copied()) {
            Ok(inputs) => inputs,
            Err(error) => return ended(AttemptEnd::Undecodable(error)),
        };
        match way {
            Way::Do => handlers.run(step, StepContext::new(saga, step, generation, number), inputs),
            Way::Undo => {
                let output = self.machine.output(step);
                let outcome = match output.map(|value| live(handlers, Slot::Output(step), value)) {
                    None => Outcome::Unknown,
                    Some(Ok(value)) => Outcome::Done(value),
                    Some(Err(error)) => return ended(AttemptEnd::Undecodable(error)),
                };
                let cx = UndoContext::new(saga, step, generation, number);
                handlers.undo(step, cx, inputs, outcome)
            }
        }
    }
    /// Tells attempts to stop: all of them, or those whose time is up.
    pub(super) fn stop_attempts(&mut self, why: &StopWhy) {
        self.context.stop.stop();
        match why {
            StopWhy::Abort => {
                self.attempts.iter_mut().for_each(Attempt::abort);
            }
            // The attempt counts its own grace. Those that follow must not find themselves stopped.
            StopWhy::Overdue => {
                let old = &self.context;
                self.context = Arc::new(SagaContext {
                    id: old.id,
                    definition: Arc::clone(&old.definition),
                    fence: old.fence,
                    services: Arc::clone(&old.services),
                    stop: Stop::default(),
                    seq: old.seq.load(Ordering::Relaxed).into(),
                });
            }
        }
    }
}

fn ended(end: AttemptEnd) -> Work {
    Work { future: Box::pin(std::future::ready(end)), interruptible: true }
}
