//! What is always true (INV1, INV2, INV4 to INV8), judged from the records alone: the oracle shares
//! no code with the machine.

use std::collections::BTreeSet;

use super::reader::{Reader, Seen};
use crate::kernel::{
    Cause, Command, Definition, Doubt, End, Finish, Finished, Kind, Machine, OnExhausted,
    PROBE_RETRY, ParkReason, Record, Residual, Stamped, State, Timestamp, Way,
};

/// Checks a whole journal, and says what it tells.
#[track_caller]
pub(crate) fn check<'a>(definition: &'a Definition, journal: &[Stamped]) -> Reader<'a> {
    let mut oracle = Oracle {
        seen: Reader::new(definition),
        definition,
        outcomes: BTreeSet::new(),
        intents: BTreeSet::new(),
        verdicts: BTreeSet::new(),
        finished: None,
    };
    let starter = journal.first().map(|first| first.fence);
    for (seq, stamped) in journal.iter().enumerate() {
        assert_eq!(seq == 0, matches!(stamped.record, Record::Started(_)), "J1: it starts once");
        oracle.read(stamped, journal.get(seq + 1).map(|next| &next.record));
        let parked = matches!(stamped.record, Record::Parked(_));
        oracle.seen.handed_over |= parked && Some(stamped.fence) == starter;
    }
    oracle.seen
}

struct Oracle<'a> {
    definition: &'a Definition,
    seen: Reader<'a>,
    outcomes: BTreeSet<(usize, u32)>,
    intents: BTreeSet<(usize, u32, bool)>,
    verdicts: BTreeSet<usize>,
    /// How it ended, until a late success opens it again.
    finished: Option<Finished>,
}

impl Oracle<'_> {
    fn read(&mut self, stamped: &Stamped, next: Option<&Record>) {
        let record = &stamped.record;
        self.nothing_follows_the_end(record);
        match record {
            Record::Started(_) | Record::Received(_) => {}
            Record::Evaluated { step, .. } => {
                assert!(self.verdicts.insert(*step), "O2: condition {step} was evaluated twice");
                self.is_not_parked("evaluated");
            }
            Record::Intended { step, generation, way } => {
                self.is_not_parked("intended");
                self.intents.insert((*step, *generation, *way == Way::Undo));
                match way {
                    Way::Do => self.intent(*step, *generation),
                    Way::Undo => self.undo_intent(*step, *generation),
                    Way::Probe => panic!("J2: a probe needs no intent"),
                }
            }
            Record::Ended { step, generation, way, end, attempt } => {
                let repeats = self.seen.steps[*step].attempt >= *attempt;
                let failed = matches!((way, end), (Way::Do, End::Failed { .. }));
                assert!(!failed || !repeats, "B12: attempt {attempt} of step {step} failed before");
                let intended = self.intents.contains(&(*step, *generation, *way == Way::Undo));
                assert!(intended, "J2: step {step} ended without an intent");
                match way {
                    Way::Do => self.ended(*step, *generation, end, next),
                    Way::Probe => self.answered(*step, *generation, end, next),
                    Way::Undo => self.undo_ended(*step, *generation, end),
                }
            }
            Record::Compensating(cause) => {
                let abandoned = matches!(**cause, Cause::Abandoned);
                assert!(!abandoned || !self.seen.handed_over, "A6: it was accepted");
                self.turns_back(stamped.at);
            }
            Record::Parked(reason) => self.parks(reason),
            Record::Finished(finished) => self.ends(finished),
        }
        self.seen.read(stamped);
    }

    fn nothing_follows_the_end(&mut self, record: &Record) {
        let Some(finished) = &self.finished else { return };
        match record {
            Record::Received(_) if finished.late_until.is_some() => {}
            Record::Ended { way: Way::Do, end: End::Late(_), .. }
                if finished.late_until.is_some() =>
            {
                self.finished = None;
            }
            Record::Finished(settled) => {
                assert!(finished.late_until.is_some(), "it is settled twice");
                assert!(settled.late_until.is_none(), "C8: it is settled once");
                assert_eq!(settled.residual, finished.residual, "C11: it settles as it ended");
            }
            record => panic!("nothing follows `Finished`: {record:?}"),
        }
    }

    fn is_not_parked(&self, what: &str) {
        assert!(!self.seen.is_parked(), "E2: {what}, although it is parked");
    }

    fn intent(&mut self, step: usize, generation: u32) {
        assert!(!self.seen.back, "INV8: step {step} was intended on the way back");
        assert!(!self.seen.cancelled, "K2: step {step} was intended after a cancel");
        let definition = &self.definition.steps[step];
        for (before, at) in self.definition.steps.iter().zip(&self.seen.steps) {
            let settled = matches!(at.seen, Seen::Done | Seen::Skipped);
            let earlier = before.stage < definition.stage;
            assert!(!earlier || settled, "INV4: step {step} overtakes {}", before.name);
        }
        if definition.conditional {
            assert!(self.verdicts.contains(&step), "O2: step {step} runs without its verdict");
        }
        let at = &self.seen.steps[step];
        assert_eq!(at.generation, generation, "J3: step {step} has another generation");
        assert!(at.seen == Seen::Nothing, "step {step} is intended twice, or skipped");
    }

    fn undo_intent(&mut self, step: usize, generation: u32) {
        assert!(self.seen.back, "step {step} is undone on the way forward");
        let stage = self.definition.steps[step].stage;
        for (later, at) in self.definition.steps.iter().zip(&self.seen.steps) {
            let undone = !at.may_remain() || at.seen == Seen::Waived;
            let blocks = later.kind == Kind::Compensable && later.stage > stage && !undone;
            assert!(!blocks, "INV7: step {step} is undone before {}", later.name);
        }
        let at = &self.seen.steps[step];
        let effect = matches!(at.seen, Seen::Unknown | Seen::Done | Seen::Partial);
        assert!(effect, "C1: step {step} has no effect to undo");
        assert_eq!(at.undo_generation, generation, "C8: another undo has its own key");
    }

    fn ended(&mut self, step: usize, generation: u32, end: &End, next: Option<&Record>) {
        let definition = &self.definition.steps[step];
        let at = &self.seen.steps[step];
        let open = at.seen == Seen::Intended;
        match end {
            End::Done(_) => assert!(open || at.seen == Seen::Unknown, "J5: {step} was not open"),
            End::Late(_) => self.late(step),
            End::Failed { why, .. } => {
                assert!(open, "step {step} failed, but is not open");
                let spent = at.counted > definition.retry.max && *why != Doubt::HostLost;
                assert!(!spent, "R1: step {step} was tried too often");
                let parks = matches!(next, Some(Record::Parked(_)));
                let again = !definition.at_most_once || definition.probe || parks;
                assert!(again, "E3: step {step} is run at most once");
            }
            End::DidNot { .. } | End::CannotTell { .. } => panic!("only a probe says {end:?}"),
            _ => assert!(open, "step {step} ended as {end:?}, but is not open"),
        }
        self.outcome(step, generation, end);
    }

    /// A success that comes when nobody expects it any more (C8).
    fn late(&self, step: usize) {
        let at = &self.seen.steps[step];
        let kind = &self.definition.steps[step].kind;
        let undone = [Seen::Unknown, Seen::Undoing, Seen::Undone, Seen::UndoFailed];
        let is_undone = *kind == Kind::Compensable && self.seen.back && undone.contains(&at.seen);
        let reported = *kind != Kind::ReadOnly || !self.seen.back;
        let was_denied = matches!(at.seen, Seen::Withdrawn | Seen::Refused) && reported;
        assert!(is_undone || was_denied, "C8: a late success of step {step} changes nothing");
    }

    fn answered(&mut self, step: usize, generation: u32, end: &End, next: Option<&Record>) {
        let definition = &self.definition.steps[step];
        let at = &self.seen.steps[step];
        assert!(definition.probe, "E3: step {step} has no probe");
        assert!(at.seen == Seen::Intended, "E3: step {step} is not in doubt");
        match end {
            End::Failed { .. } => {
                assert!(at.probes <= PROBE_RETRY.max, "E3: the probe of {step} failed too often");
            }
            End::DidNot { retry_at: Some(_) } | End::CannotTell { .. } => {
                let spent = definition.at_most_once || at.counted > definition.retry.max;
                let parks = matches!(next, Some(Record::Parked(_)));
                assert!(!spent || parks, "E3: nobody may run step {step} again");
                assert!(!self.seen.cancelled, "E3: step {step} runs again only to go forward");
            }
            End::Done(_) | End::DidNot { retry_at: None } | End::Unknown(_) => {}
            end => panic!("E3: a probe does not say {end:?}"),
        }
        self.outcome(step, generation, end);
    }

    fn outcome(&mut self, step: usize, generation: u32, end: &End) {
        let outcome = matches!(
            end,
            End::Done(_) | End::Ephemeral | End::Refused(_) | End::Partial(..) | End::Late(_)
        );
        // An effect that is there after all outweighs the word that there is none.
        let refused = self.seen.steps[step].seen == Seen::Refused;
        let denies = matches!(end, End::Late(_)) && refused;
        let first = !outcome || self.outcomes.insert((step, generation)) || denies;
        assert!(first, "INV1: a second outcome of step {step}");
    }

    fn undo_ended(&mut self, step: usize, generation: u32, end: &End) {
        let at = &self.seen.steps[step];
        assert!(at.seen == Seen::Undoing, "the undo of step {step} ended as {end:?}, unasked");
        assert_eq!(at.undo_generation, generation, "C8: the end of an undo that is stale");
    }

    fn turns_back(&self, at: Timestamp) {
        assert!(!self.seen.back, "it goes back once");
        self.is_not_parked("went back");
        for (definition, step) in self.definition.steps.iter().zip(&self.seen.steps) {
            if definition.kind == Kind::Pivot {
                let open = matches!(step.seen, Seen::Intended | Seen::Unknown | Seen::Done);
                assert!(!open, "P2, INV8: it went back, and the pivot may have happened");
            }
            let open = matches!(step.seen, Seen::Intended | Seen::Unknown);
            let busy = step.busy_until.filter(|until| open && *until > at);
            assert_eq!(busy, None, "C3: {} may still run", definition.name);
        }
    }

    fn parks(&self, reason: &ParkReason) {
        match reason {
            ParkReason::Exhausted { step, .. } => {
                let definition = &self.definition.steps[*step];
                assert_eq!(definition.on_exhausted, OnExhausted::Park, "E4: {step} does not park");
                assert!(definition.kind != Kind::Pivot, "P2: a pivot parks as unknown");
                assert!(self.seen.steps[*step].seen == Seen::Intended, "E4: {step} is not open");
            }
            ParkReason::PivotUnknown { .. } => {
                let pivot = self.definition.pivot().expect("it has a pivot");
                assert!(self.seen.steps[pivot].seen == Seen::Unknown, "P2: it is known");
            }
            _ => {}
        }
    }

    fn ends(&mut self, finished: &Finished) {
        let settles = self.finished.is_some();
        match finished.finish {
            Finish::Completed(_) => self.completed(),
            Finish::Compensated(_) | Finish::Cancelled { .. } => self.compensated(finished),
            Finish::Killed { .. } => assert!(!settles, "what is over is not killed"),
        }
        if !settles && !matches!(finished.finish, Finish::Killed { .. }) {
            self.is_not_parked("finished");
        }
        self.finished = Some(finished.clone());
    }

    fn completed(&self) {
        assert!(!self.seen.back, "INV5: it went back and completed");
        assert!(!self.seen.cancelled, "K1: a cancel was forgotten");
        for (step, at) in self.seen.steps.iter().enumerate() {
            let settled = matches!(at.seen, Seen::Done | Seen::Skipped);
            assert!(settled, "INV5: completed without step {step}");
        }
    }

    fn compensated(&self, finished: &Finished) {
        let left: Vec<usize> =
            finished.residual.iter().map(|Residual { step, .. }| *step).collect();
        let mut doubtful = false;
        for (step, (definition, at)) in
            self.definition.steps.iter().zip(&self.seen.steps).enumerate()
        {
            let remains = definition.kind != Kind::ReadOnly && at.may_remain();
            assert_eq!(remains, left.contains(&step), "INV6: the residual is wrong about {step}");
            let undone = definition.kind != Kind::Compensable || at.seen == Seen::Waived;
            assert!(undone || !remains, "INV6: {} was not undone", definition.name);
            doubtful |= at.seen == Seen::Undone && !at.known;
        }
        let settles = self.finished.is_some();
        let waits = finished.late_until.is_some();
        assert_eq!(waits, doubtful && !settles, "C8: it waits for a late success, or should");
    }
}

/// State is a pure fold (J1): what the owner believes is what anybody reads.
#[track_caller]
pub(super) fn fold_is_live(definition: &Definition, journal: &[Stamped], owner: &Machine) {
    let folded = State::fold(definition, journal).expect("the journal begins with `Started`");
    // Values have no equality; their sequence numbers and everything else are in the text.
    assert_eq!(format!("{folded:?}"), format!("{:?}", owner.state()), "the fold differs");
}

/// An owner has something in flight or a time to come back, which is not over.
#[track_caller]
pub(super) fn nothing_waits_for_ever(owner: &Machine, commands: &[Command], now: Timestamp) {
    let wait = commands.iter().find_map(|command| match command {
        Command::Wait(due) => Some(*due),
        _ => None,
    });
    assert!(
        owner.in_flight() || wait.is_some(),
        "it stays with its owner, who has nothing to do: {owner:?}"
    );
    assert!(wait.is_none_or(|due| due > now), "it spins: {owner:?}");
}
