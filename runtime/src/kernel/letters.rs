//! What a letter changes in the state, when it changes anything (J1).

use super::{Cause, Definition, Doubt, Kind, Letter, ParkReason, Phase, State, StepState, Value};

impl State {
    pub(super) fn apply_letter(&mut self, definition: &Definition, seq: u64, letter: &Letter) {
        match letter {
            Letter::Cancel { reason } => self.cancelled(definition, reason),
            // What they cause stands in the records behind them.
            Letter::Kill { .. } | Letter::Late { .. } => {}
            Letter::Unpark { .. } => self.unparked(definition),
            Letter::MarkDone { step, output: None, .. } => {
                self.settle_undo(*step, |at| at.close(Phase::Undone));
            }
            Letter::MarkDone { step, output: Some(output), .. } => {
                self.marked_done(definition, seq, *step, output);
            }
            Letter::MarkNotDone { step, .. } => self.marked_not_done(definition, *step),
            Letter::Waive { step, reason, by } => {
                self.settle_undo(*step, |at| at.waive(by, reason));
            }
        }
    }

    /// What waits for somebody goes back, but for a pivot of which nobody knows (P2).
    fn cancelled(&mut self, definition: &Definition, reason: &str) {
        if self.cause.is_some() || self.pivot_done(definition) {
            return;
        }
        if !matches!(self.parked.as_deref(), Some(ParkReason::PivotUnknown { .. })) {
            self.parked = None;
            for step in 0..self.steps.len() {
                if let Some(ParkReason::Exhausted { why, .. }) =
                    self.steps[step].trouble_mut().halted.take().as_deref()
                {
                    // Now that was its last failure.
                    self.failures.push((step, why.clone()));
                }
            }
        }
        let cause = Cause::Cancelled { reason: reason.to_owned() };
        self.cancel.get_or_insert_with(|| Box::new(cause.clone()));
        self.stop(definition, cause);
    }

    /// What parked or got stuck is tried again: an undo that failed, a pivot of which nobody knows,
    /// and what stands behind the pivot. What is open has its whole budget again, and is otherwise
    /// where it was (E3).
    fn unparked(&mut self, definition: &Definition) {
        let was_parked = self.parked.take().is_some();
        let only_forward = self.pivot_done(definition);
        for index in 0..self.steps.len() {
            let is_pivot = definition.steps[index].kind == Kind::Pivot;
            let why = self.last_failure(index);
            let step = &mut self.steps[index];
            let halted = step.trouble_mut().halted.take();
            if was_parked {
                step.has_a_fresh_budget();
            }
            match step.phase {
                Phase::UndoFailed => step.try_again(Phase::Undoing),
                Phase::Unknown if only_forward || is_pivot => {
                    step.try_again(Phase::Intended);
                    if definition.steps[index].probe {
                        step.ask(&why);
                    }
                    if matches!(self.stop.as_deref(), Some(Cause::Failed { step, .. }) if *step == index)
                    {
                        self.stop = self.cancel.clone();
                    }
                }
                Phase::Withdrawn if only_forward => step.try_again(Phase::Intended),
                Phase::Intended
                    if matches!(halted.as_deref(), Some(ParkReason::Exhausted { .. })) =>
                {
                    step.trouble_mut().retry_at = None;
                }
                Phase::Refused | Phase::Partial if only_forward => step.begin_anew(),
                _ => {}
            }
        }
    }

    fn marked_done(&mut self, definition: &Definition, seq: u64, step: usize, output: &Value) {
        if !self.waits_for_word_of(definition, step) {
            return;
        }
        self.steps[step].done(seq, output);
        self.resolved(definition, step);
    }

    fn marked_not_done(&mut self, definition: &Definition, step: usize) {
        if self.pivot_done(definition) || !self.waits_for_word_of(definition, step) {
            return;
        }
        if let Some(ParkReason::Exhausted { why, .. }) =
            self.steps[step].trouble().halted.as_deref()
        {
            self.failures.push((step, why.clone()));
        }
        let why = self.last_failure(step);
        self.steps[step].close(Phase::Withdrawn);
        self.resolved(definition, step);
        self.stop(definition, Cause::Failed { step, why });
        self.give_up_what_waits(definition);
    }

    /// Whether an operator's word on what became of a step is waited for: a pivot of which nobody
    /// knows (P2), a step behind it that cannot succeed (P3), one that used up its retries and
    /// parked (E4).
    fn waits_for_word_of(&self, definition: &Definition, step: usize) -> bool {
        let Some(at) = self.steps.get(step) else { return false };
        let definition_of = &definition.steps[step];
        if definition_of.ephemeral || self.cause.is_some() {
            return false;
        }
        match at.phase {
            Phase::Unknown if definition_of.kind == Kind::Pivot => true,
            Phase::Intended => {
                matches!(at.trouble().halted.as_deref(), Some(ParkReason::Exhausted { .. }))
            }
            _ => at.has_failed() && self.pivot_done(definition),
        }
    }

    /// It is known what became of a step: what asked for it asks no more.
    pub(super) fn resolved(&mut self, definition: &Definition, step: usize) {
        if self.pivot_done(definition) {
            // What was asked before the pivot is too late now (P3).
            (self.stop, self.cancel) = (None, None);
        }
        let lifted = match self.parked.as_deref() {
            Some(ParkReason::PivotUnknown { .. }) => definition.pivot() == Some(step),
            Some(
                ParkReason::Exhausted { step: of, .. }
                | ParkReason::Undecodable { step: Some(of), .. },
            ) => *of == step,
            _ => false,
        };
        if lifted {
            // Another member of its group may wait for a word, too.
            self.parked = self.halted();
        }
    }

    /// An undo that failed, or that nobody can run since it cannot be read, is settled by somebody's
    /// word (C7).
    fn settle_undo(&mut self, step: usize, settle: impl FnOnce(&mut StepState)) {
        let Some(state) = self.steps.get_mut(step) else { return };
        let halted = state.phase == Phase::Undoing && state.trouble().halted.is_some();
        if state.phase != Phase::UndoFailed && !halted {
            return;
        }
        settle(state);
        if let Some(ParkReason::Undecodable { step: Some(of), .. }) = self.parked.as_deref()
            && *of == step
        {
            // Another undo beside it may be as bad.
            self.parked = self.halted();
        }
    }

    /// Why a step failed for good the last time.
    fn last_failure(&self, step: usize) -> Doubt {
        let why = self.failures.iter().rev().find(|(of, _)| *of == step);
        why.map_or(Doubt::HostLost, |(_, why)| why.clone())
    }
}
