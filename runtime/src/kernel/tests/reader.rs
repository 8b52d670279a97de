//! What the records tell, read in another way than the kernel reads them: the oracle's own fold.

use std::collections::BTreeSet;

use crate::kernel::{
    Definition, Doubt, End, EntryId, Kind, Letter, ParkReason, Record, Stamped, Timestamp, Way,
};

/// What the records say of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seen {
    #[default]
    Nothing,
    Skipped,
    /// Open: it may have had an effect.
    Intended,
    /// Given up: it may have had an effect.
    Unknown,
    Done,
    Partial,
    Refused,
    /// Somebody says that it had none.
    Withdrawn,
    Undoing,
    Undone,
    UndoFailed,
    Waived,
}

/// A step of the journal.
#[derive(Clone, Default)]
pub(super) struct Step {
    pub(super) seen: Seen,
    pub(super) generation: u32,
    pub(super) undo_generation: u32,
    /// An undo of this generation began.
    undo_began: bool,
    /// Its output is known.
    pub(super) known: bool,
    /// The number of its last attempt that failed.
    pub(super) attempt: u32,
    /// Failures that count against its budget.
    pub(super) counted: u32,
    /// Failures of its probe that do.
    pub(super) probes: u32,
    /// Its probe is to speak before it runs again.
    pub(super) in_doubt: bool,
    /// Its probe denied every attempt so far.
    pub(super) denied: bool,
    /// Its end parked the saga; `true` when its retries were used up.
    halted: Option<bool>,
    /// An attempt that outlived its time may run until then.
    pub(super) busy_until: Option<Timestamp>,
    /// Somebody answers for what became of it.
    pub(super) answered_for: bool,
}

impl Step {
    /// Whether an effect may be left.
    pub(super) fn may_remain(&self) -> bool {
        let gone = [Seen::Nothing, Seen::Skipped, Seen::Refused, Seen::Withdrawn, Seen::Undone];
        !gone.contains(&self.seen)
    }

    fn becomes(&mut self, seen: Seen) {
        self.seen = seen;
        self.halted = None;
        self.in_doubt = false;
        self.denied = false;
        self.attempt = 0;
        self.counted = 0;
        self.probes = 0;
    }
}

/// The fold of the oracle.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    definition: &'a Definition,
    pub(super) steps: Vec<Step>,
    letters: BTreeSet<EntryId>,
    /// It goes back.
    pub(super) back: bool,
    /// A cancel counts.
    pub(super) cancelled: bool,
    /// It is parked for a reason that no step has.
    parked: bool,
    /// It is parked because nobody knows of the pivot.
    pivot_parked: bool,
    /// Who began it parked it, and was told that it is accepted.
    pub(super) handed_over: bool,
    /// Steps of which nobody knew when it turned back.
    pub(super) open_at_turn: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(definition: &'a Definition) -> Self {
        Self {
            definition,
            steps: vec![Step::default(); definition.steps.len()],
            letters: BTreeSet::new(),
            back: false,
            cancelled: false,
            parked: false,
            pivot_parked: false,
            handed_over: false,
            open_at_turn: Vec::new(),
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        self.parked || self.pivot_parked || self.steps.iter().any(|step| step.halted.is_some())
    }

    pub(super) fn read(&mut self, stamped: &Stamped) {
        match &stamped.record {
            Record::Started(_) | Record::Finished(_) => {}
            Record::Evaluated { step, verdict, .. } => {
                if !verdict {
                    self.steps[*step].becomes(Seen::Skipped);
                }
            }
            Record::Intended { step, way: Way::Undo, .. } => {
                self.steps[*step].becomes(Seen::Undoing);
                self.steps[*step].undo_began = true;
            }
            Record::Intended { step, .. } => self.steps[*step].becomes(Seen::Intended),
            Record::Ended { step, way: Way::Undo, end, .. } => self.undo_ended(*step, end),
            Record::Ended { step, way, end, attempt, .. } => {
                self.ended(*step, *way, end, stamped.at);
                if let (Way::Do, End::Failed { .. }) = (way, end) {
                    self.steps[*step].attempt = *attempt;
                }
            }
            Record::Received(mail) => {
                assert!(self.letters.insert(mail.id), "J1: an entry was folded twice");
                self.letter(&mail.letter);
            }
            Record::Compensating(_) => {
                self.back = true;
                self.cancelled = false;
                for (index, step) in self.steps.iter_mut().enumerate() {
                    if matches!(step.seen, Seen::Intended | Seen::Unknown) {
                        step.becomes(Seen::Unknown);
                        self.open_at_turn.push(index);
                    }
                }
            }
            Record::Parked(reason) => self.parks(reason),
        }
    }

    fn parks(&mut self, reason: &ParkReason) {
        match reason {
            ParkReason::Exhausted { step, .. } => self.steps[*step].halted = Some(true),
            ParkReason::Undecodable { step: Some(step), .. } => {
                let at = &mut self.steps[*step];
                at.halted = Some(false);
                at.in_doubt |= at.seen == Seen::Intended;
            }
            ParkReason::PivotUnknown { .. } => self.pivot_parked = true,
            _ => self.parked = true,
        }
    }

    fn ended(&mut self, index: usize, way: Way, end: &End, now: Timestamp) {
        let definition = &self.definition.steps[index];
        let pivot_was_done = self.pivot_done();
        let step = &mut self.steps[index];
        if let End::Failed { why: Doubt::StillRuns, .. } | End::Unknown(Doubt::StillRuns) = end
            && way == Way::Do
            && definition.kind != Kind::ReadOnly
        {
            step.busy_until = Some(now.plus(definition.timeout));
        }
        match end {
            End::Done(_) | End::Ephemeral => {
                step.becomes(Seen::Done);
                step.known = matches!(end, End::Done(_));
            }
            End::Late(_) => {
                step.becomes(Seen::Done);
                (step.known, step.answered_for) = (true, false);
                step.undo_generation += u32::from(step.undo_began);
                step.undo_began = false;
            }
            End::Refused(_) => step.becomes(Seen::Refused),
            End::Partial(..) => {
                step.becomes(Seen::Partial);
                step.known = true;
            }
            End::Failed { why, .. } => {
                let counts = u32::from(!matches!(why, Doubt::Interrupted | Doubt::HostLost));
                match way {
                    Way::Probe => step.probes += counts,
                    _ => step.counted += counts,
                }
                let returned = way == Way::Do && matches!(why, Doubt::Failed(_));
                step.busy_until = step.busy_until.filter(|_| !returned);
                step.in_doubt = true;
                step.denied &= way == Way::Probe;
            }
            End::Unknown(why) => {
                step.becomes(Seen::Unknown);
                let returned = way == Way::Do && matches!(why, Doubt::Failed(_));
                step.busy_until = step.busy_until.filter(|_| !returned);
            }
            End::Withdrawn | End::DidNot { retry_at: None } => step.becomes(Seen::Withdrawn),
            End::DidNot { .. } => {
                step.busy_until = None;
                step.in_doubt = false;
                step.denied = true;
                step.probes = 0;
            }
            End::CannotTell { .. } => {
                step.in_doubt = false;
                step.denied = false;
                step.probes = 0;
            }
        }
        if self.pivot_done() && !pivot_was_done {
            self.pivot_is_done();
        }
        let failed = [Seen::Refused, Seen::Partial, Seen::Unknown, Seen::Withdrawn];
        let taken_back = matches!(end, End::Withdrawn);
        if failed.contains(&self.steps[index].seen) && !taken_back {
            self.nobody_is_waited_for();
        }
    }

    /// It is to go back: whoever used up its tries is given up (E4).
    fn nobody_is_waited_for(&mut self) {
        if self.back || self.pivot_done() {
            return;
        }
        for step in self.steps.iter_mut().filter(|step| step.halted == Some(true)) {
            step.becomes(if step.denied { Seen::Withdrawn } else { Seen::Unknown });
        }
    }

    fn pivot_is_done(&mut self) {
        self.cancelled = false;
        self.pivot_parked = false;
    }

    fn undo_ended(&mut self, step: usize, end: &End) {
        match end {
            End::Failed { .. } => {}
            End::Refused(_) | End::Partial(..) | End::Unknown(_) => {
                self.steps[step].becomes(Seen::UndoFailed);
            }
            _ => self.steps[step].becomes(Seen::Undone),
        }
    }

    fn letter(&mut self, letter: &Letter) {
        match letter {
            Letter::Cancel { .. } if !self.back && !self.pivot_done() => {
                self.cancelled = true;
                if !self.pivot_is(Seen::Unknown) {
                    self.parked = false;
                    self.steps.iter_mut().for_each(|step| step.halted = None);
                }
            }
            Letter::Unpark { .. } => self.unparked(),
            Letter::MarkDone { step, output: None, .. } => {
                self.settled(*step, Seen::Undone);
            }
            Letter::Waive { step, .. } => self.settled(*step, Seen::Waived),
            Letter::MarkDone { step, .. } if self.takes_word_of(*step) => {
                let was_done = self.pivot_done();
                let at = &mut self.steps[*step];
                at.becomes(Seen::Done);
                (at.known, at.answered_for) = (true, true);
                if self.pivot_done() && !was_done {
                    self.pivot_is_done();
                }
            }
            Letter::MarkNotDone { step, .. } if self.takes_word_of(*step) && !self.pivot_done() => {
                self.pivot_parked &= self.definition.steps[*step].kind != Kind::Pivot;
                self.steps[*step].becomes(Seen::Withdrawn);
                self.steps[*step].answered_for = true;
                self.nobody_is_waited_for();
            }
            _ => {}
        }
    }

    fn unparked(&mut self) {
        let was_parked = self.is_parked();
        self.parked = false;
        self.pivot_parked = false;
        let only_forward = self.pivot_done();
        for (step, definition) in self.steps.iter_mut().zip(&self.definition.steps) {
            step.halted = None;
            let is_pivot = definition.kind == Kind::Pivot;
            match step.seen {
                Seen::UndoFailed => step.becomes(Seen::Undoing),
                Seen::Unknown if is_pivot || only_forward => {
                    step.becomes(Seen::Intended);
                    step.in_doubt = true;
                }
                Seen::Withdrawn if only_forward => step.becomes(Seen::Intended),
                Seen::Intended if was_parked => step.counted = 0,
                Seen::Refused | Seen::Partial if only_forward => {
                    step.generation += 1;
                    step.known = false;
                    step.becomes(Seen::Nothing);
                }
                _ => {}
            }
        }
    }

    /// Whether somebody's word on what became of a step counts (P2, P3, E4).
    fn takes_word_of(&self, step: usize) -> bool {
        let Some(at) = self.steps.get(step) else { return false };
        let definition = &self.definition.steps[step];
        let stuck = [Seen::Unknown, Seen::Refused, Seen::Partial, Seen::Withdrawn];
        let is_pivot = definition.kind == Kind::Pivot && at.seen == Seen::Unknown;
        let exhausted = at.seen == Seen::Intended && at.halted == Some(true);
        let is_stuck = self.pivot_done() && stuck.contains(&at.seen);
        !self.back && !definition.ephemeral && (is_pivot || exhausted || is_stuck)
    }

    fn settled(&mut self, step: usize, to: Seen) {
        if let Some(at) = self.steps.get_mut(step)
            && (at.seen == Seen::UndoFailed || at.seen == Seen::Undoing && at.halted.is_some())
        {
            at.becomes(to);
            at.answered_for = true;
        }
    }

    fn pivot_is(&self, seen: Seen) -> bool {
        self.definition.pivot().is_some_and(|pivot| self.steps[pivot].seen == seen)
    }

    /// It is past its pivot. One that went back before cannot get there.
    pub(super) fn pivot_done(&self) -> bool {
        !self.back && self.pivot_is(Seen::Done)
    }

    /// It can go on only when somebody says something.
    pub(super) fn needs_somebody(&self) -> bool {
        let failed = [Seen::Refused, Seen::Partial, Seen::Unknown, Seen::Withdrawn];
        let stuck = |step: &Step| {
            step.seen == Seen::UndoFailed || self.pivot_done() && failed.contains(&step.seen)
        };
        self.is_parked() || self.steps.iter().any(stuck)
    }
}
