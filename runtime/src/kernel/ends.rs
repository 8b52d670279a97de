//! What the end of an attempt means: an outcome, another try, or nobody knows.

use std::time::Duration;

use super::{
    AttemptEnd, Cause, Decision, Doubt, End, Machine, ParkReason, Phase, Record, Retry, Timestamp,
    UNDO_RETRY, Way, retry_delay,
};

impl Machine {
    pub(super) fn ended(
        &mut self,
        step: usize,
        way: Way,
        end: AttemptEnd,
        now: Timestamp,
        to: &mut Decision,
    ) {
        self.local[step].in_flight = false;
        if way == Way::Do && self.state.steps[step].phase == Phase::Done {
            if self.definition.steps[step].ephemeral {
                self.rerun_ended(step, end, now, to);
            }
            // Else a late success came first, and the outcome stands (J5).
            return;
        }
        let end = match end {
            AttemptEnd::Done(value) if way == Way::Do && self.definition.steps[step].ephemeral => {
                self.local[step].ephemeral = Some(value);
                End::Ephemeral
            }
            AttemptEnd::Done(value) => End::Done(value),
            AttemptEnd::Refused(refused) => End::Refused(Box::new(refused)),
            AttemptEnd::Retry { error, after } => {
                self.failed(step, way, Doubt::Failed(error), after, now)
            }
            AttemptEnd::Unknown(why) => self.failed(step, way, why, None, now),
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                return self.push(to, Record::Parked(Box::new(reason)));
            }
        };
        self.push_end(step, way, end, to);
    }

    pub(super) fn push_end(&mut self, step: usize, way: Way, end: End, to: &mut Decision) {
        let (generation, attempt) = self.attempt(step);
        self.push(to, Record::Ended { step, generation, attempt, way, end });
    }

    /// A failed attempt: tried again while the budget lasts and the saga still wants it.
    fn failed(
        &self,
        step: usize,
        way: Way,
        why: Doubt,
        after: Option<Duration>,
        now: Timestamp,
    ) -> End {
        let policy = self.policy(step, way);
        let interrupted = why == Doubt::Interrupted;
        let retry = self.state.steps[step].counted + u32::from(!interrupted);
        let unwanted = way == Way::Do && self.stops(step);
        if unwanted || retry > policy.max {
            return End::Unknown(why);
        }
        let wait = match interrupted {
            true => Duration::ZERO,
            false => retry_delay(policy, self.id, step, retry, after),
        };
        End::Failed { why, retry_at: now.plus(wait) }
    }

    /// An ephemeral step was run again for its value; the journal has its outcome already (B11).
    fn rerun_ended(&mut self, step: usize, end: AttemptEnd, now: Timestamp, to: &mut Decision) {
        let (why, after) = match end {
            AttemptEnd::Done(value) => {
                self.local[step].ephemeral = Some(value);
                return;
            }
            // It was told to stop, for a reason that counts elsewhere.
            AttemptEnd::Unknown(Doubt::Interrupted) => return,
            AttemptEnd::Retry { error, after } => (Doubt::Failed(error), after),
            AttemptEnd::Unknown(why) => (why, None),
            AttemptEnd::Refused(refused) => {
                let why = Doubt::Failed(refused.message.clone());
                return self.rerun_failed(why, Cause::Refused { step, refused }, to);
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
        if self.may_turn_back() && (!self.pivot_is_open() || self.never_began()) {
            return self.stop(cause);
        }
        for step in 0..self.definition.steps.len() {
            if self.state.steps[step].phase == Phase::Intended && !self.local[step].in_flight {
                self.push_end(step, Way::Do, End::Unknown(why.clone()), to);
            }
        }
    }

    fn policy(&self, step: usize, way: Way) -> &Retry {
        match way {
            Way::Do => &self.definition.steps[step].retry,
            Way::Undo => &UNDO_RETRY,
        }
    }

    /// Generation and number of the attempt that runs, or comes next.
    pub(super) fn attempt(&self, step: usize) -> (u32, u32) {
        let state = &self.state.steps[step];
        let attempt = state.failed + self.local[step].crashes + 1;
        (state.generation, attempt)
    }
}
