//! The lines of a ledger.

use std::fmt;

use crate::kernel::{AttemptEnd, Refused, Way};

/// What a probe says that does not know.
const CANNOT_TELL: &str = "it cannot tell";

/// One call of a fake service.
///
/// ```
/// use distributed_task::testing::{EffectLedger, EntryKind};
///
/// let ledger = EffectLedger::new();
/// ledger.once("key-1", "stock/lamp", -1);
/// ledger.once("key-1", "stock/lamp", -1);
/// let kinds: Vec<EntryKind> = ledger.entries().iter().map(|entry| entry.kind).collect();
/// assert_eq!(kinds, [EntryKind::Once, EntryKind::Repeated]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Under which key it was called.
    pub key: String,
    /// What it is about.
    pub account: String,
    /// By how much that changes, if it does.
    pub amount: i64,
    /// What came of it.
    pub kind: EntryKind,
}

/// What came of a call.
///
/// See [`LedgerEntry`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// It happened, as anything does that a naive service is asked for.
    Added,
    /// It happened, for the first time under its key.
    Once,
    /// Nothing: it had happened under its key.
    Repeated,
    /// It was taken back.
    TakenBack,
    /// Nothing: it came when it had been taken back.
    TooLate,
}

impl LedgerEntry {
    /// Whether it changes the balance of its account.
    pub fn counts(&self) -> bool {
        !matches!(self.kind, EntryKind::Repeated | EntryKind::TooLate)
    }
}

impl fmt::Display for LedgerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, account, amount, kind } = self;
        write!(f, "{account} {amount:+} under {key}")?;
        f.write_str(match kind {
            EntryKind::Added | EntryKind::Once => "",
            EntryKind::Repeated => ", once more: nothing happens",
            EntryKind::TakenBack => ", taken back",
            EntryKind::TooLate => ", behind its undo: nothing happens",
        })
    }
}

/// One run of a step, or of its undo.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{prelude::*, testing::{RunEnd, TestHost}};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// let test = TestHost::new(|_| Double::builder().use_in_process_mode()).fail_once("double");
/// test.run(21).await?;
/// let runs = test.ledger().runs();
/// assert_eq!((runs[0].attempt, runs[1].attempt), (1, 2));
/// assert_eq!(runs[0].key, runs[1].key, "the key of a step is the same in every attempt");
/// assert_eq!(runs[1].end, RunEnd::Done);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRun {
    /// The step.
    pub step: String,
    /// The step itself, its undo, or its probe.
    pub way: Way,
    /// Under which key.
    pub key: String,
    /// Counts from 1.
    pub attempt: u32,
    /// How it ended.
    pub end: RunEnd,
}

/// How a run ended.
///
/// See [`StepRun`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// It did not: its process died, its time was up, or it still runs.
    Open,
    /// It returned its output; an undo is done.
    Done,
    /// It asked for another try.
    Failed(String),
    /// It returned a declared error.
    Refused(String),
    /// The same, after a part of its work.
    Partial(String),
    /// It panicked, or nobody can say.
    Unknown(String),
}

impl RunEnd {
    pub(super) fn of(end: &AttemptEnd) -> Self {
        match end {
            AttemptEnd::Done(_) => Self::Done,
            AttemptEnd::Retry { error, .. } => Self::Failed(error.clone()),
            AttemptEnd::Refused(Refused { message, .. }) => Self::Refused(message.clone()),
            AttemptEnd::Partial(Refused { message, .. }, _) => Self::Partial(message.clone()),
            AttemptEnd::Unknown(doubt) => Self::Unknown(doubt.to_string()),
            AttemptEnd::DidNot => Self::Refused("it did not happen".to_owned()),
            AttemptEnd::CannotTell => Self::Unknown(CANNOT_TELL.to_owned()),
            AttemptEnd::Undecodable(why) => Self::Unknown(why.clone()),
        }
    }

    /// Whether a probe answered that it does not know.
    pub(in crate::testing) fn cannot_tell(&self) -> bool {
        matches!(self, Self::Unknown(why) if why == CANNOT_TELL)
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("not ended"),
            Self::Done => f.write_str("done"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Partial(why) => write!(f, "done in part: {why}"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

impl fmt::Display for StepRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, way, key, attempt, end } = self;
        let what = match way {
            Way::Do => "",
            Way::Undo => "undo of ",
            Way::Probe => "probe of ",
        };
        write!(f, "{what}`{step}`, attempt {attempt} under {key}: {end}")
    }
}
