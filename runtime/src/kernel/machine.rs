//! The machine: one saga in the hands of its owner.
//!
//! It is ahead of the journal by at most one group of records. When the journal refuses a group,
//! [`Machine::refold`] takes the machine back to what is written, and it decides again.

use std::{sync::Arc, time::Duration};

use smallvec::SmallVec;

use super::{
    AttemptEnd, Cause, Definition, Doubt, End, EntryId, Fence, Host, Kind, Mail, ParkReason, Phase,
    Record, Retry, SagaId, Stamped, Started, State, Timestamp, UNDO_RETRY, Value, Way, retry_delay,
};

/// A wait up to this stays with the owner; a longer one is the journal's timer (R2).
pub(super) const SHORT_WAIT: Duration = Duration::from_secs(5);
/// So many hosts may die in a row before a saga is parked (R3).
pub(super) const MAX_CRASHES: u32 = 5;

/// One saga in the hands of its owner.
#[derive(Debug)]
pub struct Machine {
    pub(super) definition: Arc<Definition>,
    pub(super) id: SagaId,
    pub(super) role: Host,
    pub(super) fence: Fence,
    pub(super) state: State,
    pub(super) local: SmallVec<[Local; 4]>,
    pub(super) crashes: u32,
    pub(super) leaving: bool,
    /// What stops the saga without a record of its own: the deadline, an API host that died, an
    /// ephemeral step that could not be run again.
    pub(super) stop: Option<Cause>,
}

/// What only this owner knows of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Local {
    pub(super) in_flight: bool,
    pub(super) ephemeral: Option<Value>,
    pub(super) failed: u32,
    pub(super) retry_at: Option<Timestamp>,
    /// Attempts before this claim that no record tells of.
    pub(super) crashes: u32,
}

/// What the machine is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// The saga was claimed.
    Claimed {
        /// So many owners died since its last record.
        crashes: u32,
        /// Its inbox.
        mail: Vec<Mail>,
    },
    /// An attempt ended.
    Ended {
        /// The step.
        step: usize,
        /// Forward or back.
        way: Way,
        /// How.
        end: AttemptEnd,
    },
    /// The inbox.
    Mail(Vec<Mail>),
    /// A time that a [`Command::Wait`] named has come.
    Due,
    /// The host is about to leave: start nothing more, give the saga back.
    Leave,
}

/// What to write, and where the saga goes with it: one atomic commit.
#[derive(Debug, Default)]
pub struct Decision {
    /// A group of records; never split.
    pub records: SmallVec<[Record; 3]>,
    /// Inbox entries that the group folds.
    pub folded: Vec<EntryId>,
    /// Where the saga is afterwards.
    pub place: Place,
    /// Whether the commit is wrong while mail waits (A1).
    pub guarded: bool,
}

impl Decision {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.folded.is_empty() && self.place == Place::Owned
    }
}

/// Where an open saga is (J7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// With its owner.
    #[default]
    Owned,
    /// In a ready list.
    Ready,
    /// Waiting for this time.
    Timed(Timestamp),
    /// Waiting for code or an operator.
    Parked,
    /// Over.
    Ended,
}

/// What to do now that the records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start an attempt.
    Run {
        /// The step.
        step: usize,
        /// Forward or back.
        way: Way,
        /// Counts from 1.
        attempt: u32,
    },
    /// Tell the running attempts to stop, and end them when their grace is over. Never the pivot.
    Stop,
    /// Come back at this time with [`Event::Due`].
    Wait(Timestamp),
}

/// Pure user code over journaled values that the kernel asks for its verdict.
pub trait Judge {
    /// The condition of a step; `Err` is a panic message.
    ///
    /// # Errors
    /// The message, when the condition panicked.
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, String>;

    /// The response; `Err` is a panic message.
    ///
    /// # Errors
    /// The message, when the response panicked.
    fn respond(&self, saga: &Machine) -> Result<Value, String>;
}

impl Machine {
    /// A new saga: its machine, and the first group of records (`Started`, the conditions of the
    /// first step, its intent).
    pub fn start(
        definition: Arc<Definition>,
        id: SagaId,
        role: Host,
        fence: Fence,
        started: Started,
        now: Timestamp,
        judge: &dyn Judge,
    ) -> (Self, Decision) {
        let record = Record::Started(Box::new(started));
        let state = State::started(&definition, fence, &record).expect("the record is `Started`");
        let mut machine = Self::around(definition, id, role, fence, state);
        let mut decision = Decision::default();
        decision.records.push(record);
        machine.advance(judge, &mut decision);
        machine.settle_place(now, &mut decision);
        (machine, decision)
    }

    /// A saga that was claimed; `None` when its records do not begin with `Started`.
    pub fn resume(
        definition: Arc<Definition>,
        id: SagaId,
        role: Host,
        fence: Fence,
        records: &[Stamped],
    ) -> Option<Self> {
        let state = State::fold(&definition, records)?;
        Some(Self::around(definition, id, role, fence, state))
    }

    fn around(
        definition: Arc<Definition>,
        id: SagaId,
        role: Host,
        fence: Fence,
        state: State,
    ) -> Self {
        let local = SmallVec::from_elem(Local::default(), definition.steps.len());
        Self { definition, id, role, fence, state, local, crashes: 0, leaving: false, stop: None }
    }

    /// Takes the machine to what is written. Attempts in flight and ephemeral outputs stay.
    pub fn refold(&mut self, records: &[Stamped]) {
        if let Some(state) = State::fold(&self.definition, records) {
            self.state = state;
        }
    }

    /// What was decided on this event is not written: the machine will be told of it again, and
    /// until then the attempt counts as running.
    pub fn take_back(&mut self, event: &Event) {
        if let Event::Ended { step, .. } = event {
            self.local[*step].in_flight = true;
        }
    }

    /// Tells the machine what happened. What it decides must be committed before any
    /// [`commands`](Self::commands) are asked for.
    pub fn decide(&mut self, event: Event, now: Timestamp, judge: &dyn Judge) -> Decision {
        let mut decision = Decision::default();
        self.look_at_deadline(now);
        match event {
            Event::Claimed { crashes, mail } => {
                let abandoned = self.is_abandoned();
                // What was told before the claim counts before anything starts (B9).
                self.mail(mail, &mut decision);
                if abandoned {
                    self.stop(Cause::Abandoned);
                }
                self.claimed(crashes, &mut decision);
            }
            Event::Ended { step, way, end } => self.ended(step, way, end, now, &mut decision),
            Event::Mail(mail) => self.mail(mail, &mut decision),
            Event::Due => {}
            Event::Leave => self.leaving = true,
        }
        self.advance(judge, &mut decision);
        self.settle_place(now, &mut decision);
        decision
    }

    /// From the deadline on the saga stops, unless something else stopped it first (section 5).
    fn look_at_deadline(&mut self, now: Timestamp) {
        if self.state.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop(Cause::Deadline);
        }
    }

    fn claimed(&mut self, crashes: u32, decision: &mut Decision) {
        self.crashes = crashes;
        self.local.iter_mut().for_each(|local| local.crashes = crashes);
        if crashes >= MAX_CRASHES && !self.is_idle() {
            self.push(decision, Record::Parked(Box::new(ParkReason::CrashLoop(crashes))));
        }
    }

    /// What the caller streamed in died with the API host: undone, never resumed (A6).
    fn is_abandoned(&self) -> bool {
        let settled = [Phase::Done, Phase::Skipped];
        let mut steps = self.definition.steps.iter().zip(&self.state.steps);
        self.role == Host::Worker
            && steps.any(|(step, at)| step.host == Host::Api && !settled.contains(&at.phase))
    }

    fn ended(&mut self, step: usize, way: Way, end: AttemptEnd, now: Timestamp, to: &mut Decision) {
        self.local[step].in_flight = false;
        if way == Way::Do && self.state.steps[step].phase == Phase::Done {
            if self.definition.steps[step].ephemeral {
                self.rerun_ended(step, end, now, to);
            }
            // Else a late success came first, and the outcome stands (J5).
            return;
        }
        let end = match end {
            AttemptEnd::Done(value) if way == Way::Do && self.definition.steps[step].ephemeral => {
                self.local[step].ephemeral = Some(value);
                End::Ephemeral
            }
            AttemptEnd::Done(value) => End::Done(value),
            AttemptEnd::Refused(refused) => End::Refused(Box::new(refused)),
            AttemptEnd::Retry { error, after } => {
                self.failed(step, way, Doubt::Failed(error), after, now)
            }
            AttemptEnd::Unknown(why) => self.failed(step, way, why, None, now),
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                return self.push(to, Record::Parked(Box::new(reason)));
            }
        };
        self.push_end(step, way, end, to);
    }

    pub(super) fn push_end(&mut self, step: usize, way: Way, end: End, to: &mut Decision) {
        let StepState { generation, attempt } = self.attempt(step);
        self.push(to, Record::Ended { step, generation, attempt, way, end });
    }

    /// A failed attempt: tried again while the budget lasts and the saga still wants it.
    fn failed(
        &self,
        step: usize,
        way: Way,
        why: Doubt,
        after: Option<Duration>,
        now: Timestamp,
    ) -> End {
        let policy = self.policy(step, way);
        let interrupted = why == Doubt::Interrupted;
        let retry = self.state.steps[step].counted + u32::from(!interrupted);
        let unwanted = way == Way::Do && self.stops(step);
        if unwanted || retry > policy.max {
            return End::Unknown(why);
        }
        let wait = match interrupted {
            true => Duration::ZERO,
            false => retry_delay(policy, self.id, step, retry, after),
        };
        End::Failed { why, retry_at: now.plus(wait) }
    }

    /// An ephemeral step was run again for its value; the journal has its outcome already (B11).
    fn rerun_ended(&mut self, step: usize, end: AttemptEnd, now: Timestamp, to: &mut Decision) {
        let (why, after) = match end {
            AttemptEnd::Done(value) => {
                self.local[step].ephemeral = Some(value);
                return;
            }
            // It was told to stop, for a reason that counts elsewhere.
            AttemptEnd::Unknown(Doubt::Interrupted) => return,
            AttemptEnd::Retry { error, after } => (Doubt::Failed(error), after),
            AttemptEnd::Unknown(why) => (why, None),
            AttemptEnd::Refused(refused) => {
                let why = Doubt::Failed(refused.message.clone());
                return self.rerun_failed(why, Cause::Refused { step, refused }, to);
            }
            AttemptEnd::Undecodable(error) => {
                let reason = ParkReason::Undecodable { step: Some(step), error };
                return self.push(to, Record::Parked(Box::new(reason)));
            }
        };
        let policy = &self.definition.steps[step].retry;
        let local = &mut self.local[step];
        local.failed += 1;
        local.retry_at = Some(now.plus(retry_delay(policy, self.id, step, local.failed, after)));
        if local.failed > policy.max {
            self.rerun_failed(why.clone(), Cause::Failed { step, why }, to);
        }
    }

    /// Before the pivot the saga goes back; behind it, what waits for the value cannot succeed (P3).
    fn rerun_failed(&mut self, why: Doubt, cause: Cause, to: &mut Decision) {
        if self.may_turn_back() {
            return self.stop(cause);
        }
        for step in 0..self.definition.steps.len() {
            if self.state.steps[step].phase == Phase::Intended && !self.local[step].in_flight {
                self.push_end(step, Way::Do, End::Unknown(why.clone()), to);
            }
        }
    }

    fn policy(&self, step: usize, way: Way) -> &Retry {
        match way {
            Way::Do => &self.definition.steps[step].retry,
            Way::Undo => &UNDO_RETRY,
        }
    }

    /// What to start now. Pure but for the marks that it is in flight.
    pub fn commands(&mut self, now: Timestamp) -> SmallVec<[Command; 2]> {
        let mut commands = SmallVec::new();
        if self.is_idle() || self.leaving {
            return commands;
        }
        let mut due: Option<Timestamp> = None;
        for step in 0..self.definition.steps.len() {
            let open = self.state.steps[step].is_open();
            if open && self.runs_here(step) && !self.stops(step) {
                self.start_attempt(step, now, &mut commands, &mut due);
            }
        }
        if self.stop_cause().is_some() {
            let mut local = self.local.iter().enumerate();
            if local.any(|(step, local)| local.in_flight && !self.is_pivot(step)) {
                commands.push(Command::Stop);
            }
        } else if self.may_turn_back() {
            due = [due, self.state.deadline].into_iter().flatten().min();
        }
        commands.extend(due.map(Command::Wait));
        commands
    }

    /// An API host runs its own steps, and every undo until the saga leaves it.
    pub(super) fn runs_here(&self, step: usize) -> bool {
        self.role == Host::Worker
            || self.definition.steps[step].host == Host::Api
            || self.state.cause.is_some()
    }

    fn start_attempt(
        &mut self,
        step: usize,
        now: Timestamp,
        commands: &mut SmallVec<[Command; 2]>,
        due: &mut Option<Timestamp>,
    ) {
        if self.local[step].in_flight {
            return;
        }
        let state = &self.state.steps[step];
        let way = if state.phase == Phase::Undoing { Way::Undo } else { Way::Do };
        let wait = [state.retry_at, self.local[step].retry_at].into_iter().flatten().max();
        if let Some(retry_at) = wait.filter(|at| *at > now) {
            *due = Some(due.map_or(retry_at, |due| due.min(retry_at)));
            return;
        }
        if way == Way::Do {
            // A new owner runs the ephemeral steps again whose values the step reads (B11).
            let definition = Arc::clone(&self.definition);
            let mut complete = true;
            for &input in &definition.steps[step].inputs {
                let ephemeral = definition.steps[input].ephemeral;
                if ephemeral
                    && self.state.steps[input].phase == Phase::Done
                    && self.local[input].ephemeral.is_none()
                {
                    complete = false;
                    self.start_attempt(input, now, commands, due);
                }
            }
            if !complete {
                return;
            }
        }
        let attempt = self.attempt(step).attempt + self.local[step].failed;
        self.local[step].in_flight = true;
        commands.push(Command::Run { step, way, attempt });
    }

    fn attempt(&self, step: usize) -> StepState {
        let state = &self.state.steps[step];
        let attempt = state.failed + self.local[step].crashes + 1;
        StepState { generation: state.generation, attempt }
    }

    /// Applies a record and adds it to the group.
    pub(super) fn push(&mut self, decision: &mut Decision, record: Record) {
        if let Record::Intended { step, .. } = record {
            self.local[step].crashes = 0;
        }
        self.state.apply(&self.definition, self.fence, &record);
        decision.records.push(record);
    }

    /// Whether the saga is over, parked or stuck: there is nothing to start.
    pub(super) fn is_idle(&self) -> bool {
        use super::SagaStatus::{Parked, Stuck};
        let status = self.state.status(&self.definition);
        status.is_terminal() || matches!(status, Parked | Stuck)
    }

    /// Identity of the saga.
    pub fn id(&self) -> SagaId {
        self.id
    }

    /// The fence of this claim.
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// The graph.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// What the records tell.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The output of a step, journaled or ephemeral.
    pub fn output(&self, step: usize) -> Option<&Value> {
        let journaled = self.state.steps[step].output.as_ref().map(|(_, value)| value);
        journaled.or(self.local[step].ephemeral.as_ref())
    }

    /// Where the owner runs.
    pub fn role(&self) -> Host {
        self.role
    }

    /// The generation of a step.
    pub fn generation(&self, step: usize) -> u32 {
        self.state.steps[step].generation
    }

    /// Whether any attempt is in flight.
    pub fn in_flight(&self) -> bool {
        self.local.iter().any(|local| local.in_flight)
    }

    /// Whether a step is the pivot, which a cancel does not interrupt (K3).
    pub fn is_pivot(&self, step: usize) -> bool {
        self.definition.steps[step].kind == Kind::Pivot
    }
}

struct StepState {
    generation: u32,
    attempt: u32,
}
