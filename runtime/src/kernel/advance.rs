//! What follows: after every event the machine goes on as far as it can without starting anything.

use std::sync::Arc;

use super::{
    AttemptEnd, Cause, Decision, End, EntryId, Finish, Finished, Host, Judge, Letter, Machine, Mail,
    ParkReason, Phase, Place, Record, SagaStatus, Timestamp, Way, machine::SHORT_WAIT, rollback,
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
        let definition = self.definition.clone();
        let unsettled = self.state.steps.iter().position(|step| {
            matches!(step.phase, Phase::Pending | Phase::Intended | Phase::Unknown | Phase::Refused)
        });
        let Some(step) = unsettled else {
            return self.complete(judge, to);
        };
        let stage = definition.steps[step].stage;
        let pending = |machine: &Self, step: &usize| machine.state.steps[*step].phase == Phase::Pending;
        if !definition.stage(stage).all(|step| pending(self, &step)) {
            return false;
        }
        for step in definition.stage(stage).filter(|step| definition.steps[*step].conditional) {
            if !self.evaluate(step, judge, to) {
                return true;
            }
        }
        for step in definition.stage(stage) {
            if pending(self, &step) {
                to.guarded |= self.is_pivot(step);
                let generation = self.generation(step);
                self.push(to, Record::Intended { step, generation, way: Way::Do });
            }
        }
        true
    }

    /// Evaluates a condition once and notes what it saw (O2); `false` when it panicked.
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
            Err(message) => {
                let what = format!("when of `{}`", self.definition.steps[step].name);
                self.push(to, Record::Parked(Box::new(ParkReason::Panicked { what, message })));
                false
            }
        }
    }

    fn complete(&mut self, judge: &dyn Judge, to: &mut Decision) -> bool {
        let record = match judge.respond(self) {
            Ok(response) => Record::Finished(Arc::new(Finished {
                finish: Finish::Completed(response),
                residual: Vec::new(),
                settled: true,
            })),
            Err(message) => Record::Parked(Box::new(ParkReason::Panicked {
                what: "response".to_owned(),
                message,
            })),
        };
        self.push(to, record);
        true
    }

    /// Why the saga should go back, if it should and its siblings do not have to finish first (B2).
    pub(super) fn stop_cause(&self) -> Option<Cause> {
        if self.state.cause.is_some() || self.state.pivot_done(&self.definition) {
            return None;
        }
        if let Some(cause) = &self.stop {
            return Some(cause.clone());
        }
        match self.state.stop.as_deref()? {
            Cause::Refused { step, .. } | Cause::Failed { step, .. }
                if self.definition.steps[*step].await_all && self.has_open_sibling(*step) =>
            {
                None
            }
            cause => Some(cause.clone()),
        }
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

    /// Begins to go back, once every started step is quiescent (C3).
    fn turn_back(&mut self, cause: Cause, to: &mut Decision) -> bool {
        if self.in_flight() {
            return false;
        }
        if let Some(pivot) = self.definition.pivot() {
            match self.state.steps[pivot].phase {
                Phase::Intended => return false,
                Phase::Unknown => {
                    let Cause::Failed { why, .. } = cause else { return false };
                    self.push(to, Record::Parked(Box::new(ParkReason::PivotUnknown { why })));
                    return true;
                }
                _ => {}
            }
        }
        if self.state.unbegun && self.crashes == 0 {
            for step in 0..self.definition.steps.len() {
                if self.state.steps[step].phase == Phase::Intended {
                    self.push_end(step, Way::Do, End::Withdrawn, to);
                }
            }
        }
        self.push(to, Record::Compensating(Box::new(cause)));
        true
    }

    /// One move back; `false` when there is none to make now.
    fn back(&mut self, cause: &Cause, to: &mut Decision) -> bool {
        if self.state.steps.iter().any(|s| matches!(s.phase, Phase::Undoing | Phase::UndoFailed)) {
            return false;
        }
        let definition = self.definition.clone();
        match rollback::next_stage(&definition, &self.state) {
            Some(stage) => {
                for step in definition.stage(stage) {
                    if rollback::needs_undo(&definition, &self.state, step) {
                        let generation = self.generation(step);
                        self.push(to, Record::Intended { step, generation, way: Way::Undo });
                    }
                }
            }
            None => {
                let finished = rollback::finished(&definition, &self.state, cause);
                self.push(to, Record::Finished(Arc::new(finished)));
            }
        }
        true
    }

    /// Folds the inbox (J1).
    pub(super) fn mail(&mut self, mail: Vec<Mail>, to: &mut Decision) {
        for mail in mail {
            self.folded(mail.id, to);
            let letter = mail.letter.clone();
            self.push(to, Record::Received(Box::new(mail)));
            match letter {
                Letter::Kill { reason } if self.state.finished.is_none() => {
                    let residual = rollback::residual(&self.definition, &self.state);
                    let finish = Finish::Killed { reason };
                    let finished = Finished { finish, residual, settled: true };
                    self.push(to, Record::Finished(Arc::new(finished)));
                }
                Letter::Late { step, generation, way: Way::Do, end: AttemptEnd::Done(value), .. } => {
                    self.late_success(step, generation, value, to);
                }
                _ => {}
            }
        }
    }

    fn folded(&mut self, id: EntryId, to: &mut Decision) {
        to.folded.push(id);
    }

    /// A late success is evidence as long as the step is open (J5).
    fn late_success(&mut self, step: usize, generation: u32, value: super::Value, to: &mut Decision) {
        let Some(state) = self.state.steps.get(step) else { return };
        let open = matches!(state.phase, Phase::Intended | Phase::Unknown);
        if open && state.generation == generation && self.state.cause.is_none() {
            self.push_end(step, Way::Do, End::Done(value), to);
        }
    }

    /// Where the saga goes with this group; every way out of the owner's hands is guarded (A1).
    pub(super) fn settle_place(&self, now: Timestamp, to: &mut Decision) {
        to.place = self.place(now);
        to.guarded |= to.place != Place::Owned;
    }

    fn place(&self, now: Timestamp) -> Place {
        let status = self.state.status(&self.definition);
        if status.is_terminal() {
            return Place::Ended;
        }
        if self.in_flight() {
            return Place::Owned;
        }
        if matches!(status, SagaStatus::Parked | SagaStatus::Stuck) {
            return Place::Parked;
        }
        let open = || {
            let steps = self.definition.steps.iter().zip(&self.state.steps);
            steps.filter(|(_, state)| state.is_open())
        };
        let handed_over = open().any(|(step, _)| step.host != self.role) && self.role == Host::Api;
        if handed_over && self.state.cause.is_none() {
            return Place::Ready;
        }
        let waits = open().map(|(_, state)| state.retry_at.filter(|at| *at > now));
        match waits.min().flatten() {
            // `None` sorts first: some step could start at once.
            Some(due) if self.leaving || due > now.plus(SHORT_WAIT) => Place::Timed(match self.state.deadline {
                Some(deadline) if self.state.cause.is_none() => due.min(deadline),
                _ => due,
            }),
            _ if self.leaving => Place::Ready,
            _ => Place::Owned,
        }
    }
}
