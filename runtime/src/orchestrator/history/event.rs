//! What users are told of a record.

use serde::{Deserialize, Serialize};

use super::super::{outcome::Effect, reason::WhyParked};
use crate::kernel::Timestamp;

/// One thing that happened to a saga: a record of its journal, without the values in it.
///
/// ```
/// use distributed_task::{SagaEvent, SagaEventKind};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let json = r#"{"seq":2,"at":1700000000000000,"fence":7,
///                "event":"step_completed","step":"charge","attempt":1}"#;
/// let event: SagaEvent = serde_json::from_str(json)?;
/// assert!(matches!(event.kind, SagaEventKind::StepCompleted { ref step, .. } if step == "charge"));
/// assert_eq!(event.to_string(), "2: `charge` done");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaEvent {
    /// Its number: 0, 1, 2 and so on, without gaps.
    pub seq: u64,
    /// When it was recorded, by the clock of the journal: microseconds since the Unix epoch.
    pub at: Timestamp,
    /// The fence of the owner that recorded it; 0 is the submitter.
    pub fence: u64,
    /// The steps at which the saga is stuck from here on, until an operator says something (C7, P3);
    /// empty when it is not stuck, or was stuck at the same ones before. That is no event of its own:
    /// nothing happened but this, and whoever has this number has it (INV11).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: SagaEventKind,
}

impl SagaEvent {
    /// Whether the saga is over with it. One that ended unsettled may be taken up again (C8).
    pub fn is_terminal(&self) -> bool {
        use SagaEventKind::{Cancelled, Compensated, Completed, Killed};
        matches!(self.kind, Completed | Compensated { .. } | Cancelled { .. } | Killed { .. })
    }
}

/// What happened to a saga.
///
/// Steps are named. `attempt` counts from 1, `generation` from 0; see the
/// [rules](crate::docs::semantics) for the two.
///
/// ```
/// use distributed_task::SagaEventKind;
///
/// /// What goes on a bill of what went wrong.
/// fn trouble(kind: &SagaEventKind) -> Option<String> {
///     match kind {
///         SagaEventKind::StepFailed { step, error, .. } => Some(format!("{step}: {error}")),
///         SagaEventKind::StepRefused { step, message, .. } => Some(format!("{step}: {message}")),
///         SagaEventKind::Parked { reason } => Some(reason.to_string()),
///         _ => None,
///     }
/// }
/// let failed = SagaEventKind::StepRefused { step: "pay".into(), attempt: 1, message: "no".into() };
/// assert_eq!(trouble(&failed).as_deref(), Some("pay: no"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SagaEventKind {
    /// The saga began.
    Submitted {
        /// When it gives up.
        deadline: Option<Timestamp>,
    },
    /// The condition of a step said yes.
    StepChosen {
        /// The step.
        step: String,
    },
    /// The condition of a step said no.
    StepSkipped {
        /// The step.
        step: String,
    },
    /// A step is about to start: from here on it may have an effect (J2).
    StepStarted {
        /// The step.
        step: String,
        /// Counts deliberate re-executions.
        generation: u32,
    },
    /// A step returned its output.
    StepCompleted {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
    },
    /// An attempt failed.
    StepFailed {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
        /// What went wrong.
        error: String,
        /// When it is tried again, or its probe is asked; `None` when neither is done until an
        /// operator has decided (E4).
        retry_at: Option<Timestamp>,
    },
    /// A step refused: no effect of it remains.
    StepRefused {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
        /// What it says.
        message: String,
    },
    /// A step refused after a part of its work.
    StepPartial {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
        /// What it says.
        message: String,
    },
    /// Nobody can say whether a step happened, and it is not tried again by itself.
    StepUnknown {
        /// The step.
        step: String,
        /// The last attempt.
        attempt: u32,
        /// Why nobody can say.
        why: String,
    },
    /// A step was taken back before it began.
    StepWithdrawn {
        /// The step.
        step: String,
    },
    /// A probe was asked whether a step happened, and answered (E3).
    ProbeAnswered {
        /// The step.
        step: String,
        /// What it says.
        answer: ProbeAnswer,
        /// When the step is tried again, if it is.
        retry_at: Option<Timestamp>,
    },
    /// A probe failed, and is asked again.
    ProbeFailed {
        /// The step.
        step: String,
        /// What went wrong.
        error: String,
        /// When it is asked again.
        retry_at: Timestamp,
    },
    /// A step that was to be undone, or was undone, turned out to have happened (C8).
    LateSuccess {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
    },
    /// From here on the saga goes back.
    Compensating {
        /// Why.
        cause: TurnedBack,
    },
    /// The undo of a step is about to start.
    UndoStarted {
        /// The step.
        step: String,
        /// Counts the undos of this step: a late success asks for another one (C8).
        generation: u32,
    },
    /// A step is undone.
    UndoCompleted {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
    },
    /// An attempt to undo a step failed.
    UndoFailed {
        /// The step.
        step: String,
        /// The attempt that did.
        attempt: u32,
        /// What went wrong.
        error: String,
        /// When it is tried again; `None` when an operator has to decide (C7).
        retry_at: Option<Timestamp>,
    },
    /// Somebody asked the saga to go back.
    CancelRequested {
        /// Why.
        reason: String,
    },
    /// An operator asked the saga to end without undo (K5).
    KillRequested {
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// An operator asked to try again what is parked or stuck.
    RetryRequested {
        /// Who.
        by: String,
    },
    /// An operator says that a step is done, or its undo (C7, P3).
    MarkedDone {
        /// The step.
        step: String,
        /// What shows it.
        evidence: String,
        /// Who.
        by: String,
    },
    /// An operator says that a step has not happened (P2).
    MarkedNotDone {
        /// The step.
        step: String,
        /// What shows it.
        evidence: String,
        /// Who.
        by: String,
    },
    /// An operator lets the effect of a step remain (C7).
    Waived {
        /// The step.
        step: String,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// A host that had lost the saga told how an attempt ended (J5).
    LateReport {
        /// The step.
        step: String,
        /// The attempt.
        attempt: u32,
    },
    /// The saga waits for code or an operator.
    Parked {
        /// Why.
        reason: WhyParked,
    },
    /// The saga is over: everything was done.
    Completed,
    /// The saga is over: everything was undone.
    Compensated {
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
        /// `false`: a late success may still come in (C8).
        settled: bool,
    },
    /// The saga is over: cancelled, and everything was undone.
    Cancelled {
        /// Why.
        reason: String,
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
        /// `false`: a late success may still come in (C8).
        settled: bool,
    },
    /// The saga is over: ended without undo.
    Killed {
        /// Why.
        reason: String,
        /// Effects known or feared to remain.
        residual: Vec<Effect>,
    },
}

/// What a probe says.
///
/// ```
/// assert_eq!(distributed_task::ProbeAnswer::DidNot.to_string(), "it did not happen");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProbeAnswer {
    /// The step happened; its output is recorded.
    Happened,
    /// No attempt of it had an effect.
    DidNot,
    /// It cannot tell.
    CannotTell,
}

/// Why a saga goes back.
///
/// ```
/// use distributed_task::TurnedBack;
///
/// let cause = TurnedBack::Failed { step: "charge".into(), error: "timed out".into() };
/// assert_eq!(cause.to_string(), "`charge` failed: timed out");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnedBack {
    /// A step refused.
    Refused {
        /// The step.
        step: String,
        /// What it says.
        message: String,
    },
    /// A step used up its tries.
    Failed {
        /// The step.
        step: String,
        /// Its last failure.
        error: String,
    },
    /// The deadline of the saga passed.
    Deadline,
    /// Somebody cancelled it.
    Cancelled {
        /// The reason given.
        reason: String,
    },
    /// Its API host died before the hand-over.
    Abandoned,
}
