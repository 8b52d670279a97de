//! What follows: after every event the machine goes on as far as it can without starting anything.

use std::sync::Arc;

use super::{
    AttemptEnd, Cause, Decision, Doubt, End, Finish, Finished, Host, Judge, Letter, Machine, Mail,
    ParkReason, Phase, Place, Record, Timestamp, Value, Way, machine::SHORT_WAIT, rollback,
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
        let unsettled = self.state.steps.iter().position(|step| {
            matches!(step.phase, Phase::Pending | Phase::Intended | Phase::Unknown | Phase::Refused)
        });
        let Some(step) = unsettled else {
            return self.complete(judge, to);
        };
        let stage = self.definition.stage(self.definition.steps[step].stage);
        let pending =
            |machine: &Self, step: usize| machine.state.steps[step].phase == Phase::Pending;
        if !stage.clone().any(|step| pending(self, step)) {
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
        if self.stop.is_none() && self.state.stop.is_none() || !self.may_turn_back() {
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

    /// Begins to go back, once every started step is quiescent (C3).
    fn turn_back(&mut self, cause: Cause, to: &mut Decision) -> bool {
        if self.in_flight() {
            return false;
        }
        if self.never_began() {
            for step in 0..self.definition.steps.len() {
                if self.state.steps[step].phase == Phase::Intended {
                    self.push_end(step, Way::Do, End::Withdrawn, to);
                }
            }
        }
        match self.definition.pivot().map(|pivot| self.state.steps[pivot].phase) {
            Some(Phase::Intended) => false,
            Some(Phase::Unknown) => {
                // Whatever asked to go back, nobody may before the pivot is known (P2).
                let why =
                    self.state.failures.last().map_or(Doubt::HostLost, |(_, why)| why.clone());
                self.push(to, Record::Parked(Box::new(ParkReason::PivotUnknown { why })));
                true
            }
            _ => {
                self.push(to, Record::Compensating(Box::new(cause)));
                true
            }
        }
    }

    /// Whether no attempt of what is intended now can have begun.
    pub(super) fn never_began(&self) -> bool {
        self.state.unbegun && self.crashes == 0
    }

    /// Whether the pivot runs, or is between attempts.
    pub(super) fn pivot_is_open(&self) -> bool {
        self.definition.pivot().is_some_and(|pivot| self.state.steps[pivot].is_open())
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
                        let generation = self.generation(step);
                        self.push(to, Record::Intended { step, generation, way: Way::Undo });
                    }
                }
            }
            None => {
                let finished = rollback::finished(&self.definition, &self.state, cause);
                self.push(to, Record::Finished(Arc::new(finished)));
            }
        }
        true
    }

    /// Folds the inbox (J1).
    pub(super) fn mail(&mut self, mail: Vec<Mail>, to: &mut Decision) {
        let mut killed = None;
        for mail in mail {
            to.folded.push(mail.id);
            if self.state.received.contains(&mail.id) {
                continue;
            }
            let letter = mail.letter.clone();
            self.push(to, Record::Received(Box::new(mail)));
            match letter {
                Letter::Kill { reason } => killed = killed.or(Some(reason)),
                Letter::Late {
                    step,
                    generation,
                    attempt,
                    way: Way::Do,
                    end: AttemptEnd::Done(value),
                } => self.late_success(step, generation, attempt, value, to),
                _ => {}
            }
        }
        // Behind all other letters: nothing follows the end.
        if let Some(reason) = killed {
            let residual = rollback::residual(&self.definition, &self.state);
            let finish = Finish::Killed { reason };
            let finished = Finished { finish, residual, settled: true };
            self.push(to, Record::Finished(Arc::new(finished)));
        }
    }

    /// A late success is evidence as long as the step is open (J5). An ephemeral value is none: it
    /// died with its host.
    fn late_success(
        &mut self,
        step: usize,
        generation: u32,
        attempt: u32,
        value: Value,
        to: &mut Decision,
    ) {
        let Some(state) = self.state.steps.get(step) else { return };
        let open = matches!(state.phase, Phase::Intended | Phase::Unknown);
        let journaled = !self.definition.steps[step].ephemeral;
        if open && journaled && state.generation == generation && self.state.cause.is_none() {
            let end = End::Done(value);
            self.push(to, Record::Ended { step, generation, attempt, way: Way::Do, end });
        }
    }

    /// Where the saga goes with this group; every way out of the owner's hands is guarded (A1).
    pub(super) fn settle_place(&self, now: Timestamp, to: &mut Decision) {
        to.place = self.place(now);
        to.guarded |= to.place != Place::Owned;
    }

    fn place(&self, now: Timestamp) -> Place {
        if self.state.finished.is_some() {
            return Place::Ended;
        }
        if self.in_flight() {
            return Place::Owned;
        }
        if self.is_idle() {
            return Place::Parked;
        }
        let open = || self.state.steps.iter().enumerate().filter(|(_, state)| state.is_open());
        if open().any(|(step, _)| !self.runs_here(step)) {
            return Place::Ready;
        }
        let waits = open().map(|(_, state)| state.retry_at.filter(|at| *at > now));
        // An API phase is never resumed elsewhere, so it does not leave its host to wait (A6).
        let long = |due| due > now.plus(SHORT_WAIT) && !self.in_api_phase();
        match waits.min().flatten() {
            // `None` sorts first: some step could start at once.
            Some(due) if self.leaving || long(due) => {
                let deadline = self.state.deadline.filter(|at| *at > now && self.may_turn_back());
                Place::Timed(deadline.map_or(due, |deadline| deadline.min(due)))
            }
            _ if self.leaving => Place::Ready,
            _ => Place::Owned,
        }
    }

    fn in_api_phase(&self) -> bool {
        self.role == Host::Api && self.state.cause.is_none()
    }

    /// Whether a deadline still has something to stop.
    pub(super) fn may_turn_back(&self) -> bool {
        self.state.cause.is_none() && !self.state.pivot_done(&self.definition)
    }
}
