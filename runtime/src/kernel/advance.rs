//! What follows: after every event the machine goes on as far as it can without starting anything.

use std::sync::Arc;

use super::{
    Cause, Decision, Doubt, End, Finish, Finished, Judge, Machine, NoVerdict, ParkReason, Phase,
    Record, StepState, Timestamp, Way, machine::Local, rollback,
};

impl Machine {
    /// Goes on until something must be started, waited for or decided by an operator.
    pub(super) fn advance(&mut self, judge: &dyn Judge, to: &mut Decision) {
        while !self.is_idle() {
            let moved = match self.state.cause.clone() {
                None => self.forward(judge, to),
                Some(cause) => self.back(&cause, to),
            };
            if !moved {
                return;
            }
        }
    }

    /// One move forward; `false` when there is none to make now.
    fn forward(&mut self, judge: &dyn Judge, to: &mut Decision) -> bool {
        if let Some(cause) = self.stop_cause() {
            return self.turn_back(cause, to);
        }
        if self.administrative {
            return false;
        }
        let settled = |at: &StepState| matches!(at.phase, Phase::Done | Phase::Skipped);
        let Some(step) = self.state.steps.iter().position(|at| !settled(at)) else {
            return self.complete(judge, to);
        };
        let stage = self.definition.stage(self.definition.steps[step].stage);
        let pending =
            |machine: &Self, step: usize| machine.state.steps[step].phase == Phase::Pending;
        if !stage.clone().any(|step| pending(self, step)) {
            return false;
        }
        if self.leaving && stage.clone().any(|step| self.runs_here(step)) {
            // Whoever runs it decides whether to, at that time.
            return false;
        }
        for step in stage.clone() {
            // The verdict stands, although a neighbour's condition panicked since (O2).
            if self.definition.steps[step].conditional
                && pending(self, step)
                && !self.state.steps[step].evaluated
                && !self.evaluate(step, judge, to)
            {
                return true;
            }
        }
        for step in stage {
            if pending(self, step) {
                to.guarded |= self.is_pivot(step);
                let generation = self.generation(step);
                self.push(to, Record::Intended { step, generation, way: Way::Do });
            }
        }
        true
    }

    /// Evaluates a condition once and notes what it saw (O2); `false` when there is no verdict.
    fn evaluate(&mut self, step: usize, judge: &dyn Judge, to: &mut Decision) -> bool {
        match judge.when(self, step) {
            Ok(verdict) => {
                let saw = std::iter::once(0)
                    .chain(self.definition.steps[step].when_inputs.iter().filter_map(|input| {
                        self.state.steps[*input].output.as_ref().map(|(seq, _)| *seq)
                    }))
                    .collect();
                self.push(to, Record::Evaluated { step, verdict, saw });
                true
            }
            Err(why) => {
                self.push(to, no_verdict(Some(step), why));
                false
            }
        }
    }

    fn complete(&mut self, judge: &dyn Judge, to: &mut Decision) -> bool {
        let record = match judge.respond(self) {
            Ok(response) => Record::Finished(Arc::new(Finished {
                finish: Finish::Completed(response),
                residual: Vec::new(),
                late_until: None,
            })),
            Err(why) => no_verdict(None, why),
        };
        self.push(to, record);
        true
    }

    /// Why the saga should go back, if it should and its siblings do not have to finish first (B2).
    pub(super) fn stop_cause(&self) -> Option<Cause> {
        if self.stop.is_none() && self.state.stop.is_none() || !self.may_turn_back() {
            return None;
        }
        if let Some(cause) = &self.stop {
            return Some(cause.clone());
        }
        match self.state.stop.as_deref()? {
            Cause::Refused { step, .. } | Cause::Failed { step, .. }
                if self.definition.steps[*step].await_all
                    && self.state.cancel.is_none()
                    && self.has_open_sibling(*step) =>
            {
                None
            }
            cause => Some(cause.clone()),
        }
    }

    /// Stops the saga for a cause that has no record of its own. One that has was first (C11).
    pub(super) fn stop(&mut self, cause: Cause) {
        let first = || self.state.stop.as_deref().cloned().unwrap_or(cause);
        self.stop.get_or_insert_with(first);
    }

    fn has_open_sibling(&self, step: usize) -> bool {
        let stage = self.definition.steps[step].stage;
        self.definition.stage(stage).any(|step| self.state.steps[step].is_open())
    }

    /// Whether a step is not to be tried any more because the saga stops. The pivot is: it counts
    /// only whether it happened (K3).
    pub(super) fn stops(&self, step: usize) -> bool {
        !self.is_pivot(step) && self.stop_cause().is_some()
    }

    /// Whether something asks it to go back, now or when its siblings have finished.
    pub(super) fn is_to_go_back(&self) -> bool {
        self.may_turn_back() && (self.stop.is_some() || self.state.stop.is_some())
    }

    /// Begins to go back, once every started step is quiescent (C3).
    fn turn_back(&mut self, cause: Cause, to: &mut Decision) -> bool {
        if self.in_flight() {
            return false;
        }
        match self.definition.pivot().map(|pivot| (pivot, self.state.steps[pivot].phase)) {
            Some((pivot, Phase::Intended)) if !self.is_without_effect(pivot) => return false,
            Some((_, Phase::Unknown)) => {
                // Whatever asked to go back, nobody may before the pivot is known (P2).
                let why =
                    self.state.failures.last().map_or(Doubt::HostLost, |(_, why)| why.clone());
                self.push(to, Record::Parked(Box::new(ParkReason::PivotUnknown { why })));
                return true;
            }
            _ => {}
        }
        let in_doubt = (0..self.local.len()).any(|step| self.is_in_doubt(step));
        if in_doubt || self.quiet_at().is_some() {
            return false;
        }
        // Only now: a step without effect and without a reason to go back would stay where it is.
        let steps = 0..self.local.len();
        let harmless: Vec<usize> = steps.filter(|step| self.is_without_effect(*step)).collect();
        for step in harmless {
            self.push_end(step, Way::Do, End::Withdrawn, to);
        }
        self.push(to, Record::Compensating(Box::new(cause)));
        true
    }

    /// Whether a step that is intended, and neither runs nor is in doubt, provably had no effect:
    /// none of its attempts can have begun, or its probe denied them all (C1).
    pub(super) fn is_without_effect(&self, step: usize) -> bool {
        let at = &self.state.steps[step];
        at.phase == Phase::Intended && (at.trouble().denied || self.never_began(step))
    }

    /// The time in which a late success could come is over (C8).
    pub(super) fn settle(&mut self, to: &mut Decision) {
        if let Some(finished) = self.state.finished.clone()
            && finished.late_until.is_some_and(|until| until <= self.now)
        {
            let settled = Finished { late_until: None, ..(*finished).clone() };
            self.push(to, Record::Finished(Arc::new(settled)));
        }
    }

    /// Whether no attempt of a step that is intended can have begun.
    fn never_began(&self, step: usize) -> bool {
        let Local { fresh, in_flight, .. } = self.local[step];
        !in_flight && (fresh || self.state.unbegun && self.crashes == 0)
    }

    /// Whether the pivot runs, or is between attempts.
    pub(super) fn pivot_is_open(&self) -> bool {
        let open = |step: usize| self.state.steps[step].is_open() && !self.never_began(step);
        self.definition.pivot().is_some_and(open)
    }

    /// One move back; `false` when there is none to make now.
    fn back(&mut self, cause: &Cause, to: &mut Decision) -> bool {
        if self.state.steps.iter().any(|s| matches!(s.phase, Phase::Undoing | Phase::UndoFailed)) {
            return false;
        }
        match rollback::next_stage(&self.definition, &self.state) {
            Some(stage) => {
                for step in self.definition.stage(stage) {
                    if rollback::needs_undo(&self.definition, &self.state, step) {
                        let generation = self.state.steps[step].undo_generation;
                        self.push(to, Record::Intended { step, generation, way: Way::Undo });
                    }
                }
            }
            None => {
                let finished = rollback::finished(&self.definition, &self.state, cause, self.now);
                self.push(to, Record::Finished(Arc::new(finished)));
            }
        }
        true
    }

    /// Whether a deadline still has something to stop.
    pub(super) fn may_turn_back(&self) -> bool {
        self.state.cause.is_none() && !self.state.pivot_done(&self.definition)
    }

    /// The deadline, while it still has something to stop.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.state.deadline.filter(|_| self.may_turn_back())
    }
}

/// A condition of this step, or the response, has not spoken.
fn no_verdict(step: Option<usize>, why: NoVerdict) -> Record {
    Record::Parked(Box::new(match why {
        NoVerdict::Undecodable(error) => ParkReason::Undecodable { step, error },
        NoVerdict::Panicked(message) => ParkReason::Panicked { step, message },
    }))
}
