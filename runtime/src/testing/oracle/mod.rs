//! What must be true of every saga, read from its records and from the effects outside.
//!
//! Nothing here asks the engine, or folds records as it does.

mod rules;

use std::sync::Arc;

use crate::{
    CompensationCause, OutcomeError, SagaOutcome,
    kernel::{
        Cause, Definition, Doubt, End as Ended, Finish, Finished, Kind, Letter, ParkReason, Record,
        SagaId, Stamped, Way,
    },
    task::TaskDefinition,
};

/// What stands outside under the key of a step.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The step.
    pub step: String,
    /// How often: 0 or 1, if everybody behaves.
    pub net: i32,
    /// What it is, for a reader.
    pub text: String,
}

/// How a saga ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was never there.
    Nothing,
    /// Everything was done.
    Completed,
    /// A step said no.
    Refused,
    /// A step used up its tries.
    Failed,
    /// It took too long.
    Deadline,
    /// The host that began it died.
    Abandoned,
    /// Somebody cancelled it.
    Cancelled,
    /// Somebody ended it.
    Killed,
    /// It is not over.
    Open,
}

impl End {
    /// How the records end.
    pub fn of(_: &Definition, records: &[Stamped]) -> Self {
        let Some(Record::Finished(finished)) = records.last().map(|last| &last.record) else {
            return Self::Open;
        };
        match &finished.finish {
            Finish::Completed(_) => Self::Completed,
            Finish::Compensated(Cause::Refused { .. }) => Self::Refused,
            Finish::Compensated(Cause::Failed { .. }) => Self::Failed,
            Finish::Compensated(Cause::Deadline) => Self::Deadline,
            Finish::Compensated(Cause::Abandoned) => Self::Abandoned,
            Finish::Compensated(Cause::Cancelled { .. }) | Finish::Cancelled { .. } => {
                Self::Cancelled
            }
            Finish::Killed { .. } => Self::Killed,
        }
    }

    /// How it ended for whoever holds a handle.
    pub fn seen<T: TaskDefinition>(outcome: Result<SagaOutcome<T>, OutcomeError>) -> Self {
        match outcome {
            Ok(SagaOutcome::Completed(_)) => Self::Completed,
            Ok(SagaOutcome::Cancelled { .. }) => Self::Cancelled,
            Ok(SagaOutcome::Killed { .. }) => Self::Killed,
            Ok(SagaOutcome::Compensated { cause, .. }) => match cause {
                CompensationCause::Refused { .. } => Self::Refused,
                CompensationCause::Failed { .. } => Self::Failed,
                CompensationCause::Deadline => Self::Deadline,
                CompensationCause::Abandoned => Self::Abandoned,
            },
            Err(_) => Self::Open,
        }
    }
}

/// What there is to judge.
struct Evidence<'a> {
    definition: &'a Definition,
    records: &'a [Stamped],
    effects: &'a [Standing],
}

type Rule = fn(&Evidence<'_>) -> Result<(), String>;

const RULES: [(&str, Rule); 10] = [
    ("INV1", rules::one_outcome),
    ("J2", rules::intent_before_end),
    ("INV3", rules::one_effect),
    ("INV4", rules::predecessors_first),
    ("INV5", rules::completed_is_complete),
    ("INV6", rules::undone_is_undone),
    ("INV7", rules::undo_backwards),
    ("INV8", rules::no_way_back_from_the_pivot),
    ("INV13", rules::owners_take_turns),
    ("C11", rules::the_end_is_the_end),
];

/// Everything that is wrong with a saga.
pub fn examine(definition: &Definition, records: &[Stamped], effects: &[Standing]) -> Vec<String> {
    let evidence = Evidence { definition, records, effects };
    let broken = |(name, rule): &(&str, Rule)| Some(format!("{name}: {}", rule(&evidence).err()?));
    RULES.iter().filter_map(broken).collect()
}

/// Whether this says that a step is done, or is not to be done.
fn settles(record: &Record, of: usize) -> bool {
    match record {
        Record::Ended { step, way: Way::Do | Way::Probe, end, .. } => {
            *step == of && matches!(end, Ended::Done(_) | Ended::Ephemeral | Ended::Late(_))
        }
        Record::Evaluated { step, verdict: false, .. } => *step == of,
        _ => false,
    }
}

/// Whether these records say so, or somebody said so when that was waited for (P2, P3, E4).
pub fn is_settled(records: &[Stamped], of: usize) -> bool {
    let is_word = |letter: &Letter| matches!(letter, Letter::MarkDone { step, output: Some(_), .. } if *step == of);
    records.iter().any(|at| settles(&at.record, of)) || is_told(records, of, is_word)
}

/// Whether such a letter on a step was read by a saga that waited for one.
fn is_told(records: &[Stamped], of: usize, is_word: impl Fn(&Letter) -> bool) -> bool {
    let reads = |record: &Record| matches!(record, Record::Received(mail) if is_word(&mail.letter));
    let waits = |before: &[Stamped]| {
        let parks = |at: &Stamped| match &at.record {
            Record::Parked(reason) => match &**reason {
                ParkReason::Exhausted { step, .. } => *step == of,
                _ => true,
            },
            _ => false,
        };
        let lifts = |at: &Stamped| match &at.record {
            Record::Intended { step, .. } | Record::Ended { step, .. } => *step == of,
            Record::Received(mail) => matches!(mail.letter, Letter::Unpark { .. }),
            Record::Compensating(_) => true,
            _ => false,
        };
        let parked = before.iter().rposition(parks);
        if parked.is_some_and(|parked| !before[parked..].iter().any(lifts)) {
            return true;
        }
        // Nothing follows where it is stuck.
        let received = |at: &&Stamped| matches!(at.record, Record::Received(_));
        let last = before.iter().rev().find(|at| !received(at)).map(|at| &at.record);
        let Some(Record::Ended { step, end, .. }) = last else { return false };
        *step == of && matches!(end, Ended::Unknown(_) | Ended::Refused(_) | Ended::Partial(..))
    };
    let mut each = records.iter().enumerate();
    each.any(|(at, stamped)| reads(&stamped.record) && waits(&records[..at]))
}

/// Whether a step is begun, or about to, and nobody has written down how it ended.
pub fn is_open(records: &[Stamped], of: usize) -> bool {
    let closes = |record: &Record| match record {
        Record::Ended { step, way: Way::Do | Way::Probe, end, .. } => {
            *step == of && !matches!(end, Ended::Failed { .. })
        }
        Record::Compensating(_) => true,
        _ => false,
    };
    intended(records, of, Way::Do) && !records.iter().any(|at| closes(&at.record))
}

/// Whether this is an answer from outside to an attempt of the step, good or bad.
pub fn answers(record: &Record, of: usize) -> bool {
    let Record::Ended { step, way: Way::Do | Way::Probe, end, .. } = record else { return false };
    let lost =
        matches!(end, Ended::Unknown(Doubt::HostLost) | Ended::Failed { why: Doubt::HostLost, .. });
    *step == of && !lost
}

/// Whether the pivot is done.
pub fn passed_pivot(saga: Option<&(SagaId, Arc<Definition>, Vec<Stamped>)>) -> bool {
    saga.is_some_and(|(_, definition, records)| {
        let pivot = definition.steps.iter().position(|step| step.kind == Kind::Pivot);
        pivot.is_some_and(|pivot| is_settled(records, pivot))
    })
}

impl<'a> Evidence<'a> {
    /// Each record with those before it.
    fn each(&self) -> impl Iterator<Item = (&'a [Stamped], &'a Record)> {
        let records = self.records;
        records.iter().enumerate().map(move |(at, stamped)| (&records[..at], &stamped.record))
    }

    fn finished(&self) -> Option<&'a Finished> {
        self.records.iter().rev().find_map(|stamped| match &stamped.record {
            Record::Finished(finished) => Some(&**finished),
            _ => None,
        })
    }

    fn name(&self, step: usize) -> &'a str {
        &self.definition.steps[step].name
    }

    /// Whether the effect of a step is allowed to stand, or feared to, and was reported.
    fn is_residual(&self, name: &str) -> bool {
        is_residual(self.definition, self.records, name)
    }
}

/// Whether the end of a saga reports that the effect of this step may remain.
pub fn is_residual(definition: &Definition, records: &[Stamped], name: &str) -> bool {
    let finished = records.iter().rev().find_map(|stamped| match &stamped.record {
        Record::Finished(finished) => Some(&**finished),
        _ => None,
    });
    let residual = finished.map_or(&[][..], |finished| &finished.residual);
    residual.iter().any(|residual| *definition.steps[residual.step].name == *name)
}

/// Whether these records hold such an intent.
pub fn intended(records: &[Stamped], of: usize, which: Way) -> bool {
    records.iter().any(|stamped| {
        matches!(stamped.record, Record::Intended { step, way, .. } if (step, way) == (of, which))
    })
}
