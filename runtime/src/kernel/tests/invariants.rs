//! What is always true (INV1, INV4 to INV8), judged from the records alone: the oracle shares no
//! code with the machine.

use std::collections::BTreeSet;

use crate::kernel::{
    AttemptEnd, Command, Definition, End, EntryId, Finish, Kind, Letter, Machine, Record, Stamped,
    State, Timestamp, Way,
};

/// What the records say of one step.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Skipped,
    /// It may have had an effect.
    Intended,
    Done,
    /// Ended without effect.
    NoEffect,
    Undoing,
    Undone,
    UndoFailed,
    Waived,
}

/// Checks a whole journal.
#[track_caller]
pub(super) fn check(definition: &Definition, journal: &[Stamped]) {
    let mut seen = Reader {
        definition,
        steps: vec![Seen::Nothing; definition.steps.len()],
        outcomes: BTreeSet::new(),
        intents: BTreeSet::new(),
        verdicts: BTreeSet::new(),
        letters: BTreeSet::new(),
        back: false,
        over: false,
    };
    for (seq, stamped) in journal.iter().enumerate() {
        assert_eq!(seq == 0, matches!(stamped.record, Record::Started(_)), "J1: it starts once");
        assert!(!seen.over, "nothing follows `Finished`: {:?}", stamped.record);
        seen.read(&stamped.record);
    }
}

struct Reader<'a> {
    definition: &'a Definition,
    steps: Vec<Seen>,
    outcomes: BTreeSet<(usize, u32)>,
    intents: BTreeSet<(usize, u32, bool)>,
    verdicts: BTreeSet<usize>,
    letters: BTreeSet<EntryId>,
    back: bool,
    over: bool,
}

impl Reader<'_> {
    fn read(&mut self, record: &Record) {
        match record {
            Record::Started(_) | Record::Parked(_) => {}
            Record::Evaluated { step, verdict, .. } => {
                assert!(self.verdicts.insert(*step), "O2: condition {step} was evaluated twice");
                if !verdict {
                    self.steps[*step] = Seen::Skipped;
                }
            }
            Record::Intended { step, generation, way } => {
                self.intents.insert((*step, *generation, *way == Way::Undo));
                match way {
                    Way::Do => self.intent(*step),
                    Way::Undo => self.undo_intent(*step),
                }
            }
            Record::Ended { step, generation, way, end, .. } => {
                let intended = self.intents.contains(&(*step, *generation, *way == Way::Undo));
                assert!(intended, "J2: step {step} ended without an intent");
                match way {
                    Way::Do => self.ended(*step, *generation, end),
                    Way::Undo => self.undo_ended(*step, end),
                }
            }
            Record::Received(mail) => {
                assert!(self.letters.insert(mail.id), "J1: an entry was folded twice");
                match mail.letter {
                    Letter::MarkDone { step, .. } => self.settled(step, Seen::Undone),
                    Letter::Waive { step, .. } => self.settled(step, Seen::Waived),
                    _ => {}
                }
            }
            Record::Compensating(_) => {
                assert!(!self.back, "it goes back once");
                assert!(!self.pivot_done(), "INV8: it went back behind its pivot");
                self.back = true;
            }
            Record::Finished(finished) => {
                self.over = true;
                let left: Vec<usize> = finished.residual.iter().map(|left| left.step).collect();
                match finished.finish {
                    Finish::Completed(_) => self.completed(),
                    Finish::Compensated(_) | Finish::Cancelled { .. } => self.compensated(&left),
                    Finish::Killed { .. } => {}
                }
            }
        }
    }

    fn intent(&mut self, step: usize) {
        assert!(!self.back, "INV8: step {step} was intended on the way back");
        let stage = self.definition.steps[step].stage;
        for (before, at) in self.definition.steps.iter().zip(&self.steps) {
            let settled = matches!(at, Seen::Done | Seen::Skipped);
            assert!(
                before.stage >= stage || settled,
                "INV4: step {step} overtakes {}",
                before.name
            );
        }
        if self.definition.steps[step].conditional {
            assert!(self.verdicts.contains(&step), "O2: step {step} runs without its verdict");
        }
        assert!(self.steps[step] != Seen::Skipped, "step {step} runs although it is skipped");
        self.steps[step] = Seen::Intended;
    }

    fn undo_intent(&mut self, step: usize) {
        assert!(self.back, "step {step} is undone on the way forward");
        assert!(!self.pivot_done(), "INV8: step {step} is undone behind the pivot");
        let stage = self.definition.steps[step].stage;
        for (later, at) in self.definition.steps.iter().zip(&self.steps) {
            let remains =
                matches!(at, Seen::Intended | Seen::Done | Seen::Undoing | Seen::UndoFailed);
            let blocks = later.kind == Kind::Compensable && later.stage > stage && remains;
            assert!(!blocks, "INV7: step {step} is undone before {}", later.name);
        }
        let effect = matches!(self.steps[step], Seen::Intended | Seen::Done);
        assert!(effect, "C1: step {step} has no effect to undo");
        self.steps[step] = Seen::Undoing;
    }

    fn ended(&mut self, step: usize, generation: u32, end: &End) {
        if matches!(end, End::Done(_) | End::Ephemeral | End::Refused(_)) {
            let first = self.outcomes.insert((step, generation));
            assert!(first, "INV1: a second outcome of step {step}");
        }
        self.steps[step] = match end {
            End::Done(_) | End::Ephemeral => Seen::Done,
            End::Refused(_) | End::Withdrawn => Seen::NoEffect,
            End::Failed { .. } | End::Unknown(_) => Seen::Intended,
        };
    }

    fn undo_ended(&mut self, step: usize, end: &End) {
        self.steps[step] = match end {
            End::Done(_) | End::Ephemeral | End::Withdrawn => Seen::Undone,
            End::Refused(_) | End::Unknown(_) => Seen::UndoFailed,
            End::Failed { .. } => Seen::Undoing,
        };
    }

    fn settled(&mut self, step: usize, to: Seen) {
        if self.steps[step] == Seen::UndoFailed {
            self.steps[step] = to;
        }
    }

    fn completed(&self) {
        assert!(!self.back, "INV5: it went back and completed");
        for (step, at) in self.steps.iter().enumerate() {
            let settled = matches!(at, Seen::Done | Seen::Skipped);
            assert!(settled, "INV5: completed without step {step}");
        }
    }

    fn compensated(&self, left: &[usize]) {
        for (step, at) in self.steps.iter().enumerate() {
            let remains = match self.definition.steps[step].kind {
                Kind::ReadOnly => false,
                _ => !matches!(at, Seen::Nothing | Seen::Skipped | Seen::NoEffect | Seen::Undone),
            };
            assert_eq!(remains, left.contains(&step), "INV6: the residual is wrong about {step}");
        }
        let waived = |at: &Seen| *at == Seen::Waived;
        for (step, at) in self.definition.steps.iter().zip(&self.steps) {
            let remains = matches!(at, Seen::Intended | Seen::Done | Seen::UndoFailed);
            let settled = step.kind != Kind::Compensable || waived(at) || !remains;
            assert!(settled, "INV6: {} was not undone", step.name);
        }
    }

    fn pivot_done(&self) -> bool {
        self.definition
            .steps
            .iter()
            .zip(&self.steps)
            .any(|(step, at)| step.kind == Kind::Pivot && *at == Seen::Done)
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
        "it stays with its owner, who has nothing to do: {owner:#?}"
    );
    assert!(wait.is_none_or(|due| due > now), "it spins: {owner:#?}");
}

/// What really happened outside: which steps may have left an effect (INV6).
pub(super) struct Ledger(Vec<Effect>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// No attempt ever began.
    Never,
    /// An attempt began.
    Possible,
    /// The step asserted that none remains.
    Refused,
    /// An undo of it succeeded.
    Undone,
}

impl Ledger {
    pub(super) fn new(definition: &Definition) -> Self {
        Self(vec![Effect::Never; definition.steps.len()])
    }

    pub(super) fn began(&self, step: usize) -> bool {
        self.0[step] != Effect::Never
    }

    pub(super) fn refused(&self, step: usize) -> bool {
        self.0[step] == Effect::Refused
    }

    pub(super) fn begins(&mut self, step: usize, way: Way) {
        if way == Way::Do {
            self.0[step] = Effect::Possible;
        }
    }

    pub(super) fn ends(&mut self, step: usize, way: Way, end: &AttemptEnd) {
        match (way, end) {
            (Way::Do, AttemptEnd::Refused(_)) => self.0[step] = Effect::Refused,
            (Way::Undo, AttemptEnd::Done(_)) => self.0[step] = Effect::Undone,
            _ => {}
        }
    }

    /// Nothing that may have had an effect is left without being undone or reported, unless the
    /// saga completed or somebody answers for the undo.
    #[track_caller]
    pub(super) fn check(&self, definition: &Definition, journal: &[Stamped]) {
        let Some(Record::Finished(finished)) = journal.last().map(|last| &last.record) else {
            panic!("it ended without `Finished`");
        };
        if matches!(finished.finish, Finish::Completed(_)) {
            return;
        }
        for (step, effect) in self.0.iter().enumerate() {
            let marked = journal.iter().any(|stamped| {
                matches!(&stamped.record, Record::Received(mail)
                    if matches!(mail.letter, Letter::MarkDone { step: of, .. } if of == step))
            });
            let reported = finished.residual.iter().any(|left| left.step == step);
            let harmless = definition.steps[step].kind == Kind::ReadOnly || marked;
            assert!(
                *effect != Effect::Possible || reported || harmless,
                "INV6: {} may have had an effect that nobody undid or reported",
                definition.steps[step].name,
            );
        }
    }
}
