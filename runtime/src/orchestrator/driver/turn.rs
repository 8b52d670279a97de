//! One saga of its task at a time runs, and it may be the turn of this one (O6).

use smallvec::SmallVec;

use super::{Driver, Flow, context};
use crate::{kernel::Event, orchestrator::singleton::Tenure};

impl Driver {
    /// It has the lock of its task.
    pub(in crate::orchestrator) fn with_turn(
        mut self: Box<Self>,
        turn: Option<Tenure>,
    ) -> Box<Self> {
        self.turn = turn;
        self
    }

    /// Whether it is not the turn of another saga.
    pub(super) fn has_turn(&self) -> bool {
        self.host.singleton.is_none() || self.turn.as_ref().is_some_and(Tenure::is_held)
    }

    /// Another saga may run from now on: what is under way is dropped where it waits, as when a host
    /// dies, and begins anew when it is the turn of this one again (O6).
    pub(super) async fn lose_turn(&mut self) -> Flow {
        tracing::warn!(parent: &self.span, "the lock of its task is lost");
        self.turn = None;
        self.context.stop.stop();
        let mut events: SmallVec<[Event; 1]> = SmallVec::new();
        for mut attempt in std::mem::take(&mut self.attempts) {
            let (step, way) = (attempt.step, attempt.way);
            // What has ended by now counts: to write it down starts nothing (J5).
            let end = attempt.last_look().unwrap_or_else(|| {
                let end = attempt.given_up();
                self.outlived(&mut attempt);
                end
            });
            events.push(Event::Ended { step, way, end });
        }
        // What begins anew is not told to stop.
        self.waits = None;
        self.context = context(&self.host, &self.machine);
        for event in events {
            if self.settle(event).await == Flow::Gone {
                return Flow::Gone;
            }
        }
        Flow::Go
    }

    /// After a commit: the turn of a saga that is over is, too.
    pub(super) fn free_turn(&mut self) {
        if self.turn.is_some()
            && self.is_over()
            && let Some(turn) = self.turn.take()
        {
            self.host.end_turn(self.context.id, turn);
        }
    }

    fn is_over(&self) -> bool {
        self.machine.state().status(self.machine.definition()).is_terminal()
    }
}
