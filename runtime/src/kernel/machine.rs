//! The machine: one saga in the hands of its owner.
//!
//! It never knows more than the journal: its owner lets a copy decide, and keeps the copy when what
//! it decided is written. When the journal refuses, the machine has not moved, and decides again.

use std::{sync::Arc, time::Duration};

use smallvec::SmallVec;

use super::{
    Cause, Decision, Definition, Event, Fence, Host, Judge, Kind, ParkReason, Phase, Record,
    SagaId, Stamped, Started, State, Timestamp, Value,
};

/// A wait up to this stays with the owner; a longer one is the journal's timer (R2).
pub(super) const SHORT_WAIT: Duration = Duration::from_secs(5);
/// So many hosts may die in a row before a saga is parked (R3).
pub(super) const MAX_CRASHES: u32 = 5;

/// One saga in the hands of its owner.
#[derive(Clone, Debug)]
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
        let record = Record::Started(Arc::new(started));
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

    /// Tells the machine what happened. What it decides must be committed before any
    /// [`commands`](Self::commands) are asked for; if it is not, the machine from before goes on.
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
        // What was told to go back goes back: that may be the way out.
        if crashes >= MAX_CRASHES && !self.is_idle() && self.state.stop.is_none() {
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
        self.state.is_idle(&self.definition)
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
