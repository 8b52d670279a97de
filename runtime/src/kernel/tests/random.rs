//! Sagas drawn by lot, with everything that may happen to them: after each decision the invariants
//! hold, and once faults stop every saga ends (INV14). A failure prints its seed.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    draw::{Lot, draw_end, draw_task},
    events::unpark,
    invariants,
    ledger::Ledger,
    reader::Seen,
};
use crate::kernel::{
    AttemptEnd, Command, Decision, Definition, EntryId, Event, Fence, Host, Judge, Kind, Letter,
    Machine, Mail, NoVerdict, Place, Record, SagaId, Stamped, Started, Timestamp, Value, Way,
};

const SAGAS: u64 = 3_000;
/// Decisions while faults happen, and decisions that any saga needs to end afterwards.
const TROUBLE: usize = 40;
const ENOUGH: usize = 1_000;

#[test]
fn invariants_hold_whatever_happens() {
    for seed in 0..SAGAS {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "seed {seed}: `World::new({seed}).run()` runs it again");
    }
}

/// One saga, its journal, and a host at a time.
struct World {
    lot: Lot,
    definition: Arc<Definition>,
    verdicts: u64,
    now: Timestamp,
    journal: Vec<Stamped>,
    inbox: Vec<Mail>,
    crashed: Vec<Fence>,
    reaped_at: Option<Timestamp>,
    fence: u64,
    place: Place,
    owner: Option<Machine>,
    due: Option<Timestamp>,
    flights: Vec<(usize, Way)>,
    ledger: Ledger,
    /// Faults happen, and conditions may panic.
    troubled: bool,
}

impl Judge for World {
    fn when(&self, _: &Machine, step: usize) -> Result<bool, NoVerdict> {
        match self.verdicts >> (2 * step) & 3 {
            0 if self.troubled => Err(NoVerdict::Panicked("division by zero".into())),
            verdict => Ok(verdict > 1),
        }
    }

    fn respond(&self, _: &Machine) -> Result<Value, NoVerdict> {
        Ok(Value::journaled(()))
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut lot = Lot(seed);
        let definition = Arc::new(draw_task(&mut lot));
        Self {
            verdicts: lot.next(),
            lot,
            ledger: Ledger::new(&definition),
            definition,
            now: Timestamp(1_000_000_000),
            journal: Vec::new(),
            inbox: Vec::new(),
            crashed: Vec::new(),
            reaped_at: None,
            fence: 1,
            place: Place::Ready,
            owner: None,
            due: None,
            flights: Vec::new(),
            troubled: true,
        }
    }

    fn run(mut self) {
        self.submit();
        for _ in 0..TROUBLE {
            if self.place == Place::Ended {
                return;
            }
            self.something_happens();
        }
        self.troubled = false;
        for _ in 0..ENOUGH {
            if self.place == Place::Ended {
                return;
            }
            self.all_goes_well();
        }
        panic!("INV14: it does not end: {:?} {:#?}", self.place, self.journal);
    }

    fn submit(&mut self) {
        let api = self.definition.steps[0].host == Host::Api;
        let fence = if api { Fence(self.fence) } else { Fence::NONE };
        let started = Started {
            definition: self.definition.hash(),
            request: Value::journaled(()),
            deadline: self.definition.timeout.map(|timeout| self.now.plus(timeout)),
            fingerprint: None,
            reply_to: None,
        };
        let id = SagaId(Uuid::from_u128(u128::from(self.lot.next())));
        let definition = self.definition.clone();
        let (machine, decision) =
            Machine::start(definition, id, Host::Api, fence, started, self.now, self);
        self.owner = Some(machine);
        self.written(decision);
        self.start();
    }

    // ---- with faults ---------------------------------------------------------------------------

    fn something_happens(&mut self) {
        match self.lot.below(12) {
            0 => self.tell(),
            1 => self.time_passes(),
            2 if self.lot.one_in(6) => self.hosts_die_in_a_row(),
            2 => self.host_dies(),
            3 => self.host_leaves(),
            _ if self.owner.is_none() => match self.lot.one_in(5) {
                true => self.claim(Machine::administrative),
                false => self.claim(|machine| machine),
            },
            _ if self.flights.is_empty() => self.time_passes(),
            _ => self.attempt_ends(draw_end),
        }
    }

    fn draw_letter(&mut self) -> Letter {
        let step = self.lot.below(self.definition.steps.len());
        let (evidence, by) = ("seen".to_owned(), "alice".to_owned());
        match self.lot.below(14) {
            0 => Letter::Kill { reason: "enough".into(), by },
            1 | 2 => Letter::Waive { step, reason: "small".into(), by },
            3 => Letter::MarkDone { step, output: None, evidence, by },
            4 => {
                let output = Some(Value::journaled(()));
                Letter::MarkDone { step, output, evidence, by }
            }
            5 => Letter::MarkNotDone { step, evidence, by },
            6..=8 => unpark(),
            9 | 10 => self.draw_late(step),
            _ => Letter::Cancel { reason: "changed my mind".into() },
        }
    }

    /// Only what was begun can succeed late.
    fn draw_late(&mut self, step: usize) -> Letter {
        if !self.ledger.may_succeed_late(step) {
            return unpark();
        }
        let end = match draw_end(&mut self.lot, Way::Do) {
            AttemptEnd::Retry { error, after } => AttemptEnd::Retry { error, after },
            _ => AttemptEnd::Done(Value::journaled(())),
        };
        Letter::Late { step, generation: 0, attempt: 1, way: Way::Do, end }
    }

    fn tell(&mut self) {
        let letter = self.draw_letter();
        self.deliver(letter);
        if self.owner.is_some() && self.lot.one_in(2) {
            self.read_mail();
        }
    }

    fn deliver(&mut self, letter: Letter) {
        let id = EntryId(Uuid::from_u128(u128::from(self.lot.next())));
        self.inbox.push(Mail { id, letter });
        if self.owner.is_none() {
            self.place = Place::Ready;
        }
    }

    fn host_dies(&mut self) {
        let Some(owner) = self.owner.take() else { return };
        self.crashed.push(owner.fence());
        self.reaped_at = Some(self.now);
        self.place = Place::Ready;
        for (step, way) in std::mem::take(&mut self.flights) {
            if way == Way::Do {
                self.ledger.is_lost(&self.definition, step, self.now);
            }
        }
    }

    /// What they run kills them.
    fn hosts_die_in_a_row(&mut self) {
        for _ in 0..7 {
            if self.owner.is_none() && self.place != Place::Ended {
                self.claim(|machine| machine);
            }
            self.host_dies();
        }
    }

    /// So many owners died since the last record.
    fn crashes(&self) -> usize {
        let last = self.journal.last().map_or(Fence::NONE, |stamped| stamped.fence);
        self.crashed.iter().filter(|fence| **fence >= last).count()
    }

    fn host_leaves(&mut self) {
        if self.owner.is_some() {
            self.decide(Event::Leave);
        }
    }

    // ---- without -------------------------------------------------------------------------------

    fn all_goes_well(&mut self) {
        match self.place {
            Place::Parked => self.deliver(unpark()),
            _ if self.owner.is_none() => self.claim(|machine| machine),
            _ if !self.inbox.is_empty() => self.read_mail(),
            _ if self.flights.is_empty() => self.time_passes(),
            _ => self.attempt_ends(|lot, way| match way {
                Way::Probe if lot.one_in(2) => AttemptEnd::DidNot,
                _ => AttemptEnd::Done(Value::journaled(())),
            }),
        }
    }

    // ---- both ----------------------------------------------------------------------------------

    fn claim(&mut self, role: fn(Machine) -> Machine) {
        match self.place {
            Place::Timed(due) => self.now = self.now.max(due),
            Place::Parked => return,
            _ => {}
        }
        let crashes = self.crashes();
        self.fence += 1;
        let fence = Fence(self.fence);
        let id = SagaId(Uuid::nil());
        let machine =
            Machine::resume(self.definition.clone(), id, Host::Worker, fence, &self.journal);
        self.owner = machine.map(role);
        let crashes = u32::try_from(crashes).expect("few hosts die");
        let crashed_at = self.reaped_at.filter(|_| crashes > 0);
        self.decide(Event::Claimed { crashes, crashed_at, mail: self.inbox.clone() });
    }

    fn read_mail(&mut self) {
        if !self.inbox.is_empty() {
            self.decide(Event::Mail(self.inbox.clone()));
        }
    }

    fn time_passes(&mut self) {
        match (&self.owner, self.due) {
            (Some(_), Some(due)) => {
                self.now = self.now.max(due);
                self.decide(Event::Due);
            }
            _ => self.now = Timestamp(self.now.0 + self.lot.next() % 5_000_000),
        }
    }

    fn attempt_ends(&mut self, end: fn(&mut Lot, Way) -> AttemptEnd) {
        let flight = self.lot.below(self.flights.len());
        let (step, way) = self.flights.swap_remove(flight);
        let end = end(&mut self.lot, way);
        self.ledger.ends(&self.definition, (step, way), &end, self.now);
        self.decide(Event::Ended { step, way, end });
    }

    /// Decides and commits; a guarded commit is refused while mail waits, as a journal would.
    fn decide(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Some(mut next) = self.owner.clone() else { return };
            let memo = next.memo();
            let decision = next.decide(event.clone(), self.now, self);
            if self.troubled && self.lot.one_in(8) {
                let letter = self.draw_letter();
                self.deliver(letter);
            }
            let unread = self.inbox.iter().any(|mail| !decision.folded.contains(&mail.id));
            if decision.guarded && unread {
                next.rewind(&memo, &self.journal);
                assert_eq!(format!("{next:?}"), format!("{:?}", self.owner.as_ref().expect("one")));
                self.owner = Some(next);
                // Its mail is in the inbox, which is read first.
                events.push(event);
                events.push(Event::Mail(self.inbox.clone()));
            } else {
                self.owner = Some(next);
                self.written(decision);
            }
        }
        self.start();
    }

    fn written(&mut self, decision: Decision) {
        let owner = self.owner.take().expect("it decided");
        self.inbox.retain(|mail| !decision.folded.contains(&mail.id));
        let (fence, at) = (owner.fence(), self.now);
        let stamp = |record: Record| Stamped { fence, at, record };
        let before = self.journal.len();
        self.journal.extend(decision.records.into_iter().map(stamp));
        self.place = decision.place;
        let definition = self.definition.clone();
        let was = invariants::check(&definition, &self.journal[..before]);
        let seen = invariants::check(&definition, &self.journal);
        self.ledger.written(&definition, (&was, &seen), &self.journal[before..]);
        invariants::fold_is_live(&definition, &self.journal, &owner);
        match self.place {
            Place::Owned => self.owner = Some(owner),
            Place::Ended => {
                // A kill drops what still runs.
                self.flights.clear();
                self.ledger.check(&definition, &seen, &self.journal);
            }
            Place::Timed(due) => assert!(due > self.now, "it spins: {owner:?}"),
            Place::Parked => assert!(seen.needs_somebody(), "E4: it waits for nobody: {owner:?}"),
            Place::Ready => {}
        }
        assert!(self.owner.is_some() || self.flights.is_empty(), "it left with work in flight");
    }

    /// What its owner starts, now that all is written.
    fn start(&mut self) {
        self.due = None;
        let Some(mut owner) = self.owner.take() else { return };
        let definition = self.definition.clone();
        let seen = invariants::check(&definition, &self.journal);
        let decided = self.now;
        if self.troubled && self.lot.one_in(8) {
            // It took long to write that.
            self.now = Timestamp(self.now.0 + self.lot.next() % 5_000_000);
        }
        let commands = owner.commands(self.now);
        invariants::nothing_waits_for_ever(&owner, &commands, decided);
        for command in commands {
            match command {
                Command::Run { step, way, .. } => {
                    assert!(self.crashes() < 5, "R3: step {step} runs, whatever it kills");
                    let beside = self.flights.iter().any(|(of, _)| *of == step);
                    assert!(!beside, "two attempts of step {step} run beside each other");
                    let of = &definition.steps[step];
                    // But the pivot may be run again to learn whether it happened, with what it
                    // reads, and behind it there is no way back.
                    let learns = of.kind == Kind::Pivot || of.ephemeral || seen.pivot_done();
                    let elsewhere = owner.role() == Host::Worker && of.host == Host::Api;
                    assert!(
                        way != Way::Do || !elsewhere || seen.handed_over || learns,
                        "A6: the API phase is resumed elsewhere",
                    );
                    self.ledger.begins(&definition, &seen, step, way);
                    self.flights.push((step, way));
                }
                Command::Stop => {
                    let open = |step: usize| seen.steps[step].seen == Seen::Intended;
                    let asks = |(step, way): &(usize, Way)| *way == Way::Probe && open(*step);
                    assert!(!self.flights.iter().any(asks), "E3: a probe is told to stop");
                }
                Command::Wait(due) => self.due = Some(due),
            }
        }
        self.owner = Some(owner);
    }
}
