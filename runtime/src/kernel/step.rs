//! One step as the records tell it.

use super::{Doubt, ParkReason, Timestamp, Value};

/// A step as the records tell it.
///
/// See [`State`](super::State) for an example.
#[derive(Clone, Debug)]
pub struct StepState {
    /// How far it got.
    pub phase: Phase,
    /// Counts deliberate re-executions.
    pub generation: u32,
    /// What went wrong, if anything did: most steps have none, and a state is copied often.
    trouble: Option<Box<Trouble>>,
    /// Counts the undos of this step: a late success asks for another one (C8).
    pub undo_generation: u32,
    /// It did a part of its work, which its output describes if it has one.
    pub partial: bool,
    /// Its output and the sequence number of the record that holds it.
    pub output: Option<(u64, Value)>,
    /// Whether its condition has spoken (O2).
    pub(super) evaluated: bool,
}

/// What went wrong with a step, in the direction that it goes now.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// Attempts that the records count.
    pub(super) failed: u32,
    /// Those of them that count against the budget: an interrupted one does not, nor one that was
    /// lost with its host (R3).
    pub(super) counted: u32,
    /// When the next attempt is due.
    pub(super) retry_at: Option<Timestamp>,
    /// When the first failed attempt was to be repeated; the budget of an undo counts from it (C5).
    pub(super) since: Option<Timestamp>,
    /// An attempt may have happened, and no probe has said whether it did (E3).
    pub(super) question: Option<Box<Question>>,
    /// The last answer of its probe denied every attempt before it. A later one is a question again.
    pub(super) denied: bool,
    /// Its last end parked the saga, and nobody has said yet that it may go on.
    pub(super) halted: Option<Box<ParkReason>>,
    /// An operator let its effect stand: who, and why, in words.
    pub(super) waived: Option<Box<str>>,
}

static NO_TROUBLE: Trouble = Trouble {
    failed: 0,
    counted: 0,
    retry_at: None,
    since: None,
    question: None,
    denied: false,
    halted: None,
    waived: None,
};

/// How far a step got.
///
/// See [`State`](super::State) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not yet.
    Pending,
    /// About to start, running, or between attempts.
    Intended,
    /// Done.
    Done,
    /// Ended with a declared error; no effect.
    Refused,
    /// Ended with a declared error after a part of its work.
    Partial,
    /// Nobody can say.
    Unknown,
    /// Its condition said no.
    Skipped,
    /// Proved to be without effect: taken back before it began, or a probe says so.
    Withdrawn,
    /// Its undo is about to start, running, or between attempts.
    Undoing,
    /// Undone.
    Undone,
    /// Its undo failed; an operator decides (C7).
    UndoFailed,
    /// An operator let its effect stand.
    UndoWaived,
}

/// What a probe is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Why anybody asks.
    pub(super) why: Doubt,
    /// Probes that failed.
    pub(super) failed: u32,
    /// Those of them that count against its budget.
    pub(super) counted: u32,
    /// When to ask again.
    pub(super) ask_at: Option<Timestamp>,
}

impl Question {
    fn new(why: Doubt) -> Box<Self> {
        Box::new(Self { why, failed: 0, counted: 0, ask_at: None })
    }
}

impl StepState {
    pub(super) const PENDING: Self = Self {
        phase: Phase::Pending,
        generation: 0,
        trouble: None,
        undo_generation: 0,
        partial: false,
        output: None,
        evaluated: false,
    };

    /// What went wrong, in the direction that it goes now.
    pub(super) fn trouble(&self) -> &Trouble {
        self.trouble.as_deref().unwrap_or(&NO_TROUBLE)
    }

    pub(super) fn trouble_mut(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_with(|| Box::new(NO_TROUBLE.clone()))
    }

    /// Attempts that the records count, in the direction it goes now.
    pub fn failed(&self) -> u32 {
        self.trouble().failed
    }

    /// When the next attempt is due.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.trouble().retry_at
    }

    /// Why its last end parked the saga, until somebody says that it may go on.
    pub fn halted(&self) -> Option<&ParkReason> {
        self.trouble().halted.as_deref()
    }

    /// Whether the step, or its undo, is under way.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Intended | Phase::Undoing)
    }

    /// Whether it is over without success.
    pub(super) fn has_failed(&self) -> bool {
        let failed = [Phase::Unknown, Phase::Refused, Phase::Partial, Phase::Withdrawn];
        failed.contains(&self.phase)
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.trouble = None;
    }

    /// It leaves the phase in which attempts are made; what was counted stays for people to see.
    pub(super) fn close(&mut self, phase: Phase) {
        self.phase = phase;
        if let Some(trouble) = &mut self.trouble {
            trouble.question = None;
            trouble.denied = false;
            trouble.halted = None;
        }
    }

    /// It is tried again under the same key, with a fresh budget: its attempts are counted on.
    pub(super) fn try_again(&mut self, phase: Phase) {
        let failed = self.failed();
        self.enter(phase);
        self.counts_attempt(failed);
    }

    /// Its tries so far count no more against what it has left.
    pub(super) fn has_a_fresh_budget(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            (trouble.counted, trouble.since) = (0, None);
        }
    }

    /// An operator lets its effect stand (C7).
    pub(super) fn waive(&mut self, by: &str, reason: &str) {
        self.close(Phase::UndoWaived);
        self.trouble_mut().waived = Some(format!("waived by {by}: {reason}").into());
    }

    /// The records have told of so many attempts.
    pub(super) fn counts_attempt(&mut self, attempt: u32) {
        if attempt > self.failed() {
            self.trouble_mut().failed = attempt;
        }
    }

    pub(super) fn done(&mut self, seq: u64, value: &Value) {
        self.close(Phase::Done);
        self.partial = false;
        self.output = Some((seq, value.clone()));
    }

    /// Another execution, with its own key: what the one before returned counts no more. What it did
    /// in part remains.
    pub(super) fn begin_anew(&mut self) {
        self.generation += 1;
        self.enter(Phase::Pending);
        self.output = None;
    }

    pub(super) fn fail(&mut self, attempt: u32, why: &Doubt, retry_at: Timestamp) {
        let trouble = self.trouble_mut();
        trouble.failed = trouble.failed.max(attempt);
        trouble.counted += u32::from(counts(why));
        trouble.retry_at = Some(retry_at);
        trouble.since = trouble.since.or(Some(retry_at));
    }

    /// Its probe is to say whether an attempt happened.
    pub(super) fn ask(&mut self, why: &Doubt) {
        self.trouble_mut().question.get_or_insert_with(|| Question::new(why.clone()));
    }

    /// A probe failed.
    pub(super) fn ask_again(&mut self, why: &Doubt, ask_at: Timestamp) {
        // What the records do not tell of was lost with its host.
        let question = &mut self.trouble_mut().question;
        let question = question.get_or_insert_with(|| Question::new(Doubt::HostLost));
        question.failed += 1;
        question.counted += u32::from(counts(why));
        question.ask_at = Some(ask_at);
    }

    /// A probe answered, and the step goes on.
    pub(super) fn answered(&mut self, denied: bool, retry_at: Timestamp) {
        let trouble = self.trouble_mut();
        trouble.question = None;
        trouble.denied = denied;
        trouble.retry_at = Some(retry_at);
    }
}

/// Whether an attempt that ended so counts against a budget: its host ended the others (R3).
pub(super) fn counts(why: &Doubt) -> bool {
    !matches!(why, Doubt::Interrupted | Doubt::HostLost)
}
