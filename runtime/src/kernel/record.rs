//! The records of the journal: what happened to a saga, in order, for ever.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Definition, DefinitionHash, Doubt, Fence, Fingerprint, Mail, Refused, Timestamp, Value,
};

/// A record with what the journal notes beside it. Its sequence number is its position.
///
/// See [`State`](super::State) for an example.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// Who wrote it.
    pub fence: Fence,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// What happened.
    pub record: Record,
}

/// One thing that happened. Only the owner of a saga writes records (J1).
///
/// An intent does not list its inputs: the definition names the steps it reads, and each of them
/// has exactly one outcome record before it.
///
/// ```
/// use distributed_task::kernel::{End, Record, Way};
///
/// /// How often the steps of a saga failed and were tried again.
/// fn retries<'a>(records: impl IntoIterator<Item = &'a Record>) -> usize {
///     let failed = |record: &&Record| {
///         matches!(record, Record::Ended { way: Way::Do, end: End::Failed { .. }, .. })
///     };
///     records.into_iter().filter(failed).count()
/// }
/// # use distributed_task::kernel::{Doubt, Timestamp};
/// # let end = End::Failed { why: Doubt::TimedOut, retry_at: Timestamp(0) };
/// # let records = [
/// #     Record::Intended { step: 0, generation: 0, way: Way::Do },
/// #     Record::Ended { step: 0, generation: 0, attempt: 1, way: Way::Do, end },
/// # ];
/// assert_eq!(retries(&records), 1);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The saga began.
    Started(Arc<Started>),
    /// The verdict of a condition, once and for ever (O2).
    Evaluated {
        /// The step it belongs to.
        step: usize,
        /// `true`: the step runs.
        verdict: bool,
        /// Sequence numbers of the records whose values it saw; 0 is the request.
        saw: Box<[u64]>,
    },
    /// A step, or its undo, is about to start (J2).
    Intended {
        /// The step.
        step: usize,
        /// Counts deliberate re-executions, not retries; those of the undo for themselves.
        generation: u32,
        /// Forward or back.
        way: Way,
    },
    /// An attempt ended.
    Ended {
        /// The step.
        step: usize,
        /// Its generation.
        generation: u32,
        /// Counts from 1 within the generation.
        attempt: u32,
        /// Forward, back, or a question about it.
        way: Way,
        /// How.
        end: End,
    },
    /// An inbox entry was folded (J1).
    Received(Box<Mail>),
    /// From here on the saga goes back.
    Compensating(Box<Cause>),
    /// The saga waits for code or an operator (E2).
    Parked(Box<ParkReason>),
    /// The saga is over.
    Finished(Arc<Finished>),
}

impl Record {
    /// Shows every value in it, to be replaced by the same value in another form.
    ///
    /// # Errors
    /// The first that `show` returns.
    pub fn each_value<E>(
        &mut self,
        show: &mut dyn FnMut(&mut Value) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            // Shared with the machine that wrote it, which has the same value.
            Self::Started(started) => show(&mut Arc::make_mut(started).request),
            Self::Ended { end, .. } => match end {
                End::Done(value) | End::Late(value) => show(value),
                End::Refused(refused) => show(&mut refused.error),
                End::Partial(refused, value) => {
                    show(&mut refused.error)?;
                    show(value)
                }
                _ => Ok(()),
            },
            Self::Received(mail) => mail.each_value(show),
            Self::Compensating(cause) => cause.each_value(show),
            Self::Finished(finished) => match &mut Arc::make_mut(finished).finish {
                Finish::Completed(value) => show(value),
                Finish::Compensated(cause) => cause.each_value(show),
                Finish::Cancelled { .. } | Finish::Killed { .. } => Ok(()),
            },
            Self::Evaluated { .. } | Self::Intended { .. } | Self::Parked(_) => Ok(()),
        }
    }
}

impl Cause {
    fn each_value<E>(
        &mut self,
        show: &mut dyn FnMut(&mut Value) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Refused { refused, .. } => show(&mut refused.error),
            _ => Ok(()),
        }
    }
}

/// What one transition yields: written whole or not at all. Most have two records, an end and what
/// follows it.
pub type Group = SmallVec<[Record; 2]>;

/// The first record of a saga.
///
/// See [`Machine`](super::Machine) for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    /// The graph it follows to its end (V1).
    pub definition: DefinitionHash,
    /// What was asked for.
    pub request: Value,
    /// When the saga gives up.
    pub deadline: Option<Timestamp>,
    /// What was asked for, if it was asked for under a key (I2).
    pub fingerprint: Option<Fingerprint>,
    /// The listener that waits for its end.
    pub reply_to: Option<u64>,
}

/// Which method of a step.
///
/// See [`Record`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The step itself.
    Do,
    /// Its undo.
    Undo,
    /// Its probe: has an attempt of the step happened (E3)?
    Probe,
}

/// How an attempt ended, as the journal keeps it.
///
/// See [`Record`] for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With this output.
    Done(Value),
    /// With an output that lives with the worker only.
    Ephemeral,
    /// With a declared error: no effect remains.
    Refused(Box<Refused>),
    /// With a declared error after a part of its work, which the value describes.
    Partial(Box<Refused>, Value),
    /// It will be tried again at this time. This is also the intent of the next attempt.
    Failed {
        /// What went wrong.
        why: Doubt,
        /// When the next attempt is due. Of an attempt that was lost with its host: when that host
        /// was found dead.
        retry_at: Timestamp,
    },
    /// Nobody can say, and it is not tried again.
    Unknown(Doubt),
    /// Taken back: provably no effect, since no attempt began, or its probe denied them all.
    Withdrawn,
    /// A probe says that no attempt had an effect.
    DidNot {
        /// When the step is tried again, if it is.
        retry_at: Option<Timestamp>,
    },
    /// A probe cannot say it, and the step is tried again at this time, under the same key.
    CannotTell {
        /// When.
        retry_at: Timestamp,
    },
    /// It was done after all: a success that arrived when the step was being undone, or was counted
    /// as not happened (C8).
    Late(Value),
}

/// Why a saga went back (E2).
///
/// See [`Finished`] for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A step returned a declared error.
    Refused {
        /// The step.
        step: usize,
        /// The error.
        refused: Refused,
    },
    /// A step used up its retries.
    Failed {
        /// The step.
        step: usize,
        /// Its last failure.
        why: Doubt,
    },
    /// The saga's deadline passed before its pivot.
    Deadline,
    /// Somebody cancelled it.
    Cancelled {
        /// The reason given.
        reason: String,
    },
    /// Its API host died before the hand-over.
    Abandoned,
}

/// Why a saga is parked: machinery, never business (D2).
///
/// ```
/// use distributed_task::kernel::ParkReason;
///
/// /// Whether a release can help, without anybody's word on what happened.
/// fn wants_code(reason: &ParkReason) -> bool {
///     matches!(reason, ParkReason::Undecodable { .. } | ParkReason::Panicked { .. })
/// }
/// assert!(!wants_code(&ParkReason::CrashLoop(5)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParkReason {
    /// A value cannot be written or read.
    Undecodable {
        /// The step it belongs to, if any.
        step: Option<usize>,
        /// What the codec says.
        error: String,
    },
    /// Code that must not fail panicked: a condition, or the response.
    Panicked {
        /// The step whose condition it was; `None` is the response.
        step: Option<usize>,
        /// The panic message.
        message: String,
    },
    /// A step used up its retries and says `on_exhausted = "park"` (E4).
    Exhausted {
        /// The step.
        step: usize,
        /// Its last failure.
        why: Doubt,
    },
    /// The pivot may or may not have happened (P2).
    PivotUnknown {
        /// Its last failure.
        why: Doubt,
    },
    /// Its hosts died this often in a row.
    CrashLoop(u32),
}

impl ParkReason {
    /// The step that it is about, if it is about one.
    pub fn step(&self, definition: &Definition) -> Option<usize> {
        match self {
            Self::Undecodable { step, .. } | Self::Panicked { step, .. } => *step,
            Self::Exhausted { step, .. } => Some(*step),
            Self::PivotUnknown { .. } => definition.pivot(),
            Self::CrashLoop(_) => None,
        }
    }
}

/// The last record of a saga.
///
/// ```
/// use distributed_task::kernel::{Cause, Finish, Finished, Residual, SagaStatus};
///
/// let finished = Finished {
///     finish: Finish::Compensated(Cause::Deadline),
///     residual: vec![Residual { step: 0, reason: "a letter cannot be taken back".into() }],
///     late_until: None,
/// };
/// assert_eq!(SagaStatus::of(&finished), SagaStatus::Compensated);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// How it ended.
    pub finish: Finish,
    /// Effects known or feared to remain.
    pub residual: Vec<Residual>,
    /// Until when a late success may re-open it (C8), because a step was undone without anybody
    /// knowing whether it had happened. `None`: it is settled.
    pub late_until: Option<Timestamp>,
}

/// The four words for how a saga ends.
///
/// See [`Finished`] for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Everything was done; the response.
    Completed(Value),
    /// Everything was undone, for this cause.
    Compensated(Cause),
    /// The same, because somebody asked for it.
    Cancelled {
        /// The reason given.
        reason: String,
    },
    /// It was ended without undo.
    Killed {
        /// The reason given.
        reason: String,
    },
}

/// An effect known or feared to remain (C11).
///
/// See [`Finished`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residual {
    /// The step.
    pub step: usize,
    /// Why its effect was left.
    pub reason: String,
}
