//! State: the fold of the records, and nothing else (J1).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    Cause, Definition, Doubt, End, EntryId, Fence, Finished, Host, Kind, Letter, ParkReason,
    Record, SagaStatus, Stamped, Timestamp, Value, Way,
};

/// A saga as its records tell it.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) steps: SmallVec<[StepState; 4]>,
    pub(super) seq: u64,
    pub(super) request: Value,
    pub(super) deadline: Option<Timestamp>,
    /// What asked the saga to go back, while it still goes forward. The first one stays (C11).
    pub(super) stop: Option<Box<Cause>>,
    pub(super) cause: Option<Box<Cause>>,
    pub(super) parked: Option<Box<ParkReason>>,
    pub(super) finished: Option<Arc<Finished>>,
    started_by: Fence,
    /// No attempt of the steps that are intended now is known to have begun (B9).
    pub(super) unbegun: bool,
    pub(super) failures: Vec<(usize, Doubt)>,
    /// Inbox entries that were folded: each counts once.
    pub(super) received: Vec<EntryId>,
}

/// A step as the records tell it.
#[derive(Clone, Debug)]
pub struct StepState {
    /// How far it got.
    pub phase: Phase,
    /// Counts deliberate re-executions.
    pub generation: u32,
    /// Failed attempts, in the direction it goes now.
    pub failed: u32,
    /// Those of them that count against the budget; an interrupted one does not.
    pub counted: u32,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// Its output and the sequence number of the record that holds it.
    pub output: Option<(u64, Value)>,
    /// Whether its condition has spoken (O2).
    pub(super) evaluated: bool,
}

/// How far a step got.
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
    /// Nobody can say.
    Unknown,
    /// Its condition said no.
    Skipped,
    /// Taken back before it began.
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

impl StepState {
    const PENDING: Self = Self {
        phase: Phase::Pending,
        generation: 0,
        failed: 0,
        counted: 0,
        retry_at: None,
        output: None,
        evaluated: false,
    };

    /// Whether the step, or its undo, is under way.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Intended | Phase::Undoing)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.failed = 0;
        self.counted = 0;
        self.retry_at = None;
    }

    fn fail(&mut self, why: &Doubt, retry_at: Timestamp) {
        self.failed += 1;
        if *why != Doubt::Interrupted {
            self.counted += 1;
        }
        self.retry_at = Some(retry_at);
    }
}

impl State {
    /// The state that a list of records tells; `None` when it does not begin with `Started`.
    pub fn fold(definition: &Definition, records: &[Stamped]) -> Option<Self> {
        let (first, rest) = records.split_first()?;
        let mut state = Self::started(definition, first.fence, &first.record)?;
        for stamped in rest {
            state.apply(definition, stamped.fence, &stamped.record);
        }
        Some(state)
    }

    /// The state after `Started`.
    pub(super) fn started(definition: &Definition, fence: Fence, record: &Record) -> Option<Self> {
        let Record::Started(started) = record else { return None };
        Some(Self {
            steps: SmallVec::from_elem(StepState::PENDING, definition.steps.len()),
            seq: 1,
            request: started.request.clone(),
            deadline: started.deadline,
            started_by: fence,
            stop: None,
            cause: None,
            parked: None,
            finished: None,
            unbegun: false,
            failures: Vec::new(),
            received: Vec::new(),
        })
    }

    /// One step of the fold.
    pub(super) fn apply(&mut self, definition: &Definition, fence: Fence, record: &Record) {
        let seq = self.seq;
        self.seq += 1;
        match record {
            Record::Started(_) => {}
            Record::Evaluated { step, verdict, .. } => {
                let step = &mut self.steps[*step];
                step.evaluated = true;
                if !verdict {
                    step.phase = Phase::Skipped;
                }
            }
            Record::Intended { step, way: Way::Do, .. } => {
                self.steps[*step].enter(Phase::Intended);
                // Who started the saga, a submitter or an API host, runs no worker steps.
                self.unbegun =
                    fence == self.started_by && definition.steps[*step].host == Host::Worker;
            }
            Record::Intended { step, way: Way::Undo, .. } => {
                self.steps[*step].enter(Phase::Undoing)
            }
            Record::Ended { step, way: Way::Do, end, .. } => {
                self.unbegun = false;
                self.apply_end(definition, seq, *step, end);
            }
            Record::Ended { step, way: Way::Undo, end, .. } => self.apply_undo_end(*step, end),
            Record::Received(mail) => {
                self.received.push(mail.id);
                self.apply_letter(definition, &mail.letter);
            }
            Record::Compensating(cause) => {
                self.stop = None;
                self.cause = Some(cause.clone());
                for step in &mut self.steps {
                    if step.phase == Phase::Intended {
                        step.phase = Phase::Unknown;
                    }
                }
            }
            Record::Parked(reason) => {
                // Crashes and undecodable outputs come from attempts.
                self.unbegun = false;
                self.parked = Some(reason.clone());
            }
            Record::Finished(finished) => self.finished = Some(finished.clone()),
        }
    }

    fn apply_end(&mut self, definition: &Definition, seq: u64, step: usize, end: &End) {
        let state = &mut self.steps[step];
        match end {
            End::Done(value) => {
                state.phase = Phase::Done;
                state.output = Some((seq, value.clone()));
            }
            End::Ephemeral => state.phase = Phase::Done,
            End::Failed { why, retry_at } => {
                state.fail(why, *retry_at);
                return;
            }
            End::Refused(refused) => {
                state.phase = Phase::Refused;
                self.failures.push((step, Doubt::Failed(refused.message.clone())));
                self.stop(definition, Cause::Refused { step, refused: (**refused).clone() });
                return;
            }
            End::Unknown(why) => {
                state.phase = Phase::Unknown;
                self.failures.push((step, why.clone()));
                self.stop(definition, Cause::Failed { step, why: why.clone() });
                return;
            }
            End::Withdrawn => state.phase = Phase::Withdrawn,
        }
        if definition.steps[step].kind == Kind::Pivot {
            // What was asked before the pivot is too late now (P3); what parked it is answered.
            self.stop = None;
            self.parked = None;
        }
    }

    fn apply_undo_end(&mut self, step: usize, end: &End) {
        let state = &mut self.steps[step];
        match end {
            End::Done(_) | End::Ephemeral | End::Withdrawn => state.phase = Phase::Undone,
            End::Failed { why, retry_at } => state.fail(why, *retry_at),
            End::Refused(refused) => {
                state.phase = Phase::UndoFailed;
                self.failures.push((step, Doubt::Failed(refused.message.clone())));
            }
            End::Unknown(why) => {
                state.phase = Phase::UndoFailed;
                self.failures.push((step, why.clone()));
            }
        }
    }

    fn apply_letter(&mut self, definition: &Definition, letter: &Letter) {
        match letter {
            Letter::Cancel { reason } => {
                // What waits for somebody goes back, but for a pivot of which nobody knows (P2).
                if !matches!(self.parked.as_deref(), Some(ParkReason::PivotUnknown { .. })) {
                    self.parked = None;
                }
                self.stop(definition, Cause::Cancelled { reason: reason.clone() });
            }
            // What they cause stands in the records behind them.
            Letter::Kill { .. } | Letter::Late { .. } => {}
            Letter::Unpark => {
                self.parked = None;
                let only_forward = self.pivot_done(definition);
                for (step, definition) in self.steps.iter_mut().zip(&definition.steps) {
                    let again = only_forward || definition.kind == Kind::Pivot;
                    match step.phase {
                        Phase::UndoFailed => step.enter(Phase::Undoing),
                        Phase::Unknown if again => step.enter(Phase::Intended),
                        Phase::Refused if only_forward => {
                            // It has its outcome: this is another execution, with its own key.
                            step.generation += 1;
                            step.enter(Phase::Pending);
                        }
                        _ => {}
                    }
                }
                let pivot = definition.pivot();
                if matches!(self.stop.as_deref(), Some(Cause::Failed { step, .. }) if Some(*step) == pivot)
                {
                    self.stop = None;
                }
            }
            Letter::MarkDone { step, .. } => self.settle_undo(*step, Phase::Undone),
            Letter::Waive { step, .. } => self.settle_undo(*step, Phase::UndoWaived),
        }
    }

    fn settle_undo(&mut self, step: usize, phase: Phase) {
        if let Some(state) = self.steps.get_mut(step)
            && state.phase == Phase::UndoFailed
        {
            state.phase = phase;
        }
    }

    fn stop(&mut self, definition: &Definition, cause: Cause) {
        if self.stop.is_none() && self.cause.is_none() && !self.pivot_done(definition) {
            self.stop = Some(Box::new(cause));
        }
    }

    pub(super) fn pivot_done(&self, definition: &Definition) -> bool {
        definition.pivot().is_some_and(|pivot| self.steps[pivot].phase == Phase::Done)
    }

    /// After the pivot a step that cannot succeed stops the saga where it is (P3).
    pub(super) fn stuck_forward(&self, definition: &Definition) -> bool {
        self.cause.is_none()
            && self.pivot_done(definition)
            && self.steps.iter().any(|s| matches!(s.phase, Phase::Unknown | Phase::Refused))
    }

    /// The steps, in the order of the definition.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// The request.
    pub fn request(&self) -> &Value {
        &self.request
    }

    /// Number of records so far, which is the sequence number of the next.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Why it is parked.
    pub fn parked(&self) -> Option<&ParkReason> {
        self.parked.as_deref()
    }

    /// How it ended.
    pub fn finished(&self) -> Option<&Arc<Finished>> {
        self.finished.as_ref()
    }

    /// Why it goes, or went, back.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_deref()
    }

    /// Every failure that was final, in the order of the journal (B6).
    pub fn failures(&self) -> &[(usize, Doubt)] {
        &self.failures
    }

    /// The state in one word.
    pub fn status(&self, definition: &Definition) -> SagaStatus {
        if let Some(finished) = &self.finished {
            return SagaStatus::of(finished);
        }
        let mut open = self.steps.iter().filter(|s| s.is_open()).peekable();
        if self.parked.is_some() {
            SagaStatus::Parked
        } else if self.is_stuck(definition) {
            SagaStatus::Stuck
        } else if self.cause.is_some() {
            SagaStatus::Compensating
        } else if open.peek().is_some() && open.all(|s| s.retry_at.is_some()) {
            SagaStatus::Waiting
        } else {
            SagaStatus::Running
        }
    }

    /// Whether it can go neither forward nor back without an operator.
    fn is_stuck(&self, definition: &Definition) -> bool {
        // Nothing gets stuck without a failure, and most sagas have none.
        !self.failures.is_empty()
            && !self.steps.iter().any(StepState::is_open)
            && (self.steps.iter().any(|s| s.phase == Phase::UndoFailed)
                || self.stuck_forward(definition))
    }

    /// Whether nothing is to be started: it is over, parked or stuck.
    pub(super) fn is_idle(&self, definition: &Definition) -> bool {
        self.finished.is_some() || self.parked.is_some() || self.is_stuck(definition)
    }
}
