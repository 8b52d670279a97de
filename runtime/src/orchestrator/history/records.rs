//! From records to events.

use super::{
    super::outcome::{effects, park_reason},
    ProbeAnswer, SagaEvent, SagaEventKind as Kind, TurnedBack,
};
use crate::kernel::{Cause, Definition, End, Finish, Finished, Letter, Record, Stamped, Way};

/// The events of records that begin at number `first`.
pub(in crate::orchestrator) fn events_of(
    definition: &Definition,
    first: u64,
    records: &[Stamped],
) -> Vec<SagaEvent> {
    let names = Names(definition);
    let event = |(seq, stamped): (u64, &Stamped)| SagaEvent {
        seq,
        at: stamped.at,
        fence: stamped.fence.0,
        kind: names.record(&stamped.record),
    };
    (first..).zip(records).map(event).collect()
}

/// Steps by name.
struct Names<'a>(&'a Definition);

impl Names<'_> {
    fn step(&self, step: usize) -> String {
        // A letter may name a step that the definition does not have.
        self.0.steps.get(step).map_or_else(|| format!("#{step}"), |step| step.name.to_string())
    }

    fn record(&self, record: &Record) -> Kind {
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
                done(self.step(*step), *attempt, end)
            }
            Record::Ended { step, attempt, way: Way::Undo, end, .. } => {
                undone(self.step(*step), *attempt, end)
            }
            Record::Ended { step, attempt, way: Way::Probe, end, .. } => {
                asked(self.step(*step), *attempt, end)
            }
            Record::Received(mail) => self.letter(&mail.letter),
            Record::Compensating(cause) => Kind::Compensating { cause: self.cause(cause) },
            Record::Parked(reason) => Kind::Parked { reason: park_reason(self.0, reason) },
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

/// The end of an attempt of a step.
fn done(step: String, attempt: u32, end: &End) -> Kind {
    match end {
        End::Done(_) | End::Ephemeral => Kind::StepCompleted { step, attempt },
        End::Refused(refused) => {
            Kind::StepRefused { step, attempt, message: refused.message.clone() }
        }
        End::Partial(refused, _) => {
            Kind::StepPartial { step, attempt, message: refused.message.clone() }
        }
        End::Failed { why, retry_at } => {
            Kind::StepFailed { step, attempt, error: why.to_string(), retry_at: *retry_at }
        }
        End::Unknown(why) => Kind::StepUnknown { step, attempt, why: why.to_string() },
        End::Withdrawn => Kind::StepWithdrawn { step },
        End::Late(_) => Kind::LateSuccess { step, attempt },
        End::DidNot { .. } | End::CannotTell { .. } => asked(step, attempt, end),
    }
}

/// The end of a question to a probe.
fn asked(step: String, attempt: u32, end: &End) -> Kind {
    let (answer, retry_at) = match end {
        End::Done(_) => (ProbeAnswer::Happened, None),
        End::DidNot { retry_at } => (ProbeAnswer::DidNot, *retry_at),
        End::CannotTell { retry_at } => (ProbeAnswer::CannotTell, Some(*retry_at)),
        End::Failed { why, retry_at } => {
            return Kind::ProbeFailed { step, error: why.to_string(), retry_at: *retry_at };
        }
        other => return done(step, attempt, other),
    };
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
