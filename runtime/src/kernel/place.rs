//! Where a saga goes with what is decided: it stays, waits for a time, for an operator, for another
//! host, or is over (J7).

use super::{Decision, Host, Machine, Place, Timestamp, machine::SHORT_WAIT};

impl Machine {
    /// Where the saga goes with this group; every way out of the owner's hands is guarded (A1).
    pub(super) fn settle_place(&self, now: Timestamp, to: &mut Decision) {
        to.place = self.place(now);
        to.guarded |= to.place != Place::Owned;
    }

    fn place(&self, now: Timestamp) -> Place {
        match self.state.finished.as_deref().map(|finished| finished.late_until) {
            Some(None) => return Place::Ended,
            Some(Some(until)) if !self.resumed => return Place::Timed(until),
            _ if self.in_flight() || self.resumed => return Place::Owned,
            _ => {}
        }
        if self.is_idle() {
            return Place::Parked;
        }
        if self.open().any(|step| !self.runs_here(step)) {
            return Place::Ready;
        }
        // An API phase is never resumed elsewhere, so it does not leave its host to wait (A6).
        let long = |due| due > now.plus(SHORT_WAIT) && !self.in_api_phase();
        match self.next_move(now) {
            Some(due) if self.leaving || long(due) => {
                let deadline = self.deadline().filter(|at| *at > now);
                Place::Timed(deadline.map_or(due, |deadline| deadline.min(due)))
            }
            _ if self.leaving => Place::Ready,
            _ => Place::Owned,
        }
    }

    /// When there is something to do, if that is later than now: an attempt, a question to a probe,
    /// or the way back, when the last attempt that cannot be stopped is over.
    fn next_move(&self, now: Timestamp) -> Option<Timestamp> {
        let wanted = |step: &usize| !self.stops(*step) || self.is_in_doubt(*step);
        let tries = self.open().filter(wanted).map(|step| self.next_try(step));
        let moves =
            tries.chain(self.way_back_at().map(Some)).map(|due| due.filter(|due| *due > now));
        // `None` sorts first: something could start at once.
        moves.min().flatten()
    }

    /// When the next attempt of an open step is due, or the next question to its probe.
    fn next_try(&self, step: usize) -> Option<Timestamp> {
        let at = &self.state.steps[step];
        match at.trouble().question.as_deref() {
            _ if !self.is_in_doubt(step) => at.retry_at(),
            question => question?.ask_at,
        }
    }

    fn open(&self) -> impl Iterator<Item = usize> {
        let open = |step: &usize| self.state.steps[*step].is_open();
        (0..self.state.steps.len()).filter(open)
    }

    pub(super) fn in_api_phase(&self) -> bool {
        self.role == Host::Api && self.state.cause.is_none()
    }
}
