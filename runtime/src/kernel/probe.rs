//! What a probe says (E3): an attempt happened, none did, or it cannot tell.

use std::time::Duration;

use super::{
    AttemptEnd, Decision, Doubt, End, Machine, PROBE_RETRY, ParkReason, Phase, Record, Way,
    retry_delay, step::counts,
};

impl Machine {
    /// Whether an attempt may have happened, and a probe is to say so before anything else.
    pub(super) fn is_in_doubt(&self, step: usize) -> bool {
        let at = &self.state.steps[step];
        self.definition.steps[step].probe
            && at.phase == Phase::Intended
            && (at.trouble().question.is_some() || self.local[step].lost)
    }

    /// Whether a probe is on its way.
    pub(super) fn asks(&self) -> bool {
        (0..self.local.len()).any(|step| self.is_in_doubt(step) && self.local[step].in_flight)
    }

    pub(super) fn answered(&mut self, step: usize, end: AttemptEnd, to: &mut Decision) {
        match end {
            AttemptEnd::Done(value) => self.push_end(step, Way::Probe, End::Done(value), to),
            AttemptEnd::DidNot => self.did_not(step, to),
            AttemptEnd::CannotTell | AttemptEnd::Refused(_) | AttemptEnd::Partial(..) => {
                self.cannot_tell(step, to);
            }
            // The saga goes back without its word.
            AttemptEnd::Undecodable(_) if self.is_to_go_back() => self.cannot_tell(step, to),
            AttemptEnd::Retry { error, after } => {
                self.probe_failed(step, Doubt::Failed(error), after, to);
            }
            AttemptEnd::Unknown(why) => self.probe_failed(step, why, None, to),
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                self.push(to, Record::Parked(Box::new(reason)));
            }
        }
    }

    fn probe_failed(
        &mut self,
        step: usize,
        why: Doubt,
        after: Option<Duration>,
        to: &mut Decision,
    ) {
        let asked = self.state.steps[step].trouble().question.as_deref();
        let retry = asked.map_or(0, |asked| asked.counted) + u32::from(counts(&why));
        let wait = match counts(&why) {
            true => retry_delay(&PROBE_RETRY, self.id, step, retry, after),
            false => Duration::ZERO,
        };
        if retry > PROBE_RETRY.max {
            return self.cannot_tell(step, to);
        }
        let end = End::Failed { why, retry_at: self.now.plus(wait) };
        self.push_end(step, Way::Probe, end, to);
    }

    /// No attempt had an effect: the step may be tried again, unless that is over.
    fn did_not(&mut self, step: usize, to: &mut Decision) {
        let retry_at = match self.next_run(step) {
            Next::At(due) => Some(due),
            Next::Never => None,
            Next::Park => {
                let why = self.asked_for(step);
                let end = End::DidNot { retry_at: Some(self.now) };
                self.push_end(step, Way::Probe, end, to);
                return self.park_exhausted(step, why, to);
            }
        };
        self.push_end(step, Way::Probe, End::DidNot { retry_at }, to);
    }

    /// The same key tells the other side that it is the same; else nobody ever knows.
    fn cannot_tell(&mut self, step: usize, to: &mut Decision) {
        let why = self.asked_for(step);
        match self.next_run(step) {
            Next::At(retry_at) => {
                self.push_end(step, Way::Probe, End::CannotTell { retry_at }, to);
            }
            Next::Never => self.push_end(step, Way::Probe, End::Unknown(why), to),
            Next::Park => {
                let end = End::CannotTell { retry_at: self.now };
                self.push_end(step, Way::Probe, end, to);
                self.park_exhausted(step, why, to);
            }
        }
    }

    fn next_run(&self, step: usize) -> Next {
        let (definition, at) = (&self.definition.steps[step], &self.state.steps[step]);
        // The pivot, too: it is not run for a saga that is to go back (K3).
        if self.stop_cause().is_some() {
            return Next::Never;
        }
        match definition.at_most_once || at.trouble().counted > definition.retry.max {
            false => Next::At(at.retry_at().map_or(self.now, |due| due.max(self.now))),
            true if self.parks(step) => Next::Park,
            true => Next::Never,
        }
    }

    /// Why the probe was asked.
    fn asked_for(&self, step: usize) -> Doubt {
        let asked = self.state.steps[step].trouble().question.as_deref();
        asked.map_or(Doubt::HostLost, |asked| asked.why.clone())
    }
}

/// When the step may be run again after its probe spoke.
enum Next {
    At(super::Timestamp),
    /// Its budget is spent, or the saga goes back.
    Never,
    /// Its budget is spent, and somebody decides (E4).
    Park,
}
