//! What to start once the records are written.

use smallvec::SmallVec;

use super::{Command, Host, Machine, Phase, Timestamp, Way};

impl Machine {
    /// What to start now. Pure but for the marks that it is in flight.
    pub fn commands(&mut self, now: Timestamp) -> SmallVec<[Command; 2]> {
        let mut commands = SmallVec::new();
        if self.is_idle() {
            return commands;
        }
        let mut due: Option<Timestamp> = None;
        for step in 0..self.definition.steps.len() {
            let open = self.state.steps[step].is_open();
            if open && !self.leaving && self.runs_here(step) && !self.stops(step) {
                self.start_attempt(step, now, &mut commands, &mut due);
            }
        }
        if self.stop_cause().is_some() {
            // Beside an open pivot only what it needs can run, and the pivot is not stopped (K3).
            if self.in_flight() && !self.pivot_is_open() {
                commands.push(Command::Stop);
            }
        } else if self.may_turn_back() {
            due = [due, self.state.deadline].into_iter().flatten().min();
        }
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
        let way = if state.phase == Phase::Undoing { Way::Undo } else { Way::Do };
        let wait = [state.retry_at, self.local[step].retry_at].into_iter().flatten().max();
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
                    && self.local[input].ephemeral.is_none()
                {
                    complete = false;
                    self.start_attempt(input, now, commands, due);
                }
            }
            if !complete {
                return;
            }
        }
        let (_, attempt) = self.attempt(step);
        let attempt = attempt + self.local[step].failed;
        self.local[step].in_flight = true;
        commands.push(Command::Run { step, way, attempt });
    }
}
