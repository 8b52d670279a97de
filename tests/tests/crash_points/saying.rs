//! What somebody from outside says to a saga, and when: an operator, who looks first, or a host that
//! was taken for dead.
//!
//! Whoever says it also does it. Before an operator calls an undo done, its effect is gone; before
//! one says `unpark`, what was broken outside is mended. A host that comes too late has done its step.

use distributed_task::{
    journal::Told,
    kernel::{AttemptEnd, Letter, SagaId, Value, Way},
    testing::{
        oracle::End,
        parts::{Side, Stop},
    },
};

/// A word, and around which append of all that are written it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saying {
    /// Append 0: as soon as the saga is parked, by somebody who looks first.
    pub(crate) at: Stop,
    pub(crate) verb: Verb,
    /// The step that it is about, if it is about one.
    pub(crate) step: usize,
    /// How the saga ends when it is said to one that waits for it; when it is a late success, how it
    /// would end without a crash.
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Cancel,
    Kill,
    Unpark,
    MarkDone,
    MarkDoneWith,
    MarkNotDone,
    Waive,
    /// A success that a host reports when it is not the owner any more.
    Late,
}

const VERBS: [(&str, Verb); 8] = [
    ("cancel", Verb::Cancel),
    ("kill", Verb::Kill),
    ("unpark", Verb::Unpark),
    ("mark_done", Verb::MarkDone),
    ("mark_done_with", Verb::MarkDoneWith),
    ("mark_not_done", Verb::MarkNotDone),
    ("waive", Verb::Waive),
    ("late", Verb::Late),
];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) told: Told,
    /// The saga was parked.
    pub(crate) parked: bool,
}

impl Saying {
    pub(crate) fn cancel(at: Stop) -> Self {
        Self { at, verb: Verb::Cancel, step: 0, end: End::Cancelled }
    }

    pub(crate) fn kill(at: Stop) -> Self {
        Self { at, verb: Verb::Kill, step: 0, end: End::Killed }
    }

    /// The step in words: as in `waive.1-before:3`, but for the first step, which is left out.
    pub(crate) fn text(self) -> String {
        let word = VERBS.iter().find(|(_, verb)| *verb == self.verb).map_or("?", |(word, _)| word);
        let step = if self.step == 0 { String::new() } else { format!(".{}", self.step) };
        format!("{word}{step}-{}:{}", self.at.side.word(), self.at.append)
    }

    /// The reverse, but for the end.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (what, append) = text.split_once(':')?;
        let (what, side) = what.rsplit_once('-')?;
        let side = if side == "before" { Side::Before } else { Side::After };
        let (word, step) = what.split_once('.').unwrap_or((what, "0"));
        let (_, verb) = VERBS.iter().find(|(known, _)| *known == word)?;
        let at = Stop { append: append.parse().ok()?, side };
        Some(Self { at, verb: *verb, step: step.parse().ok()?, end: End::Killed })
    }

    pub(crate) fn letter(self) -> Letter {
        let (step, by) = (self.step, "an operator".to_owned());
        let evidence = "seen with their own eyes".to_owned();
        match self.verb {
            Verb::Cancel => Letter::Cancel { reason: "a change of mind".to_owned() },
            Verb::Kill => Letter::Kill { reason: "no hope".to_owned(), by },
            Verb::Unpark => Letter::Unpark { by },
            Verb::MarkDone => Letter::MarkDone { step, output: None, evidence, by },
            Verb::MarkDoneWith => {
                Letter::MarkDone { step, output: Some(Value::journaled(1_u32)), evidence, by }
            }
            Verb::MarkNotDone => Letter::MarkNotDone { step, evidence, by },
            Verb::Waive => Letter::Waive { step, reason: "it is small".to_owned(), by },
            Verb::Late => {
                let end = AttemptEnd::Done(Value::journaled(1_u32));
                Letter::Late { step, generation: 0, attempt: 1, way: Way::Do, end }
            }
        }
    }

    /// What is done outside by the one who says it.
    pub(crate) fn deed(self, parked: bool) -> Option<Deed> {
        match self.verb {
            Verb::Unpark if parked => Some(Deed::Mends),
            Verb::MarkDoneWith if parked => Some(Deed::Does),
            Verb::MarkDone | Verb::MarkNotDone if parked => Some(Deed::TakesBack),
            Verb::Late => Some(Deed::Does),
            _ => None,
        }
    }
}

/// What somebody does outside, by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// From now on everybody does what they are asked for.
    Mends,
    /// Does the step under its key, once, whatever was undone.
    Does,
    /// Takes it back, once and for all.
    TakesBack,
}

/// How a deed is done: for a saga and a step.
pub(crate) type Hands = Box<dyn Fn(SagaId, usize, Deed) + Send + Sync>;
