//! What really happened outside: which effects may be left (INV6), which attempts may still run
//! (C3), and how often a step began that must begin at most once (E3).

use super::reader::{Reader, Seen};
use crate::kernel::{
    AttemptEnd, Definition, Doubt, End, Finish, Kind, Letter, Record, Stamped, Timestamp, Way,
};

/// The books of the world.
pub(super) struct Ledger(Vec<Page>);

#[derive(Clone, Default)]
struct Page {
    effect: Effect,
    /// Attempts that began and that nobody asked for again.
    begun: u32,
    /// An attempt went down with its host, and no probe has spoken since (E3).
    in_doubt: bool,
    /// An attempt that nobody stopped may run until then.
    runs_until: Option<Timestamp>,
    /// A success came after the last word of an operator on it.
    denied_word: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Effect {
    /// No attempt ever began.
    #[default]
    Never,
    /// An attempt began.
    Possible,
    /// The step asserted that none remains.
    Refused,
    /// Its probe did.
    Denied,
    /// An undo of it succeeded.
    Undone,
}

impl Ledger {
    pub(super) fn new(definition: &Definition) -> Self {
        Self(vec![Page::default(); definition.steps.len()])
    }

    /// Whether an attempt may turn out to have succeeded, whatever was said of it.
    pub(super) fn may_succeed_late(&self, step: usize) -> bool {
        self.0[step].effect != Effect::Never
    }

    #[track_caller]
    pub(super) fn begins(
        &mut self,
        definition: &Definition,
        seen: &Reader<'_>,
        step: usize,
        way: Way,
    ) {
        if way == Way::Probe {
            assert!(definition.steps[step].probe, "E3: step {step} has no probe");
        }
        if way != Way::Do {
            return;
        }
        let (definition, page) = (&definition.steps[step], &mut self.0[step]);
        let at = &seen.steps[step];
        assert!(!definition.at_most_once || page.begun == 0, "E3: step {step} runs a second time");
        let in_doubt = at.in_doubt || page.in_doubt;
        assert!(!definition.probe || !in_doubt, "E3: step {step} runs before its probe spoke");
        // But a pivot may be run again to learn whether it happened, with what it reads (K3).
        let learns = definition.kind == Kind::Pivot && !at.denied || at.seen == Seen::Done;
        assert!(!seen.cancelled || learns, "K2: step {step} runs although it is cancelled");
        page.begun += 1;
        page.effect = Effect::Possible;
    }

    pub(super) fn ends(
        &mut self,
        definition: &Definition,
        (step, way): (usize, Way),
        end: &AttemptEnd,
        now: Timestamp,
    ) {
        let page = &mut self.0[step];
        match (way, end) {
            (Way::Undo, AttemptEnd::Done(_)) => page.effect = Effect::Undone,
            (Way::Undo, _) => {}
            (Way::Do, AttemptEnd::Unknown(Doubt::StillRuns | Doubt::HostLost)) => {
                page.runs_until = Some(now.plus(definition.steps[step].timeout));
            }
            (Way::Do, AttemptEnd::Refused(_)) => {
                page.effect = Effect::Refused;
                page.runs_until = None;
            }
            (Way::Do, AttemptEnd::Done(_) | AttemptEnd::Partial(..) | AttemptEnd::Retry { .. }) => {
                page.runs_until = None;
            }
            (Way::Probe, AttemptEnd::Done(_)) => page.runs_until = None,
            (Way::Probe, AttemptEnd::DidNot) => {
                page.effect = Effect::Denied;
                page.runs_until = None;
            }
            _ => {}
        }
    }

    /// An attempt goes down with its host, or only seems to: it may run until its time is up.
    pub(super) fn is_lost(&mut self, definition: &Definition, step: usize, now: Timestamp) {
        let page = &mut self.0[step];
        page.runs_until = Some(now.plus(definition.steps[step].timeout));
        page.in_doubt = true;
    }

    /// A group of records was written, with what the journal told before it and after it.
    #[track_caller]
    pub(super) fn written(
        &mut self,
        definition: &Definition,
        (before, after): (&Reader<'_>, &Reader<'_>),
        group: &[Stamped],
    ) {
        let mut before = before.clone();
        for stamped in group {
            match &stamped.record {
                Record::Received(mail) => self.folded(definition, &before, &mail.letter),
                Record::Ended { step, way: Way::Probe, end, .. } => {
                    let page = &mut self.0[*step];
                    page.in_doubt &= matches!(end, End::Failed { .. });
                    // Nobody is known to have begun: it may run again.
                    if matches!(end, End::DidNot { .. }) {
                        page.begun = 0;
                    }
                }
                Record::Compensating(_) => {
                    for step in &after.open_at_turn {
                        let runs = self.0[*step].runs_until.filter(|until| *until > stamped.at);
                        let harmless = definition.steps[*step].kind == Kind::ReadOnly;
                        let quiet = runs.is_none() || harmless;
                        assert!(quiet, "C3: {} may still run", definition.steps[*step].name);
                    }
                }
                _ => {}
            }
            before.read(stamped);
        }
    }

    fn folded(&mut self, definition: &Definition, before: &Reader<'_>, letter: &Letter) {
        match letter {
            Letter::Unpark { .. } => {
                for (page, definition) in self.0.iter_mut().zip(&definition.steps) {
                    // Nobody asks for a second sale (P2).
                    if !(definition.probe && definition.kind == Kind::Pivot) {
                        page.begun = 0;
                    }
                }
            }
            Letter::Late { step, way: Way::Do, generation, end: AttemptEnd::Done(_), .. } => {
                let at = &before.steps[*step];
                if at.generation == *generation && !at.known {
                    let page = &mut self.0[*step];
                    (page.effect, page.denied_word) = (Effect::Possible, true);
                }
            }
            Letter::MarkDone { step, .. }
            | Letter::MarkNotDone { step, .. }
            | Letter::Waive { step, .. } => self.0[*step].denied_word = false,
            _ => {}
        }
    }

    /// Nothing that may have had an effect is left without being undone or reported, unless the
    /// saga completed or somebody answers for it.
    #[track_caller]
    pub(super) fn check(&self, definition: &Definition, seen: &Reader<'_>, journal: &[Stamped]) {
        let Some(Record::Finished(finished)) = journal.last().map(|last| &last.record) else {
            panic!("it ended without `Finished`");
        };
        if matches!(finished.finish, Finish::Completed(_)) {
            return;
        }
        for (step, page) in self.0.iter().enumerate() {
            let reported = finished.residual.iter().any(|left| left.step == step);
            let marked = seen.steps[step].answered_for && !page.denied_word;
            let harmless = definition.steps[step].kind == Kind::ReadOnly || marked;
            assert!(
                page.effect != Effect::Possible || reported || harmless,
                "INV6: {} may have had an effect that nobody undid or reported",
                definition.steps[step].name,
            );
        }
    }
}
