//! State: the fold of the records, and nothing else (J1).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    Cause, Definition, Doubt, End, EntryId, Fence, Finished, Host, ParkReason, Phase, Record,
    Refused, SagaStatus, Stamped, StepState, Timestamp, Value, Way,
};

/// A saga as its records tell it.
///
/// ```
/// use distributed_task::kernel::{Definition, Phase, Stamped, State};
///
/// /// The steps that are done.
/// fn done<'a>(definition: &'a Definition, records: &[Stamped]) -> Vec<&'a str> {
///     let Some(state) = State::fold(definition, records) else { return Vec::new() };
///     let steps = definition.steps.iter().zip(state.steps());
///     steps.filter(|(_, at)| at.phase == Phase::Done).map(|(step, _)| &*step.name).collect()
/// }
/// # use std::{sync::Arc, time::Duration};
/// # use distributed_task::kernel::{
/// #     End, Fence, Host, Kind, OnExhausted, Record, Retry, Started, Step, Timestamp, Value, Way,
/// # };
/// # let step = |name: &'static str, stage| Step {
/// #     name: name.into(), host: Host::Worker, stage, group: None, await_all: false,
/// #     kind: Kind::ReadOnly, conditional: false, ephemeral: false, inputs: vec![],
/// #     when_inputs: vec![], undo_inputs: vec![], probe_inputs: vec![], at_most_once: false,
/// #     probe: false, on_exhausted: OnExhausted::Compensate, retry: Retry::DEFAULT,
/// #     timeout: Duration::from_secs(60),
/// # };
/// # let definition = Definition {
/// #     task: "pack".into(),
/// #     queue: "pack".into(),
/// #     steps: vec![step("pack", 0), step("label", 1)],
/// #     timeout: None,
/// #     cancellable: false,
/// # };
/// # let started = Started {
/// #     definition: definition.hash(),
/// #     request: Value::journaled(7),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # };
/// # let (generation, way, end) = (0, Way::Do, End::Done(Value::journaled(8)));
/// # let records = [
/// #     Record::Started(Arc::new(started)),
/// #     Record::Intended { step: 0, generation, way },
/// #     Record::Ended { step: 0, generation, attempt: 1, way, end },
/// # ];
/// # let records = records.map(|record| Stamped { fence: Fence(1), at: Timestamp(0), record });
/// assert_eq!(done(&definition, &records), ["pack"]);
/// assert!(done(&definition, &[]).is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct State {
    pub(super) steps: SmallVec<[StepState; 4]>,
    pub(super) seq: u64,
    pub(super) request: Value,
    pub(super) deadline: Option<Timestamp>,
    /// What asked the saga to go back, while it still goes forward. The first one stays (C11).
    pub(super) stop: Option<Box<Cause>>,
    /// The first cancel, which counts although something else stopped the saga before: siblings are
    /// not waited for (K2), and it is not forgotten when that is tried again (K1).
    pub(super) cancel: Option<Box<Cause>>,
    pub(super) cause: Option<Box<Cause>>,
    pub(super) parked: Option<Box<ParkReason>>,
    pub(super) finished: Option<Arc<Finished>>,
    started_by: Fence,
    /// Who began it parked it: its start was accepted, and whoever goes on with it resumes it (A6).
    pub(super) handed_over: bool,
    /// No attempt of the steps that are intended now is known to have begun (B9).
    pub(super) unbegun: bool,
    pub(super) failures: Vec<(usize, Doubt)>,
    /// Inbox entries that were folded: each counts once.
    pub(super) received: Vec<EntryId>,
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

    /// One more record.
    pub fn fold_on(&mut self, definition: &Definition, stamped: &Stamped) {
        self.apply(definition, stamped.fence, &stamped.record);
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
            handed_over: false,
            stop: None,
            cancel: None,
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
            Record::Intended { step, way: Way::Undo, .. } => {
                self.steps[*step].enter(Phase::Undoing)
            }
            Record::Intended { step, .. } => {
                self.steps[*step].enter(Phase::Intended);
                // A submitter, or an API host, runs no worker steps. A host that began the saga in its
                // own hands does, and leaves a record, or a fence of a crash, of what began (B9).
                self.unbegun =
                    fence == self.started_by && definition.steps[*step].host == Host::Worker;
            }
            Record::Ended { step, way: Way::Undo, attempt, end, .. } => {
                self.apply_undo_end(*step, *attempt, end);
            }
            Record::Ended { step, way: Way::Probe, end, .. } => {
                self.apply_answer(definition, seq, *step, end);
            }
            Record::Ended { step, attempt, end, .. } => {
                self.unbegun = false;
                self.apply_end(definition, seq, (*step, *attempt), end);
            }
            Record::Received(mail) => {
                self.received.push(mail.id);
                self.apply_letter(definition, seq, &mail.letter);
            }
            Record::Compensating(cause) => {
                self.stop = None;
                self.cause = Some(cause.clone());
                for step in &mut self.steps {
                    if step.phase == Phase::Intended {
                        step.close(Phase::Unknown);
                    }
                }
            }
            Record::Parked(reason) => {
                self.handed_over |= fence == self.started_by;
                self.apply_park(definition, reason);
            }
            Record::Finished(finished) => self.finished = Some(finished.clone()),
        }
    }

    fn apply_end(
        &mut self,
        definition: &Definition,
        seq: u64,
        (step, attempt): (usize, u32),
        end: &End,
    ) {
        let at = &mut self.steps[step];
        match end {
            End::Done(value) => {
                at.done(seq, value);
                self.resolved(definition, step);
            }
            End::Ephemeral => {
                at.close(Phase::Done);
                self.resolved(definition, step);
            }
            End::Late(value) => {
                if matches!(at.phase, Phase::Undoing | Phase::Undone | Phase::UndoFailed) {
                    // It was undone as something nobody knew: now as what it is.
                    at.undo_generation += 1;
                }
                at.done(seq, value);
                self.finished = None;
                self.resolved(definition, step);
            }
            End::Failed { why, retry_at } => {
                at.fail(attempt, why, *retry_at);
                if definition.steps[step].probe {
                    at.ask(why);
                }
            }
            End::Refused(refused) => {
                at.close(Phase::Refused);
                self.refused(definition, step, refused);
            }
            End::Partial(refused, value) => {
                at.close(Phase::Partial);
                at.partial = true;
                at.output = Some((seq, value.clone()));
                self.refused(definition, step, refused);
            }
            End::Unknown(why) => {
                at.counts_attempt(attempt);
                at.close(Phase::Unknown);
                self.failed(definition, step, why.clone());
            }
            End::Withdrawn => at.close(Phase::Withdrawn),
            // Only a probe says that.
            End::DidNot { .. } | End::CannotTell { .. } => {}
        }
    }

    /// What a probe says (E3).
    fn apply_answer(&mut self, definition: &Definition, seq: u64, step: usize, end: &End) {
        let at = &mut self.steps[step];
        match end {
            End::Failed { why, retry_at } => at.ask_again(why, *retry_at),
            End::DidNot { retry_at: Some(retry_at) } => at.answered(true, *retry_at),
            End::CannotTell { retry_at } => at.answered(false, *retry_at),
            End::DidNot { retry_at: None } => {
                let why =
                    at.trouble_mut().question.take().map_or(Doubt::HostLost, |asked| asked.why);
                at.close(Phase::Withdrawn);
                self.failed(definition, step, why);
            }
            outcome => self.apply_end(definition, seq, (step, 0), outcome),
        }
        self.unbegun = false;
    }

    fn apply_undo_end(&mut self, step: usize, attempt: u32, end: &End) {
        let at = &mut self.steps[step];
        match end {
            End::Failed { why, retry_at } => at.fail(attempt, why, *retry_at),
            End::Refused(refused) | End::Partial(refused, _) => {
                at.counts_attempt(attempt);
                at.close(Phase::UndoFailed);
                self.failures.push((step, Doubt::Failed(refused.message.clone())));
            }
            End::Unknown(why) => {
                at.counts_attempt(attempt);
                at.close(Phase::UndoFailed);
                self.failures.push((step, why.clone()));
            }
            _ => at.close(Phase::Undone),
        }
    }

    fn apply_park(&mut self, definition: &Definition, reason: &ParkReason) {
        // Crashes and undecodable outputs come from attempts.
        self.unbegun = false;
        self.parked = Some(Box::new(reason.clone()));
        if let ParkReason::Exhausted { step, .. }
        | ParkReason::Undecodable { step: Some(step), .. } = reason
        {
            let at = &mut self.steps[*step];
            at.trouble_mut().halted = Some(Box::new(reason.clone()));
            if let ParkReason::Undecodable { error, .. } = reason
                && at.phase == Phase::Intended
                && definition.steps[*step].probe
            {
                // It may have happened, although nobody can read what it says.
                at.ask(&Doubt::Failed(error.clone()));
            }
        }
    }

    fn refused(&mut self, definition: &Definition, step: usize, refused: &Refused) {
        self.failures.push((step, Doubt::Failed(refused.message.clone())));
        self.stop(definition, Cause::Refused { step, refused: refused.clone() });
        self.give_up_what_waits(definition);
    }

    fn failed(&mut self, definition: &Definition, step: usize, why: Doubt) {
        self.failures.push((step, why.clone()));
        self.stop(definition, Cause::Failed { step, why });
        self.give_up_what_waits(definition);
    }

    /// A saga that goes back waits for nobody's word on what used up its tries: had it been told to
    /// before, nothing would have parked (E4).
    pub(super) fn give_up_what_waits(&mut self, definition: &Definition) {
        if self.stop.is_none() || self.cause.is_some() || self.pivot_done(definition) {
            return;
        }
        for step in 0..self.steps.len() {
            let at = &mut self.steps[step];
            let Some(ParkReason::Exhausted { why, .. }) = at.trouble().halted.as_deref() else {
                continue;
            };
            self.failures.push((step, why.clone()));
            // What its probe denied last is not undone.
            let denied = at.trouble().denied;
            at.close(if denied { Phase::Withdrawn } else { Phase::Unknown });
        }
        if matches!(self.parked.as_deref(), Some(ParkReason::Exhausted { .. })) {
            self.parked = self.halted();
        }
    }

    /// What still waits for somebody's word.
    pub(super) fn halted(&self) -> Option<Box<ParkReason>> {
        self.steps.iter().find_map(|step| step.trouble().halted.clone())
    }

    pub(super) fn stop(&mut self, definition: &Definition, cause: Cause) {
        if self.stop.is_none() && self.cause.is_none() && !self.pivot_done(definition) {
            self.stop = Some(Box::new(cause));
        }
    }

    /// Whether it is past its pivot, from where it only goes forward (P3). One that went back before
    /// its pivot turned out to have happened goes back all the same.
    pub(super) fn pivot_done(&self, definition: &Definition) -> bool {
        self.cause.is_none()
            && definition.pivot().is_some_and(|pivot| self.steps[pivot].phase == Phase::Done)
    }

    /// After the pivot a step that cannot succeed stops the saga where it is (P3).
    pub(super) fn stuck_forward(&self, definition: &Definition) -> bool {
        self.pivot_done(definition) && self.steps.iter().any(StepState::has_failed)
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

    /// Whether it goes, or went, back, or was cancelled and is to.
    pub fn was_told_to_go_back(&self) -> bool {
        self.cause.is_some() || self.cancel.is_some()
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
        } else if open.peek().is_some() && open.all(|s| s.retry_at().is_some()) {
            SagaStatus::Waiting
        } else {
            SagaStatus::Running
        }
    }

    /// The steps that wait for somebody's word, or for code, while it is stuck or parked.
    pub fn waits_at(&self, definition: &Definition) -> Vec<usize> {
        let status = self.status(definition);
        let named = self.parked().and_then(|reason| reason.step(definition));
        let waits = |(step, at): &(usize, &StepState)| match status {
            SagaStatus::Stuck if self.cause.is_some() => at.phase == Phase::UndoFailed,
            SagaStatus::Stuck => at.has_failed(),
            // Members of its group may have parked beside the one that is named.
            SagaStatus::Parked => at.halted().is_some() || named == Some(*step),
            _ => false,
        };
        self.steps.iter().enumerate().filter(waits).map(|(step, _)| step).collect()
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
