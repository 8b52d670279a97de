//! From records to events.

use std::sync::Arc;

use super::{
    super::{outcome::effects, reason::WhyParked},
    ProbeAnswer, SagaEvent, SagaEventKind as Kind, TurnedBack,
};
use crate::kernel::{
    Cause, Definition, End, Finish, Finished, Letter, ParkReason, Record, SagaStatus, Stamped,
    State, Way,
};

/// Turns the records of a saga into events, from the first one on.
pub(in crate::orchestrator) struct Teller {
    definition: Arc<Definition>,
    state: Option<State>,
    seq: u64,
    /// Where it was stuck after the record before.
    stuck: Vec<usize>,
}

impl Teller {
    pub(in crate::orchestrator) fn new(definition: Arc<Definition>) -> Self {
        Self { definition, state: None, seq: 0, stuck: Vec::new() }
    }

    /// The events of the records that follow those of the last call. The records of one transition
    /// stand together: they are written whole, and read whole.
    pub(in crate::orchestrator) fn tell(&mut self, records: &[Stamped]) -> Vec<SagaEvent> {
        let rest = (1..=records.len()).map(|next| records.get(next));
        records.iter().zip(rest).map(|(stamped, next)| self.event(stamped, next)).collect()
    }

    fn event(&mut self, stamped: &Stamped, next: Option<&Stamped>) -> SagaEvent {
        let kind = Names(&self.definition).record(&stamped.record, next.map(|next| &next.record));
        let stuck =
            self.stuck_at(stamped).into_iter().map(|step| Names(&self.definition).step(step));
        let event = SagaEvent {
            seq: self.seq,
            at: stamped.at,
            fence: stamped.fence.0,
            stuck: stuck.collect(),
            kind,
        };
        self.seq += 1;
        event
    }

    /// The steps at which the saga is stuck with this record, unless it was so before.
    fn stuck_at(&mut self, stamped: &Stamped) -> Vec<usize> {
        match &mut self.state {
            Some(state) => state.fold_on(&self.definition, stamped),
            None => self.state = State::fold(&self.definition, std::slice::from_ref(stamped)),
        }
        let stuck = match &self.state {
            Some(state) if state.status(&self.definition) == SagaStatus::Stuck => {
                state.waits_at(&self.definition)
            }
            _ => Vec::new(),
        };
        let before = std::mem::replace(&mut self.stuck, stuck.clone());
        if before == stuck { Vec::new() } else { stuck }
    }
}

/// Steps by name.
struct Names<'a>(&'a Definition);

impl Names<'_> {
    fn step(&self, step: usize) -> String {
        // A letter may name a step that the definition does not have.
        self.0.steps.get(step).map_or_else(|| format!("#{step}"), |step| step.name.to_string())
    }

    fn record(&self, record: &Record, next: Option<&Record>) -> Kind {
        match record {
            Record::Started(started) => Kind::Submitted { deadline: started.deadline },
            Record::Evaluated { step, verdict: true, .. } => {
                Kind::StepChosen { step: self.step(*step) }
            }
            Record::Evaluated { step, .. } => Kind::StepSkipped { step: self.step(*step) },
            Record::Intended { step, generation, way: Way::Undo } => {
                Kind::UndoStarted { step: self.step(*step), generation: *generation }
            }
            Record::Intended { step, generation, .. } => {
                Kind::StepStarted { step: self.step(*step), generation: *generation }
            }
            Record::Ended { step, attempt, way: Way::Do, end, .. } => {
                done(self.step(*step), *attempt, end, !is_last(*step, next))
            }
            Record::Ended { step, attempt, way: Way::Undo, end, .. } => {
                undone(self.step(*step), *attempt, end)
            }
            Record::Ended { step, attempt, way: Way::Probe, end, .. } => {
                asked(self.step(*step), *attempt, end, !is_last(*step, next))
            }
            Record::Received(mail) => self.letter(&mail.letter),
            Record::Compensating(cause) => Kind::Compensating { cause: self.cause(cause) },
            Record::Parked(reason) => Kind::Parked { reason: WhyParked::of(self.0, reason) },
            Record::Finished(finished) => self.finished(finished),
        }
    }

    fn letter(&self, letter: &Letter) -> Kind {
        match letter.clone() {
            Letter::Cancel { reason } => Kind::CancelRequested { reason },
            Letter::Kill { reason, by } => Kind::KillRequested { reason, by },
            Letter::Late { step, attempt, .. } => {
                Kind::LateReport { step: self.step(step), attempt }
            }
            Letter::Unpark { by } => Kind::RetryRequested { by },
            Letter::MarkDone { step, evidence, by, .. } => {
                Kind::MarkedDone { step: self.step(step), evidence, by }
            }
            Letter::MarkNotDone { step, evidence, by } => {
                Kind::MarkedNotDone { step: self.step(step), evidence, by }
            }
            Letter::Waive { step, reason, by } => {
                Kind::Waived { step: self.step(step), reason, by }
            }
        }
    }

    fn cause(&self, cause: &Cause) -> TurnedBack {
        match cause {
            Cause::Refused { step, refused } => {
                TurnedBack::Refused { step: self.step(*step), message: refused.message.clone() }
            }
            Cause::Failed { step, why } => {
                TurnedBack::Failed { step: self.step(*step), error: why.to_string() }
            }
            Cause::Deadline => TurnedBack::Deadline,
            Cause::Cancelled { reason } => TurnedBack::Cancelled { reason: reason.clone() },
            Cause::Abandoned => TurnedBack::Abandoned,
        }
    }

    fn finished(&self, finished: &Finished) -> Kind {
        let residual = effects(self.0, &finished.residual);
        let settled = finished.late_until.is_none();
        match &finished.finish {
            Finish::Completed(_) => Kind::Completed,
            Finish::Compensated(_) => Kind::Compensated { residual, settled },
            Finish::Cancelled { reason } => {
                Kind::Cancelled { reason: reason.clone(), residual, settled }
            }
            Finish::Killed { reason } => Kind::Killed { reason: reason.clone(), residual },
        }
    }
}

/// Whether a step is not tried again by itself, although the record of its end names a time: what
/// follows parks the saga (E4).
fn is_last(step: usize, next: Option<&Record>) -> bool {
    let Some(Record::Parked(reason)) = next else { return false };
    matches!(**reason, ParkReason::Exhausted { step: of, .. } if of == step)
}

/// The end of an attempt of a step.
fn done(step: String, attempt: u32, end: &End, again: bool) -> Kind {
    match end {
        End::Done(_) | End::Ephemeral => Kind::StepCompleted { step, attempt },
        End::Refused(refused) => {
            Kind::StepRefused { step, attempt, message: refused.message.clone() }
        }
        End::Partial(refused, _) => {
            Kind::StepPartial { step, attempt, message: refused.message.clone() }
        }
        End::Failed { why, retry_at } => {
            let retry_at = again.then_some(*retry_at);
            Kind::StepFailed { step, attempt, error: why.to_string(), retry_at }
        }
        End::Unknown(why) => Kind::StepUnknown { step, attempt, why: why.to_string() },
        End::Withdrawn => Kind::StepWithdrawn { step },
        End::Late(_) => Kind::LateSuccess { step, attempt },
        End::DidNot { .. } | End::CannotTell { .. } => asked(step, attempt, end, again),
    }
}

/// The end of a question to a probe.
fn asked(step: String, attempt: u32, end: &End, again: bool) -> Kind {
    let (answer, retry_at) = match end {
        End::Done(_) => (ProbeAnswer::Happened, None),
        End::DidNot { retry_at } => (ProbeAnswer::DidNot, *retry_at),
        End::CannotTell { retry_at } => (ProbeAnswer::CannotTell, Some(*retry_at)),
        End::Failed { why, retry_at } => {
            return Kind::ProbeFailed { step, error: why.to_string(), retry_at: *retry_at };
        }
        other => return done(step, attempt, other, again),
    };
    let retry_at = retry_at.filter(|_| again);
    Kind::ProbeAnswered { step, answer, retry_at }
}

/// The end of an attempt to undo a step.
fn undone(step: String, attempt: u32, end: &End) -> Kind {
    let (error, retry_at) = match end {
        End::Failed { why, retry_at } => (why.to_string(), Some(*retry_at)),
        End::Refused(refused) | End::Partial(refused, _) => (refused.message.clone(), None),
        End::Unknown(why) => (why.to_string(), None),
        _ => return Kind::UndoCompleted { step, attempt },
    };
    Kind::UndoFailed { step, attempt, error, retry_at }
}
