//! What the end of an attempt means: an outcome, another try, or nobody knows.

use std::time::Duration;

use super::{
    AttemptEnd, Cause, Decision, Doubt, End, Machine, OnExhausted, ParkReason, Phase, Record,
    Timestamp, UNDO_BUDGET, UNDO_RETRY, Way, retry_delay, step::counts,
};

/// What a step, or an undo, is told that answers like a probe.
const NO_PROBE: &str = "only a probe may answer that";

impl Machine {
    pub(super) fn ended(
        &mut self,
        step: usize,
        way: Way,
        end: AttemptEnd,
        now: Timestamp,
        to: &mut Decision,
    ) {
        let local = &mut self.local[step];
        local.in_flight = false;
        if std::mem::take(&mut local.stale) {
            return;
        }
        let phase = self.state.steps[step].phase;
        if way != Way::Undo && phase != Phase::Intended {
            if self.definition.steps[step].ephemeral && phase == Phase::Done {
                self.rerun_ended(step, end, now, to);
            }
            // Else a late success came first, and the outcome stands (J5).
            return;
        }
        if way == Way::Probe {
            return self.answered(step, end, to);
        }
        let end = match end {
            AttemptEnd::Done(value) if way == Way::Do && self.definition.steps[step].ephemeral => {
                self.keep_ephemeral(step, value);
                End::Ephemeral
            }
            AttemptEnd::Done(value) => End::Done(value),
            AttemptEnd::Refused(refused) => End::Refused(Box::new(refused)),
            AttemptEnd::Partial(refused, value) => End::Partial(Box::new(refused), value),
            AttemptEnd::Retry { error, after } => {
                return self.failed(step, way, Doubt::Failed(error), after, to);
            }
            AttemptEnd::Unknown(why) => return self.failed(step, way, why, None, to),
            AttemptEnd::DidNot | AttemptEnd::CannotTell => {
                return self.failed(step, way, Doubt::Failed(NO_PROBE.to_owned()), None, to);
            }
            // No code that could read it is waited for: it is to be undone all the same.
            AttemptEnd::Undecodable(error)
                if way == Way::Do && !self.is_pivot(step) && self.is_to_go_back() =>
            {
                return self.failed(step, way, Doubt::Undecodable(error), None, to);
            }
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                return self.push(to, Record::Parked(Box::new(reason)));
            }
        };
        self.push_end(step, way, end, to);
    }

    pub(super) fn push_end(&mut self, step: usize, way: Way, end: End, to: &mut Decision) {
        self.note_loss_before(step, way, &end, to);
        self.push_end_of(self.attempt(step, way), step, way, end, to);
    }

    pub(super) fn push_end_of(
        &mut self,
        attempt: u32,
        step: usize,
        way: Way,
        end: End,
        to: &mut Decision,
    ) {
        let at = &self.state.steps[step];
        let generation = match way {
            Way::Undo => at.undo_generation,
            Way::Do | Way::Probe => at.generation,
        };
        self.push(to, Record::Ended { step, generation, attempt, way, end });
    }

    /// A failed attempt: tried again while the budget lasts and the saga still wants it.
    fn failed(
        &mut self,
        step: usize,
        way: Way,
        why: Doubt,
        after: Option<Duration>,
        to: &mut Decision,
    ) {
        let (definition, at) = (&self.definition.steps[step], &self.state.steps[step]);
        let policy = match way {
            Way::Undo => &UNDO_RETRY,
            _ => &definition.retry,
        };
        let retry = at.trouble().counted + u32::from(counts(&why));
        let wait = match counts(&why) {
            true => retry_delay(policy, self.id, step, retry, after),
            false => Duration::ZERO,
        };
        let again = End::Failed { why: why.clone(), retry_at: self.now.plus(wait) };
        if way == Way::Undo {
            let spent = at.trouble().since.is_some_and(|since| since.plus(UNDO_BUDGET) <= self.now);
            let end = if retry > policy.max || spent { End::Unknown(why) } else { again };
            return self.push_end(step, way, end, to);
        }
        // The probe speaks before anything is given up or run again (E3).
        let is_last = retry > policy.max || definition.at_most_once;
        match definition.probe {
            false if self.stops(step) => self.push_end(step, way, End::Unknown(why), to),
            false if is_last => self.exhausted(step, why, to),
            _ => self.push_end(step, way, again, to),
        }
    }

    /// It may have happened, and is not tried again by itself (E4).
    pub(super) fn exhausted(&mut self, step: usize, why: Doubt, to: &mut Decision) {
        if !self.parks(step) {
            return self.push_end(step, Way::Do, End::Unknown(why), to);
        }
        let retry_at = self.now;
        self.push_end(step, Way::Do, End::Failed { why: why.clone(), retry_at }, to);
        self.park_exhausted(step, why, to);
    }

    /// Whether the saga waits for somebody when this step is not tried any more (E4). A saga that is
    /// to go back anyway does not, and a pivot of which nobody knows parks it by itself (P2).
    pub(super) fn parks(&self, step: usize) -> bool {
        self.definition.steps[step].on_exhausted == OnExhausted::Park
            && !self.is_pivot(step)
            && !self.is_to_go_back()
    }

    pub(super) fn park_exhausted(&mut self, step: usize, why: Doubt, to: &mut Decision) {
        self.push(to, Record::Parked(Box::new(ParkReason::Exhausted { step, why })));
    }

    /// An ephemeral step was run again for its value; the journal has its outcome already (B11).
    fn rerun_ended(&mut self, step: usize, end: AttemptEnd, now: Timestamp, to: &mut Decision) {
        let (why, after) = match end {
            AttemptEnd::Done(value) => {
                self.keep_ephemeral(step, value);
                return;
            }
            // It was told to stop, for a reason that counts elsewhere.
            AttemptEnd::Unknown(Doubt::Interrupted) => return,
            AttemptEnd::Undecodable(_) if self.stops(step) && !self.pivot_is_open() => return,
            AttemptEnd::Retry { error, after } => (Doubt::Failed(error), after),
            AttemptEnd::Unknown(why) => (why, None),
            AttemptEnd::Refused(refused) => {
                let why = Doubt::Failed(refused.message.clone());
                return self.rerun_failed(why, Cause::Refused { step, refused }, to);
            }
            AttemptEnd::Partial(refused, _) => {
                let why = Doubt::Failed(refused.message.clone());
                return self.rerun_failed(why, Cause::Refused { step, refused }, to);
            }
            AttemptEnd::DidNot | AttemptEnd::CannotTell => {
                (Doubt::Failed(NO_PROBE.to_owned()), None)
            }
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                return self.push(to, Record::Parked(Box::new(reason)));
            }
        };
        let policy = &self.definition.steps[step].retry;
        let local = &mut self.local[step];
        local.failed += 1;
        local.retry_at = Some(now.plus(retry_delay(policy, self.id, step, local.failed, after)));
        if local.failed > policy.max {
            self.rerun_failed(why.clone(), Cause::Failed { step, why }, to);
        }
    }

    /// Before the pivot the saga goes back; from the pivot on, what waits for the value cannot be
    /// tried any more (P2, P3).
    fn rerun_failed(&mut self, why: Doubt, cause: Cause, to: &mut Decision) {
        if self.may_turn_back() && !self.pivot_is_open() {
            return self.stop(cause);
        }
        for step in 0..self.definition.steps.len() {
            if self.state.steps[step].phase == Phase::Intended && !self.local[step].in_flight {
                self.push_end(step, Way::Do, End::Unknown(why.clone()), to);
            }
        }
    }

    /// Number of the attempt that runs, or comes next. Probes count for themselves.
    pub(super) fn attempt(&self, step: usize, way: Way) -> u32 {
        let (at, local) = (&self.state.steps[step], &self.local[step]);
        match way {
            Way::Probe => at.trouble().question.as_deref().map_or(0, |asked| asked.failed) + 1,
            Way::Do | Way::Undo => at.failed() + local.crashes + local.failed + 1,
        }
    }
}
