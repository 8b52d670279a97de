//! A saga on a desk: the test plays user code, clock, hosts and journal, the machine is real.
//!
//! ```text
//! given(task([step("reserve"), step("charge")]))
//!     .claimed()                .runs(["run reserve"])
//!     .when(done("reserve"))    .writes(["reserve done", "intent charge"])
//! ```

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{events::Ended, invariants, words::Words};
use crate::kernel::{
    Command, Decision, Definition, EntryId, Event, Fence, Host, Judge, Letter, Machine, Mail,
    NoVerdict, Place, Record, SagaId, Stamped, Started, Timestamp, Value,
};

pub(super) const SAGA: SagaId = SagaId(Uuid::from_u128(0x0192_f3a1_0000_7000_8000_0000_0000_0001));
const START: Timestamp = Timestamp(1_000_000_000_000);

/// One saga and everything around it.
pub(super) struct Script {
    pub(super) definition: Arc<Definition>,
    answers: Answers,
    pub(super) now: Timestamp,
    pub(super) journal: Vec<Stamped>,
    inbox: Vec<Mail>,
    crashed: Vec<Fence>,
    reaped_at: Option<Timestamp>,
    pub(super) place: Place,
    pub(super) owner: Option<Machine>,
    slot: bool,
    /// How long the next commit takes.
    takes: Duration,
    /// What the last decision wrote, and what was started after it, in words.
    pub(super) wrote: Vec<String>,
    pub(super) started: Vec<String>,
    pub(super) guarded: bool,
    letters: u128,
    pub(super) commits: usize,
}

/// What conditions and the response answer.
#[derive(Default)]
struct Answers {
    skipped: BTreeSet<&'static str>,
    panicking: BTreeSet<&'static str>,
    unreadable: BTreeSet<&'static str>,
}

impl Answers {
    /// Why this one has no answer, if it has none.
    fn trouble(&self, name: &str) -> Result<(), NoVerdict> {
        if self.panicking.contains(name) {
            return Err(NoVerdict::Panicked("division by zero".into()));
        }
        if self.unreadable.contains(name) {
            return Err(NoVerdict::Undecodable("not a number".into()));
        }
        Ok(())
    }
}

impl Judge for Answers {
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, NoVerdict> {
        let name = &*saga.definition().steps[step].name;
        self.trouble(name)?;
        Ok(!self.skipped.contains(name))
    }

    fn respond(&self, _: &Machine) -> Result<Value, NoVerdict> {
        self.trouble("response")?;
        Ok(Value::journaled("response".to_owned()))
    }
}

/// A task of which nothing was started yet.
pub(super) fn given(definition: Definition) -> Script {
    Script {
        definition: Arc::new(definition),
        answers: Answers::default(),
        now: START,
        journal: Vec::new(),
        inbox: Vec::new(),
        crashed: Vec::new(),
        reaped_at: None,
        place: Place::Ready,
        owner: None,
        slot: true,
        takes: Duration::ZERO,
        wrote: Vec::new(),
        started: Vec::new(),
        guarded: false,
        letters: 0,
        commits: 0,
    }
}

impl Script {
    pub(super) fn skipping(mut self, steps: impl IntoIterator<Item = &'static str>) -> Self {
        self.answers.skipped = steps.into_iter().collect();
        self
    }

    /// The conditions of these steps panic; `"response"` stands for the response.
    /// What these read cannot be read.
    pub(super) fn unreadable(mut self, what: impl IntoIterator<Item = &'static str>) -> Self {
        self.answers.unreadable = what.into_iter().collect();
        self
    }

    pub(super) fn panicking(mut self, what: impl IntoIterator<Item = &'static str>) -> Self {
        self.answers.panicking = what.into_iter().collect();
        self
    }

    // ---- what happens ------------------------------------------------------------------------

    /// Somebody submits it: a host that owns nothing, or an API host that runs the first steps.
    pub(super) fn submitted(mut self) -> Self {
        self.submit();
        self
    }

    fn submit(&mut self) {
        let api = self.definition.steps[0].host == Host::Api;
        let fence = if api { Fence(1) } else { Fence::NONE };
        let started = Started {
            definition: self.definition.hash(),
            request: Value::journaled("request".to_owned()),
            deadline: self.definition.timeout.map(|timeout| self.now.plus(timeout)),
            fingerprint: None,
            reply_to: None,
        };
        let (machine, decision) = Machine::start(
            self.definition.clone(),
            SAGA,
            Host::Api,
            fence,
            started,
            self.now,
            &self.answers,
        );
        self.owner = Some(machine);
        self.commit(decision);
    }

    /// A worker claims it.
    pub(super) fn claimed(mut self) -> Self {
        let claim = self.claim(|machine| machine);
        self.decide(claim);
        self
    }

    /// A worker claims it, and this comes in before the claim is settled: it is read first.
    pub(super) fn claimed_and_told(mut self, letter: Letter) -> Self {
        let claim = self.claim(|machine| machine);
        let refused = self.owner().clone().decide(claim.clone(), self.now, &self.answers);
        assert!(refused.guarded, "it would be written beside unread mail");
        self.post(letter);
        self.decide(Event::Mail(self.inbox.clone()));
        self.decide(claim);
        self
    }

    /// A worker claims it, and dies before anything is written.
    pub(super) fn claimed_but_dies_before_it_writes(mut self) -> Self {
        self.claim(|machine| machine);
        self.host_dies()
    }

    /// A host that has not the code of the task claims it (B10).
    pub(super) fn administered(mut self) -> Self {
        let claim = self.claim(Machine::administrative);
        self.decide(claim);
        self
    }

    fn claim(&mut self, role: fn(Machine) -> Machine) -> Event {
        if self.journal.is_empty() {
            self.submit();
        }
        assert!(self.owner.is_none(), "it has an owner, who gave nothing back");
        assert_ne!(self.place, Place::Ended, "it is over");
        let last = self.journal.last().map_or(Fence::NONE, |stamped| stamped.fence);
        let fence = Fence(last.0.max(self.crashed.last().map_or(0, |fence| fence.0)) + 10);
        let machine =
            Machine::resume(self.definition.clone(), SAGA, Host::Worker, fence, &self.journal);
        self.owner = Some(role(machine.expect("the journal begins with `Started`")));
        self.place = Place::Owned;
        let crashes = self.crashed.iter().filter(|fence| **fence >= last).count();
        let crashes = u32::try_from(crashes).expect("a test has few crashes");
        let crashed_at = self.reaped_at.filter(|_| crashes > 0);
        Event::Claimed { crashes, crashed_at, mail: self.inbox.clone() }
    }

    /// An attempt ends.
    pub(super) fn when(mut self, Ended(step, way, end): Ended) -> Self {
        let step = self.step(step);
        assert!(self.owner().local[step].in_flight, "nothing of it is in flight");
        self.decide(Event::Ended { step, way, end });
        self
    }

    /// An attempt ends, and it takes so many seconds to write that.
    pub(super) fn when_written_for(mut self, seconds: u64, ended: Ended) -> Self {
        self.takes = Duration::from_secs(seconds);
        self.when(ended)
    }

    /// An attempt ends, but the commit is refused: this came in while it was decided.
    pub(super) fn when_refused_for(mut self, letter: Letter, Ended(step, way, end): Ended) -> Self {
        let step = self.step(step);
        let event = Event::Ended { step, way, end };
        let owner = self.owner.as_mut().expect("it has an owner");
        let refused = owner.clone().decide(event.clone(), self.now, &self.answers);
        assert!(refused.guarded, "it would be written beside unread mail");
        self = self.told(letter);
        self.decide(event);
        self
    }

    /// Somebody tells it something: its owner hears it now, or the next one with the claim.
    pub(super) fn told(mut self, letter: Letter) -> Self {
        self.post(letter);
        if self.owner.is_some() {
            self.decide(Event::Mail(self.inbox.clone()));
        } else if self.place != Place::Ready {
            self.place = Place::Ready;
        }
        self
    }

    fn post(&mut self, letter: Letter) {
        self.letters += 1;
        let id = EntryId(Uuid::from_u128(self.letters));
        self.inbox.push(Mail { id, letter });
    }

    /// A stale owner tells how its attempt of the step ended.
    pub(super) fn told_late(self, Ended(step, way, end): Ended) -> Self {
        let step = self.step(step);
        self.told(Letter::Late { step, generation: 0, attempt: 1, way, end })
    }

    pub(super) fn told_to_mark_done(self, step: &'static str) -> Self {
        let step = self.step(step);
        self.told(Letter::MarkDone {
            step,
            output: None,
            evidence: "seen in the ledger".into(),
            by: "alice".into(),
        })
    }

    /// An operator says what the step would have returned.
    pub(super) fn told_the_output_of(self, step: &'static str) -> Self {
        let step = self.step(step);
        self.told(Letter::MarkDone {
            step,
            output: Some(Value::journaled("from the ledger".to_owned())),
            evidence: "seen in the ledger".into(),
            by: "alice".into(),
        })
    }

    pub(super) fn told_to_mark_not_done(self, step: &'static str) -> Self {
        let step = self.step(step);
        let evidence = "not in the ledger".into();
        self.told(Letter::MarkNotDone { step, evidence, by: "alice".into() })
    }

    pub(super) fn told_to_waive(self, step: &'static str) -> Self {
        let step = self.step(step);
        self.told(Letter::Waive { step, reason: "too small to matter".into(), by: "alice".into() })
    }

    /// Time passes, up to a timer of its owner.
    pub(super) fn seconds_later(mut self, seconds: u64) -> Self {
        self.now = self.now.plus(Duration::from_secs(seconds));
        if self.owner.is_some() {
            self.decide(Event::Due);
        } else if matches!(self.place, Place::Timed(due) if due <= self.now) {
            self.place = Place::Ready;
        }
        self
    }

    /// Its owner has no slot left to run anything in.
    pub(super) fn without_a_slot(mut self) -> Self {
        self.slot = false;
        self
    }

    /// Its next owner has a slot.
    pub(super) fn with_a_slot(mut self) -> Self {
        self.slot = true;
        self
    }

    /// Its owner has a slot again.
    pub(super) fn gets_a_slot(mut self) -> Self {
        self.slot = true;
        self.decide(Event::Due);
        self
    }

    /// Its owner begins to leave.
    pub(super) fn host_leaves(mut self) -> Self {
        self.decide(Event::Leave);
        self
    }

    /// Its owner dies, and is reaped.
    pub(super) fn host_dies(mut self) -> Self {
        let owner = self.owner.take().expect("it has an owner");
        self.crashed.push(owner.fence());
        self.reaped_at = Some(self.now);
        self.place = Place::Ready;
        self
    }

    // ---- how -----------------------------------------------------------------------------------

    pub(super) fn step(&self, name: &str) -> usize {
        let named = self.definition.steps.iter().position(|step| step.name == name);
        named.expect("a step of this task")
    }

    fn owner(&self) -> &Machine {
        self.owner.as_ref().expect("it has an owner")
    }

    fn decide(&mut self, event: Event) {
        let owner = self.owner.as_mut().expect("it has an owner");
        let (before, memo) = (format!("{owner:?}"), owner.memo());
        owner.decide(event.clone(), self.now, &self.answers);
        owner.rewind(&memo, &self.journal);
        assert_eq!(format!("{owner:?}"), before, "a decision that is not written leaves nothing");
        let decision = owner.decide(event, self.now, &self.answers);
        self.commit(decision);
    }

    fn commit(&mut self, decision: Decision) {
        let mut owner = self.owner.take().expect("somebody decided");
        self.commits += usize::from(!decision.is_empty());
        let words = Words { definition: &self.definition, now: self.now };
        self.wrote = decision.records.iter().map(|record| words.record(record)).collect();
        self.guarded = decision.guarded;
        self.place = decision.place;
        self.inbox.retain(|mail| !decision.folded.contains(&mail.id));
        let (fence, at) = (owner.fence(), self.now);
        let stamp = |record: Record| Stamped { fence, at, record };
        self.journal.extend(decision.records.into_iter().map(stamp));
        invariants::check(&self.definition, &self.journal);
        invariants::fold_is_live(&self.definition, &self.journal, &owner);
        self.started.clear();
        self.now = self.now.plus(std::mem::take(&mut self.takes));
        if self.place == Place::Owned && !owner.resumed {
            let words = Words { definition: &self.definition, now: self.now };
            let (commands, wants_slot) = match self.slot {
                true => (owner.commands(self.now), false),
                false => owner.commands_without_slot(self.now),
            };
            self.started.extend(commands.iter().map(|command: &Command| words.command(command)));
            if wants_slot {
                self.started.push("wants a slot".into());
            } else {
                invariants::nothing_waits_for_ever(&owner, &commands, at);
            }
            self.owner = Some(owner);
        } else if self.place == Place::Owned {
            // Its claim comes next.
            self.owner = Some(owner);
        }
    }
}
