//! Folding the inbox: what those who do not own the saga know of it, or ask of it (J1, J5, C8).

use std::sync::Arc;

use super::{
    AttemptEnd, Decision, End, Finish, Finished, Kind, Letter, Machine, Mail, Phase, Record, Value,
    Way, rollback,
};

impl Machine {
    /// Folds the inbox (J1).
    pub(super) fn mail(&mut self, mail: Vec<Mail>, to: &mut Decision) {
        let mut killed = None;
        for mail in mail {
            to.folded.push(mail.id);
            if self.state.received.contains(&mail.id) {
                continue;
            }
            let letter = mail.letter.clone();
            self.push(to, Record::Received(Box::new(mail)));
            match letter {
                Letter::Kill { reason, .. } => killed = killed.or(Some(reason)),
                Letter::Late {
                    step,
                    generation,
                    attempt,
                    way: Way::Do,
                    end: AttemptEnd::Done(value),
                } => self.late_success(step, generation, attempt, value, to),
                _ => {}
            }
        }
        // Behind all other letters: nothing follows the end. What is over is not killed.
        if let Some(reason) = killed.filter(|_| self.state.finished.is_none()) {
            let residual = rollback::residual(&self.definition, &self.state);
            let finish = Finish::Killed { reason };
            let finished = Finished { finish, residual, late_until: None };
            self.push(to, Record::Finished(Arc::new(finished)));
        }
    }

    /// The pivot, if this decision learns that it happened although the saga goes back: nobody undoes
    /// it, and all before it is undone. Somebody must hear of that at once (C8, C11).
    pub fn regrets(&self, decision: &Decision) -> Option<usize> {
        self.state.cause.as_ref()?;
        decision.records.iter().find_map(|record| match record {
            Record::Ended { step, end: End::Late(_), .. } if self.is_pivot(*step) => Some(*step),
            _ => None,
        })
    }

    /// A late success is evidence as long as the step is open (J5). An ephemeral value is none: it
    /// died with its host.
    fn late_success(
        &mut self,
        step: usize,
        generation: u32,
        attempt: u32,
        value: Value,
        to: &mut Decision,
    ) {
        let Some(state) = self.state.steps.get(step) else { return };
        let definition = &self.definition.steps[step];
        // One outcome a generation (J3).
        if definition.ephemeral || state.generation != generation || state.output.is_some() {
            return;
        }
        let forward = self.state.cause.is_none();
        let has_effect = definition.kind != Kind::ReadOnly;
        let end = match state.phase {
            Phase::Intended | Phase::Unknown if forward => End::Done(value),
            // It is being undone, or is undone (C8).
            Phase::Unknown | Phase::Undoing | Phase::Undone | Phase::UndoFailed
                if definition.kind == Kind::Compensable =>
            {
                End::Late(value)
            }
            // It was counted as not happened. It is undone now, or reported where nobody can (C11).
            Phase::Withdrawn | Phase::Refused if forward || has_effect => End::Late(value),
            _ => return,
        };
        self.local[step].stale = self.local[step].in_flight && state.phase == Phase::Undoing;
        self.push(to, Record::Ended { step, generation, attempt, way: Way::Do, end });
    }
}
