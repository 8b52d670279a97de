//! The saga leaves this host: what becomes of what was under way.

use smallvec::SmallVec;

use super::{Driver, Flow, Lost};
use crate::{
    kernel::{AttemptEnd, Event, Way},
    orchestrator::{attempt::Attempt, late::Late},
};

impl Driver {
    /// The saga belongs to somebody else: what is known goes to its inbox (J5).
    pub(super) fn lost(&self, why: &Lost, events: SmallVec<[Event; 2]>) -> Flow {
        tracing::error!(saga = %self.context.id, %why, "the saga is lost");
        for event in events {
            if let Event::Ended { step, way, end } = event {
                self.tell_late((step, way), self.ended, end);
            }
        }
        Flow::Gone
    }

    /// What was under way when the saga left this host: what has ended is told, a thread goes on,
    /// the rest is dropped.
    pub(super) fn let_go(&mut self) {
        if self.attempts.is_empty() {
            return;
        }
        self.context.stop.stop();
        for mut attempt in std::mem::take(&mut self.attempts) {
            let (of, which) = ((attempt.step, attempt.way), (attempt.generation, attempt.number));
            match attempt.last_look() {
                Some(end) => self.tell_late(of, which, end),
                None => self.outlived(&mut attempt),
            }
        }
    }

    fn tell_late(&self, of: (usize, Way), which: (u32, u32), end: AttemptEnd) {
        if let Some(late) = Late::of(&self.machine, of, which) {
            self.host.tell_late(late, end);
        }
    }

    /// An attempt that was given up: its thread, if it has one, goes on.
    pub(super) fn outlived(&self, attempt: &mut Attempt) {
        let (of, which) = ((attempt.step, attempt.way), (attempt.generation, attempt.number));
        if let Some(late) = Late::of(&self.machine, of, which)
            && let Some(work) = attempt.take_thread()
        {
            self.host.outlived(late, work, attempt.span.clone());
        }
    }
}
