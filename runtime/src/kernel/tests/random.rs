//! Sagas drawn by lot, with everything that may happen to them: after each decision the invariants
//! hold, and once faults stop every saga ends (INV14). A failure prints its seed.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    draw::{Lot, draw_task},
    invariants::{self, Ledger},
};
use crate::kernel::{
    AttemptEnd, Command, Decision, Definition, Doubt, EntryId, Event, Fence, Host, Judge, Letter,
    Machine, Mail, Place, Record, Refused, SagaId, Stamped, Started, Timestamp, Value, Way,
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
    fn when(&self, _: &Machine, step: usize) -> Result<bool, String> {
        match self.verdicts >> (2 * step) & 3 {
            0 if self.troubled => Err("division by zero".into()),
            verdict => Ok(verdict > 1),
        }
    }

    fn respond(&self, _: &Machine) -> Result<Value, String> {
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
            reply_to: None,
        };
        let id = SagaId(Uuid::from_u128(u128::from(self.lot.next())));
        let definition = self.definition.clone();
        let (machine, decision) =
            Machine::start(definition, id, Host::Api, fence, started, self.now, self);
        self.owner = Some(machine);
        self.written(decision);
    }

    // ---- with faults ---------------------------------------------------------------------------

    fn something_happens(&mut self) {
        match self.lot.below(12) {
            0 => self.tell(),
            1 => self.time_passes(),
            2 => self.host_dies(),
            3 => self.host_leaves(),
            _ if self.owner.is_none() => self.claim(),
            _ if self.flights.is_empty() => self.time_passes(),
            _ => {
                let end = self.draw_end();
                self.attempt_ends(end);
            }
        }
    }

    fn draw_end(&mut self) -> AttemptEnd {
        match self.lot.below(10) {
            0 => AttemptEnd::Unknown(Doubt::TimedOut),
            1 => AttemptEnd::Unknown(Doubt::Interrupted),
            2 => AttemptEnd::Undecodable("not a string".into()),
            3 => AttemptEnd::Refused(Refused { error: Value::journaled(()), message: "no".into() }),
            4 | 5 => AttemptEnd::Retry { error: "no reply".into(), after: None },
            _ => AttemptEnd::Done(Value::journaled(())),
        }
    }

    fn draw_letter(&mut self) -> Letter {
        let step = self.lot.below(self.definition.steps.len());
        match self.lot.below(12) {
            0 => Letter::Kill { reason: "enough".into() },
            1 | 2 => Letter::Waive { step, reason: "small".into() },
            3 => Letter::MarkDone { step, evidence: "seen".into() },
            4..=6 => Letter::Unpark,
            7 | 8 => self.draw_late(step),
            _ => Letter::Cancel { reason: "changed my mind".into() },
        }
    }

    /// Only what was begun can succeed late.
    fn draw_late(&mut self, step: usize) -> Letter {
        let way = Way::Do;
        if !self.ledger.began(step) || self.ledger.refused(step) {
            return Letter::Unpark;
        }
        let end = self.draw_end();
        let refused = matches!(end, AttemptEnd::Refused(_));
        let end = if refused { AttemptEnd::Unknown(Doubt::TimedOut) } else { end };
        Letter::Late { step, generation: 0, attempt: 1, way, end }
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
        self.place = Place::Ready;
        self.flights.clear();
    }

    fn host_leaves(&mut self) {
        if self.owner.is_some() {
            self.decide(Event::Leave);
        }
    }

    // ---- without -------------------------------------------------------------------------------

    fn all_goes_well(&mut self) {
        match self.place {
            Place::Parked => self.deliver(Letter::Unpark),
            _ if self.owner.is_none() => self.claim(),
            _ if !self.inbox.is_empty() => self.read_mail(),
            _ if self.flights.is_empty() => self.time_passes(),
            _ => self.attempt_ends(AttemptEnd::Done(Value::journaled(()))),
        }
    }

    // ---- both ----------------------------------------------------------------------------------

    fn claim(&mut self) {
        match self.place {
            Place::Timed(due) => self.now = self.now.max(due),
            Place::Parked => return,
            _ => {}
        }
        let last = self.journal.last().map_or(Fence::NONE, |stamped| stamped.fence);
        let crashes = self.crashed.iter().filter(|fence| **fence >= last).count();
        self.fence += 1;
        let fence = Fence(self.fence);
        let id = SagaId(Uuid::nil());
        let machine =
            Machine::resume(self.definition.clone(), id, Host::Worker, fence, &self.journal);
        self.owner = machine;
        let crashes = u32::try_from(crashes).expect("few hosts die");
        self.decide(Event::Claimed { crashes, mail: self.inbox.clone() });
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

    fn attempt_ends(&mut self, end: AttemptEnd) {
        let flight = self.lot.below(self.flights.len());
        let (step, way) = self.flights.swap_remove(flight);
        self.ledger.ends(step, way, &end);
        self.decide(Event::Ended { step, way, end });
    }

    /// Decides and commits; a guarded commit is refused while mail waits, as a journal would.
    fn decide(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Some(owner) = self.owner.clone() else { return };
            let mut next = owner;
            let decision = next.decide(event.clone(), self.now, self);
            if self.troubled && self.lot.one_in(8) {
                let letter = self.draw_letter();
                self.deliver(letter);
            }
            let unread = self.inbox.iter().any(|mail| !decision.folded.contains(&mail.id));
            if decision.guarded && unread {
                // Its mail is in the inbox, which is read first.
                events.push(match event {
                    Event::Claimed { crashes, .. } => Event::Claimed { crashes, mail: Vec::new() },
                    Event::Mail(_) => Event::Due,
                    event => event,
                });
                events.push(Event::Mail(self.inbox.clone()));
            } else {
                self.owner = Some(next);
                self.written(decision);
            }
        }
    }

    fn written(&mut self, decision: Decision) {
        let mut owner = self.owner.take().expect("it decided");
        self.inbox.retain(|mail| !decision.folded.contains(&mail.id));
        let (fence, at) = (owner.fence(), self.now);
        let stamp = |record: Record| Stamped { fence, at, record };
        self.journal.extend(decision.records.into_iter().map(stamp));
        self.place = decision.place;
        invariants::check(&self.definition, &self.journal);
        invariants::fold_is_live(&self.definition, &self.journal, &owner);
        self.due = None;
        match self.place {
            Place::Owned => {}
            Place::Ended => return self.ledger.check(&self.definition, &self.journal),
            // What still ran is told to nobody: its owner dropped it.
            _ => return self.flights.clear(),
        }
        let commands = owner.commands(self.now);
        invariants::nothing_waits_for_ever(&owner, &commands, self.now);
        for command in commands {
            match command {
                Command::Run { step, way, .. } => {
                    self.ledger.begins(step, way);
                    self.flights.push((step, way));
                }
                Command::Stop => {}
                Command::Wait(due) => self.due = Some(due),
            }
        }
        self.owner = Some(owner);
    }
}
