//! What to start once the records are written.

use smallvec::SmallVec;

use super::{Command, Host, Machine, Phase, Timestamp, Way};

impl Machine {
    /// What to start now. Pure but for the marks that it is in flight. `now` may be later than that of
    /// the decision: it took a while to write that.
    pub fn commands(&mut self, now: Timestamp) -> SmallVec<[Command; 2]> {
        let mut commands = SmallVec::new();
        if self.is_idle() {
            return commands;
        }
        let stops = self.stop_cause().is_some();
        // Before anything starts that it does not mean: a probe, whose answer is needed to go back.
        // Beside an open pivot only what it needs can run, and the pivot is not stopped (K3).
        if stops && self.in_flight() && !self.pivot_is_open() && !self.asks() {
            commands.push(Command::Stop);
        }
        let mut due: Option<Timestamp> = None;
        let deadline = self.deadline().filter(|_| !stops);
        // It is to be told of first, by the event that this asks for.
        let is_over = deadline.is_some_and(|deadline| deadline <= now);
        for step in 0..self.definition.steps.len() {
            if self.state.steps[step].is_open()
                && !self.leaving
                && !is_over
                && self.runs_here(step)
                && (!self.stops(step) || self.is_in_doubt(step))
            {
                self.start_attempt(step, now, &mut commands, &mut due);
            }
        }
        let other = if stops { self.way_back_at() } else { deadline };
        due = [due, other].into_iter().flatten().min();
        commands.extend(due.map(Command::Wait));
        commands
    }

    /// What to do while there is no slot to run anything in: the same, without what would start,
    /// and whether something would.
    pub fn commands_without_slot(&mut self, now: Timestamp) -> (SmallVec<[Command; 2]>, bool) {
        let mut commands = self.clone().commands(now);
        let before = commands.len();
        commands.retain(|command| !matches!(command, Command::Run { .. }));
        let wants_slot = commands.len() < before;
        (commands, wants_slot)
    }

    /// An API host runs its own steps, and every undo until the saga leaves it.
    pub(super) fn runs_here(&self, step: usize) -> bool {
        self.role == Host::Worker
            || self.definition.steps[step].host == Host::Api
            || self.state.cause.is_some()
    }

    fn start_attempt(
        &mut self,
        step: usize,
        now: Timestamp,
        commands: &mut SmallVec<[Command; 2]>,
        due: &mut Option<Timestamp>,
    ) {
        if self.local[step].in_flight {
            return;
        }
        let state = &self.state.steps[step];
        let way = match state.phase {
            Phase::Undoing => Way::Undo,
            _ if self.is_in_doubt(step) => Way::Probe,
            _ => Way::Do,
        };
        let wait = match (way, &state.trouble().question) {
            (Way::Probe, question) => question.as_ref().and_then(|question| question.ask_at),
            _ => [state.retry_at(), self.local[step].retry_at].into_iter().flatten().max(),
        };
        if let Some(retry_at) = wait.filter(|at| *at > now) {
            *due = Some(due.map_or(retry_at, |due| due.min(retry_at)));
            return;
        }
        if way == Way::Do {
            // A new owner runs the ephemeral steps again whose values the step reads (B11).
            let mut complete = true;
            for nth in 0..self.definition.steps[step].inputs.len() {
                let input = self.definition.steps[step].inputs[nth];
                if self.definition.steps[input].ephemeral
                    && self.state.steps[input].phase == Phase::Done
                    && self.ephemeral(input).is_none()
                {
                    complete = false;
                    self.start_attempt(input, now, commands, due);
                }
            }
            if !complete {
                return;
            }
        }
        let attempt = self.attempt(step, way);
        let local = &mut self.local[step];
        (local.in_flight, local.fresh) = (true, false);
        commands.push(Command::Run { step, way, attempt });
    }
}
