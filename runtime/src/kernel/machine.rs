//! The machine: one saga in the hands of its owner.
//!
//! It never acts on more than the journal knows: what it decides is written before anything is
//! started. When the journal refuses, the machine goes back to what the records tell, and decides
//! again.

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
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use distributed_task::kernel::{
/// #     Definition, Fence, Host, Kind, OnExhausted, Retry, SagaId, Started, Step, Timestamp,
/// # };
/// use distributed_task::kernel::{
///     AttemptEnd, Command, Event, Judge, Machine, NoVerdict, Place, Value, Way,
/// };
///
/// /// The code of a task with one step, which is its response.
/// struct Pack;
///
/// impl Judge for Pack {
///     fn when(&self, _: &Machine, _: usize) -> Result<bool, NoVerdict> {
///         Ok(true)
///     }
///
///     fn respond(&self, saga: &Machine) -> Result<Value, NoVerdict> {
///         Ok(saga.output(0).expect("its step is done").clone())
///     }
/// }
/// # let pack = Step {
/// #     name: "pack".into(), host: Host::Worker, stage: 0, group: None, await_all: false,
/// #     kind: Kind::ReadOnly, conditional: false, ephemeral: false, inputs: vec![],
/// #     when_inputs: vec![], undo_inputs: vec![], probe_inputs: vec![], at_most_once: false,
/// #     probe: false, on_exhausted: OnExhausted::Compensate, retry: Retry::DEFAULT,
/// #     timeout: Duration::from_secs(60),
/// # };
/// # let definition = Arc::new(Definition {
/// #     task: "pack".into(),
/// #     queue: "pack".into(),
/// #     steps: vec![pack],
/// #     timeout: None,
/// #     cancellable: false,
/// # });
/// # let started = Started {
/// #     definition: definition.hash(),
/// #     request: Value::journaled(7),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # };
/// # let (id, now): (SagaId, _) = ("0192f0c1-0000-7000-8000-000000000000".parse()?, Timestamp(0));
///
/// let host = Host::Worker;
/// let (mut saga, decision) = Machine::start(definition, id, host, Fence(1), started, now, &Pack);
/// assert_eq!(decision.records.len(), 2, "the start, and the intent of the first step");
/// // Once these are committed:
/// assert_eq!(saga.commands(now)[0], Command::Run { step: 0, way: Way::Do, attempt: 1 });
///
/// let end = AttemptEnd::Done(Value::journaled("a parcel".to_owned()));
/// let decision = saga.decide(Event::Ended { step: 0, way: Way::Do, end }, now, &Pack);
/// assert_eq!(decision.place, Place::Ended);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) definition: Arc<Definition>,
    pub(super) id: SagaId,
    pub(super) role: Host,
    pub(super) fence: Fence,
    pub(super) state: State,
    pub(super) local: SmallVec<[Local; 4]>,
    /// The outputs that live here, by step.
    pub(super) ephemeral: Vec<(usize, Value)>,
    pub(super) crashes: u32,
    /// When the last of the owners before was found dead.
    pub(super) lost_at: Timestamp,
    pub(super) leaving: bool,
    /// It was not told of its claim yet, and does not know who died before.
    pub(super) resumed: bool,
    /// Its API host died before the hand-over.
    abandoned: bool,
    /// It wrote something since its claim: the journal counts the crashes before that no more (R3).
    pub(super) wrote: bool,
    /// It folds mail and moves nothing that needs the task's code (B10).
    pub(super) administrative: bool,
    /// The time of the event that it decides on.
    pub(super) now: Timestamp,
    /// What stops the saga without a record of its own: the deadline, an API host that died, an
    /// ephemeral step that could not be run again.
    pub(super) stop: Option<Cause>,
}

/// What only its owner knows of a saga: all of a machine, together with the records.
///
/// ```
/// use distributed_task::kernel::{Decision, Event, Judge, Machine, Stamped, Timestamp};
///
/// /// Decides, and takes it back when the journal does not take it.
/// fn decide(
///     saga: &mut Machine,
///     event: Event,
///     now: Timestamp,
///     code: &dyn Judge,
///     commit: impl FnOnce(Decision) -> Result<(), Vec<Stamped>>,
/// ) {
///     let memo = saga.memo();
///     let decision = saga.decide(event, now, code);
///     if let Err(records) = commit(decision) {
///         saga.rewind(&memo, &records);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Memo {
    local: SmallVec<[Local; 4]>,
    ephemeral: Vec<(usize, Value)>,
    crashes: u32,
    lost_at: Timestamp,
    leaving: bool,
    resumed: bool,
    wrote: bool,
    now: Timestamp,
    stop: Option<Cause>,
}

/// What only this owner knows of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Local {
    pub(super) in_flight: bool,
    /// Its intent is of this owner, who has begun no attempt yet.
    pub(super) fresh: bool,
    pub(super) failed: u32,
    pub(super) retry_at: Option<Timestamp>,
    /// Attempts before this claim that no record tells of.
    pub(super) crashes: u32,
    /// Its owner before may have begun one.
    pub(super) open_before: bool,
    /// Its owner before could not begin any.
    pub(super) waited: bool,
    /// One of them may have happened: nobody has answered for it, and no record tells of it.
    pub(super) lost: bool,
    /// An attempt that nobody can stop may run until then (C3).
    pub(super) busy_until: Option<Timestamp>,
    /// What is in flight is not wanted any more: its end means nothing.
    pub(super) stale: bool,
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
        machine.now = now;
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
        let mut machine = Self::around(definition, id, role, fence, state);
        machine.resumed = true;
        machine.abandoned = machine.is_abandoned();
        machine.remember(records);
        Some(machine)
    }

    fn around(
        definition: Arc<Definition>,
        id: SagaId,
        role: Host,
        fence: Fence,
        state: State,
    ) -> Self {
        let local = SmallVec::from_elem(Local::default(), definition.steps.len());
        Self {
            definition,
            id,
            role,
            fence,
            state,
            local,
            ephemeral: Vec::new(),
            crashes: 0,
            lost_at: Timestamp::default(),
            leaving: false,
            resumed: false,
            abandoned: false,
            wrote: false,
            administrative: false,
            now: Timestamp::default(),
            stop: None,
        }
    }

    /// For a host without the code of the task: folds the inbox, commits what needs no user code,
    /// and gives the saga back (B10).
    #[must_use]
    pub fn administrative(mut self) -> Self {
        self.administrative = true;
        self.leaving = true;
        self
    }

    /// What only the owner knows now; cheap.
    pub fn memo(&self) -> Memo {
        Memo {
            local: SmallVec::from_slice(&self.local),
            ephemeral: self.ephemeral.clone(),
            crashes: self.crashes,
            lost_at: self.lost_at,
            leaving: self.leaving,
            resumed: self.resumed,
            wrote: self.wrote,
            now: self.now,
            stop: self.stop.clone(),
        }
    }

    /// Makes a memo what [`memo`](Self::memo) would be now, in the room that it has.
    pub fn memo_in(&self, memo: &mut Memo) {
        memo.local.clear();
        memo.local.extend_from_slice(&self.local);
        memo.ephemeral.clone_from(&self.ephemeral);
        (memo.crashes, memo.lost_at, memo.now) = (self.crashes, self.lost_at, self.now);
        (memo.leaving, memo.resumed, memo.wrote) = (self.leaving, self.resumed, self.wrote);
        memo.stop.clone_from(&self.stop);
    }

    /// Goes back to what the owner knew, and what these records tell: those of the journal, which
    /// did not take what was decided since. Records that do not begin with `Started` change nothing.
    pub fn rewind(&mut self, memo: &Memo, records: &[Stamped]) {
        let Some(state) = State::fold(&self.definition, records) else { return };
        let Memo { local, ephemeral, crashes, lost_at, leaving, resumed, wrote, now, stop } = memo;
        self.state = state;
        self.local = SmallVec::from_slice(local);
        self.ephemeral.clone_from(ephemeral);
        (self.crashes, self.lost_at, self.now) = (*crashes, *lost_at, *now);
        (self.leaving, self.resumed, self.wrote) = (*leaving, *resumed, *wrote);
        self.stop.clone_from(stop);
    }

    /// Tells the machine what happened. What it decides must be committed before any
    /// [`commands`](Self::commands) are asked for; if it is not, the machine must
    /// [rewind](Self::rewind).
    pub fn decide(&mut self, event: Event, now: Timestamp, judge: &dyn Judge) -> Decision {
        let mut decision = Decision::default();
        self.now = now;
        self.look_at_deadline(now);
        match event {
            Event::Claimed { crashes, crashed_at, mail } => {
                self.resumed = false;
                // What was told before the claim counts before anything starts (B9).
                self.mail(mail, &mut decision);
                if self.abandoned {
                    self.stop(Cause::Abandoned);
                }
                self.claimed(crashes, crashed_at.unwrap_or(now), &mut decision);
            }
            Event::Ended { step, way, end } => self.ended(step, way, end, now, &mut decision),
            Event::Mail(mail) => self.mail(mail, &mut decision),
            Event::Due => {}
            Event::Leave => self.leaving = true,
        }
        if self.resumed {
            // Its mail came before its claim: what follows from it follows from the claim.
            self.settle_place(now, &mut decision);
            return decision;
        }
        let gives_back = self.leaving && !self.in_flight() && !self.is_idle();
        if gives_back && self.in_api_phase() && self.needs_its_api_host() {
            // Nobody else resumes it: the records tell that it was never accepted.
            self.stop(Cause::Abandoned);
        }
        self.settle(&mut decision);
        self.advance(judge, &mut decision);
        if self.wrote {
            self.note_losses(&mut decision);
        }
        self.settle_place(now, &mut decision);
        decision
    }

    /// From the deadline on the saga stops, unless something else stopped it first (section 5).
    fn look_at_deadline(&mut self, now: Timestamp) {
        if self.state.deadline.is_some_and(|deadline| deadline <= now) {
            self.stop(Cause::Deadline);
        }
    }

    fn claimed(&mut self, crashes: u32, crashed_at: Timestamp, decision: &mut Decision) {
        self.crashes = crashes;
        if crashes > 0 {
            self.look_for_losses(crashes, crashed_at, decision);
        }
        if crashes >= MAX_CRASHES && !self.is_idle() && self.runs_something() {
            self.note_losses(decision);
            self.push(decision, Record::Parked(Box::new(ParkReason::CrashLoop(crashes))));
        }
    }

    /// Whether anything is to be run before the next record. What was told to go back goes back: that
    /// may be the way out, unless the pivot must be run, or a probe asked, before that (R4).
    fn runs_something(&self) -> bool {
        let first =
            |step| self.is_in_doubt(step) || self.is_pivot(step) && !self.is_without_effect(step);
        let mut open = (0..self.local.len()).filter(|step| self.state.steps[*step].is_open());
        self.stop_cause().is_none() || open.any(first)
    }

    /// What the caller streamed in died with the API host: undone, never resumed (A6).
    fn is_abandoned(&self) -> bool {
        self.role == Host::Worker && self.needs_its_api_host()
    }

    /// Its API phase is not over. What that host parked it handed over: its start was accepted.
    fn needs_its_api_host(&self) -> bool {
        let settled = [Phase::Done, Phase::Skipped];
        let mut steps = self.definition.steps.iter().zip(&self.state.steps);
        !self.state.handed_over
            && steps.any(|(step, at)| step.host == Host::Api && !settled.contains(&at.phase))
    }

    /// Applies a record and adds it to the group.
    pub(super) fn push(&mut self, decision: &mut Decision, record: Record) {
        match &record {
            Record::Intended { step, .. } => {
                let local = &mut self.local[*step];
                (local.crashes, local.fresh) = (0, true);
            }
            Record::Ended { step, way, end, .. } => {
                let (definition, now) = (&self.definition.steps[*step], self.now);
                self.local[*step].learn(definition, *way, end, now);
            }
            _ => {}
        }
        self.wrote = true;
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
        journaled.or_else(|| self.ephemeral(step))
    }

    /// The output of a step, if it lives here.
    pub(super) fn ephemeral(&self, step: usize) -> Option<&Value> {
        self.ephemeral.iter().find(|(of, _)| *of == step).map(|(_, value)| value)
    }

    pub(super) fn keep_ephemeral(&mut self, step: usize, value: Value) {
        self.ephemeral.retain(|(of, _)| *of != step);
        self.ephemeral.push((step, value));
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
