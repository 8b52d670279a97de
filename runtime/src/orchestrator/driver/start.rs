//! Starting what the machine commands, and telling attempts to stop.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tracing::field;

use super::{
    super::{
        attempt::{Attempt, panicked},
        inputs::{gather, output},
    },
    Driver,
};
use crate::{
    kernel::{AttemptEnd, Command, Host as Role, Outcome, Way},
    task::{ProbeContext, StepContext, UndoContext, Work},
};

impl Driver {
    /// Starts what the machine commands.
    pub(super) fn start(&mut self) {
        self.is_fenced = self.seat.fence.has_fallen();
        if self.is_fenced {
            // Others may own the saga now (F3). Its timers wait as well.
            (self.due, self.wants_slot, self.wants_turn) = (None, false, false);
            return;
        }
        if self.owes_slot {
            self.give_slot_back();
        }
        let has_turn = self.has_turn();
        if has_turn && self.slot.is_none() && self.machine.role() == Role::Worker {
            self.slot = Arc::clone(self.slots()).try_acquire_owned().ok();
        }
        // Slots are for workers: the API phase is limited by admission.
        let has_slot = self.slot.is_some() || self.machine.role() == Role::Api;
        // What was decided may have taken long to be written.
        let now = self.host.journal.now();
        let (commands, wants_more) = match has_turn && has_slot {
            true => (self.machine.commands(now), false),
            false => self.machine.commands_without_slot(now),
        };
        self.wants_slot = wants_more && has_turn;
        self.wants_turn = wants_more && !has_turn;
        self.due = None;
        for command in commands {
            match command {
                Command::Run { step, way, attempt } => self.run_attempt(step, way, attempt),
                Command::Stop => {
                    self.context.stop.stop();
                    let grace = self.host.settings.grace;
                    self.attempts.iter_mut().for_each(|attempt| attempt.stop(grace));
                }
                Command::Wait(due) => self.due = Some(due),
            }
        }
        if self.attempts.is_empty() {
            (self.slot, self.owes_slot) = (None, false);
        }
        self.wants_slot |= self.owes_slot;
    }

    /// It is a suspect no more: that slot is for those that are, as soon as there is another one, or
    /// nothing runs in it.
    fn give_slot_back(&mut self) {
        let other = Arc::clone(&self.host.slots).try_acquire_owned().ok();
        if other.is_some() || self.attempts.is_empty() {
            (self.slot, self.owes_slot) = (other, false);
        }
    }

    fn run_attempt(&mut self, step: usize, way: Way, number: u32) {
        let definition = self.machine.definition();
        let limit = definition.steps[step].timeout;
        let span = tracing::info_span!(
            parent: &self.span,
            "step",
            task.id = %self.context.id,
            task.name = %definition.task,
            step.name = %definition.steps[step].name,
            step.order = definition.steps[step].stage + 1,
            step.attempt = number,
            step.way = match way {
                Way::Do => "do",
                Way::Undo => "undo",
                Way::Probe => "probe",
            },
            step.status = field::Empty,
        );
        let started = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| self.work(step, way, number)))
                .unwrap_or_else(|panic| ended(panicked(panic)))
        });
        let which = (self.machine.generation(step), number);
        self.attempts.push(Attempt::new((step, way), which, started, limit, span));
    }

    fn work(&self, step: usize, way: Way, number: u32) -> Work {
        let handlers = self.handlers();
        let generation = self.machine.generation(step);
        let saga = Arc::clone(&self.context);
        let definition = &self.machine.definition().steps[step];
        let reads = match way {
            Way::Do => &definition.inputs,
            Way::Undo => &definition.undo_inputs,
            Way::Probe => &definition.probe_inputs,
        };
        let inputs = match gather(handlers, &self.machine, reads.iter().copied()) {
            Ok(inputs) => inputs,
            Err(error) => return ended(AttemptEnd::Undecodable(error)),
        };
        match way {
            Way::Do => handlers.run(step, StepContext::new(saga, step, generation, number), inputs),
            Way::Undo => {
                let outcome = match output(handlers, &self.machine, step) {
                    Ok(None) => Outcome::Unknown,
                    Ok(Some(value)) if self.machine.state().steps()[step].partial => {
                        Outcome::Partial(value)
                    }
                    Ok(Some(value)) => Outcome::Done(value),
                    Err(error) => return ended(AttemptEnd::Undecodable(error)),
                };
                let again = self.machine.state().steps()[step].undo_generation;
                let cx = UndoContext::new(saga, step, (generation, again), number);
                handlers.undo(step, cx, inputs, outcome)
            }
            Way::Probe => {
                handlers.probe(step, ProbeContext::new(saga, step, generation, number), inputs)
            }
        }
    }
    /// Ends all attempts, whatever they do.
    pub(super) fn abort_attempts(&mut self) {
        self.context.stop.stop();
        self.attempts.iter_mut().for_each(Attempt::abort);
    }
}

fn ended(end: AttemptEnd) -> Work {
    Work { future: Box::pin(std::future::ready(end)), interruptible: true }
}
