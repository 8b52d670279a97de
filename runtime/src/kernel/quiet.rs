//! Quiescence: which attempts may still run somewhere, and when they are over for certain (C3).
//!
//! An attempt that was lost with its host is in no record at first: a take-over costs no commit.
//! The host that takes over knows of it from the journal, which counts the dead owners since the
//! last record. So whatever is written first must tell of the loss, too, unless an answer came
//! under the same key meanwhile.

use super::{
    Decision, Doubt, End, Kind, Machine, Phase, Record, Stamped, Step, Timestamp, Way,
    machine::Local,
};

impl Machine {
    /// So many owners died, the last one at this time: what may have begun under them may have
    /// happened (E1).
    pub(super) fn look_for_losses(
        &mut self,
        crashes: u32,
        crashed_at: Timestamp,
        to: &mut Decision,
    ) {
        self.lost_at = crashed_at;
        for step in 0..self.local.len() {
            let (definition, at) = (&self.definition.steps[step], &self.state.steps[step]);
            let local = &mut self.local[step];
            if local.waited || at.retry_at().is_some_and(|due| due > crashed_at) {
                continue;
            }
            // Else a letter answered for it.
            let open = at.phase == Phase::Intended && self.state.finished.is_none();
            let lost = local.open_before && open;
            let busy_until = definition.may_run_until(crashed_at).max(local.busy_until);
            if lost && definition.at_most_once && !definition.probe {
                // It began once: that attempt ends now.
                self.exhausted(step, Doubt::HostLost, to);
                self.local[step].busy_until = busy_until;
                continue;
            }
            local.crashes = crashes;
            if lost {
                local.lost = true;
                local.busy_until = busy_until;
            }
        }
    }

    /// What is written tells of the lost attempts, too, before the journal forgets who died.
    pub(super) fn note_losses(&mut self, to: &mut Decision) {
        for step in 0..self.local.len() {
            let local = &self.local[step];
            let open = self.state.steps[step].phase == Phase::Intended;
            // What runs here ends with a record of its own.
            if local.lost && open && !local.in_flight && self.state.finished.is_none() {
                self.note_loss(step, to);
            }
        }
    }

    /// Before the end of another attempt that does not answer for the one that was lost.
    pub(super) fn note_loss_before(&mut self, step: usize, way: Way, end: &End, to: &mut Decision) {
        if way != Way::Undo && self.local[step].lost && !is_answer(way, end) {
            self.note_loss(step, to);
        }
    }

    fn note_loss(&mut self, step: usize, to: &mut Decision) {
        let end = End::Failed { why: Doubt::HostLost, retry_at: self.lost_at };
        // The one before that which runs here, or comes next.
        let attempt = (self.attempt(step, Way::Do) - 1).max(1);
        self.push_end_of(attempt, step, Way::Do, end, to);
    }

    /// When the last attempt that may still run somewhere is over for certain; `None` when there is
    /// none.
    pub(super) fn quiet_at(&self) -> Option<Timestamp> {
        let steps = self.state.steps.iter().zip(&self.local);
        let open = |at: Phase| matches!(at, Phase::Intended | Phase::Unknown);
        let busy = steps.filter(|(at, _)| open(at.phase)).filter_map(|(_, local)| local.busy_until);
        busy.filter(|until| *until > self.now).max()
    }

    /// When the saga can begin to go back, if it waits for nothing else.
    pub(super) fn way_back_at(&self) -> Option<Timestamp> {
        let free = self.stop_cause().is_some() && !self.in_flight() && !self.pivot_is_open();
        if free { self.quiet_at() } else { None }
    }

    /// What the records tell a new owner of attempts that may still run.
    pub(super) fn remember(&mut self, records: &[Stamped]) {
        for stamped in records {
            if let Record::Ended { step, way, end, .. } = &stamped.record {
                self.local[*step].learn(&self.definition.steps[*step], *way, end, stamped.at);
            }
        }
        for (at, local) in self.state.steps.iter().zip(&mut self.local) {
            // For the word of an operator, or for what its probe says.
            local.waited = at.trouble().halted.is_some() || at.trouble().question.is_some();
            local.open_before = at.phase == Phase::Intended;
        }
    }
}

impl Local {
    /// What the end of an attempt says of those that may still run.
    pub(super) fn learn(&mut self, definition: &Step, way: Way, end: &End, at: Timestamp) {
        if way != Way::Probe {
            // The record counts them.
            self.crashes = 0;
        }
        match doubt(way, end) {
            // The machine knows more exactly when that was.
            Some(Doubt::HostLost) if self.lost => {}
            Some(Doubt::HostLost | Doubt::StillRuns) => {
                // What was lost is due since then.
                let since = match end {
                    End::Failed { retry_at, .. } => at.min(*retry_at),
                    _ => at,
                };
                self.busy_until = definition.may_run_until(since);
            }
            _ if is_answer(way, end) => self.busy_until = None,
            _ => return,
        }
        self.lost = false;
    }
}

/// Whether this answers under the key of the step for all its attempts. What was ended from outside
/// says nothing, and a probe that cannot tell no more.
fn is_answer(way: Way, end: &End) -> bool {
    match (way, end) {
        (Way::Undo, _) => false,
        (Way::Do, _) => doubt(way, end).is_none_or(|why| matches!(why, Doubt::Failed(_))),
        (Way::Probe, end) => {
            !matches!(end, End::Failed { .. } | End::CannotTell { .. } | End::Unknown(_))
        }
    }
}

/// Why nobody knows what an attempt of the step did.
pub(super) fn doubt(way: Way, end: &End) -> Option<&Doubt> {
    match end {
        End::Failed { why, .. } | End::Unknown(why) if way == Way::Do => Some(why),
        _ => None,
    }
}

impl Step {
    /// Until when an attempt may run that nobody can stop, although its time counts from here;
    /// `None` for what changes nothing: that may go on beside an undo.
    fn may_run_until(&self, from: Timestamp) -> Option<Timestamp> {
        (self.kind != Kind::ReadOnly).then(|| from.plus(self.timeout))
    }
}
