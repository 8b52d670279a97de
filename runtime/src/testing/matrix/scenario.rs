//! Scenarios: what goes wrong in a run besides its crash, so that every undo is reached.

use std::fmt;

use crate::{
    kernel::{Definition, Kind, OnExhausted, Way},
    testing::script::{Act, Code, Cue},
};

/// What goes wrong besides the crash. Steps go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Nothing, or what the user scripts.
    Plain,
    /// Every step runs twice under its key.
    Twice,
    /// The same, and the step is the last before the way back: every undo runs twice.
    TwiceBack(usize),
    /// The answers of the step are lost when it has run.
    Lost(usize),
    /// The step fails before its code runs.
    Fails(usize),
    /// The step refuses.
    Refused(usize),
}

/// How often a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Once.
    Once,
    /// Once, and once for every write and everything that can happen around it.
    Swept,
}

impl Scenario {
    /// All scenarios of a task. `refusal`: whether the kit can make steps refuse.
    pub(super) fn all(definition: &Definition, refusal: bool) -> Vec<(Self, Depth)> {
        let mut all = vec![(Self::Plain, Depth::Swept)];
        let pivot = definition.pivot();
        for (number, step) in definition.steps.iter().enumerate() {
            if pivot.is_some_and(|pivot| pivot < number) {
                // It must succeed in the end: its answer is lost once.
                let tried_again = step.retry.max > 0;
                all.extend(tried_again.then_some((Self::Lost(number), Depth::Once)));
                continue;
            }
            let goes_on = can_fail(definition, number);
            all.extend(goes_on.then_some((Self::Lost(number), Depth::Swept)));
            if step.kind == Kind::Compensable && goes_on {
                all.push((Self::Fails(number), Depth::Once));
            }
            // Nothing else turns back a saga whose pivot is asked about, or whose step parks.
            let is_only_way = step.kind == Kind::Pivot || !goes_on;
            let depth = if is_only_way { Depth::Swept } else { Depth::Once };
            all.extend(refusal.then_some((Self::Refused(number), depth)));
        }
        all.push((Self::Twice, Depth::Once));
        let turns = all.iter().rev().find(|(one, _)| one.turns_back(definition) == Turns::Always);
        let last = turns.and_then(|(scenario, _)| scenario.step());
        all.extend(last.map(|step| (Self::TwiceBack(step), Depth::Once)));
        all
    }

    /// The step that it is about.
    pub(super) fn step(self) -> Option<usize> {
        match self {
            Self::Plain | Self::Twice => None,
            Self::TwiceBack(step) | Self::Lost(step) | Self::Fails(step) | Self::Refused(step) => {
                Some(step)
            }
        }
    }

    /// Whether what runs in it runs twice.
    pub(super) fn is_twice(self) -> bool {
        matches!(self, Self::Twice | Self::TwiceBack(_))
    }

    /// What it adds to the script.
    pub(super) fn cue(self, definition: &Definition, refusal: Option<Act>) -> Option<Cue> {
        let (code, act) = match self {
            Self::Plain | Self::Twice => return None,
            Self::Lost(_) => (Code::Runs, Act::Fail),
            Self::TwiceBack(step)
                if can_fail(definition, step) && !definition.steps[step].probe =>
            {
                (Code::Runs, Act::Fail)
            }
            Self::Fails(_) => (Code::Skipped, Act::Fail),
            Self::TwiceBack(_) | Self::Refused(_) => (Code::Skipped, refusal?),
        };
        let step = self.step()?;
        let runs = self.is_tried_again(definition).then_some(1);
        Some(Cue { step, way: Way::Do, code, act, runs })
    }

    /// The step that is tried once only, so that its scenario does not take all its retries.
    pub(super) fn tried_once(self, definition: &Definition) -> Option<usize> {
        self.step().filter(|_| !self.is_tried_again(definition))
    }

    fn is_tried_again(self, definition: &Definition) -> bool {
        self.step().zip(definition.pivot()).is_some_and(|(step, pivot)| pivot < step)
    }

    /// Whether the saga goes back in it.
    pub(super) fn turns_back(self, definition: &Definition) -> Turns {
        match self {
            Self::Plain | Self::Twice => Turns::Never,
            Self::Lost(_) | Self::Fails(_) if self.is_tried_again(definition) => Turns::Never,
            // Its probe may find that it happened.
            Self::Lost(step) | Self::Fails(step) if definition.steps[step].probe => Turns::Perhaps,
            _ => Turns::Always,
        }
    }

    /// Its name, as in `charge.lost`.
    pub(super) fn name(self, definition: &Definition) -> String {
        let of = |step: usize, what: &str| format!("{}.{what}", definition.steps[step].name);
        match self {
            Self::Plain => "plain".to_owned(),
            Self::Twice => "twice".to_owned(),
            Self::TwiceBack(step) => of(step, "twice"),
            Self::Lost(step) => of(step, "lost"),
            Self::Fails(step) => of(step, "fails"),
            Self::Refused(step) => of(step, "refused"),
        }
    }

    /// The scenario of that name.
    pub(super) fn parse(name: &str, definition: &Definition) -> Option<Self> {
        let Some((step, what)) = name.rsplit_once('.') else {
            return [Self::Plain, Self::Twice]
                .into_iter()
                .find(|known| known.name(definition) == name);
        };
        let step = definition.steps.iter().position(|of| of.name == step)?;
        let known =
            [Self::TwiceBack(step), Self::Lost(step), Self::Fails(step), Self::Refused(step)];
        known.into_iter().find(|known| known.name(definition).ends_with(&format!(".{what}")))
    }

    /// In words.
    pub(super) fn told(self, definition: &Definition) -> Words {
        let step = self.step().map(|step| definition.steps[step].name.to_string());
        Words {
            scenario: self,
            step: step.unwrap_or_default(),
            tried: self.is_tried_again(definition),
        }
    }
}

/// Whether something comes of it when a step fails for good, without anybody who is asked.
fn can_fail(definition: &Definition, number: usize) -> bool {
    let step = &definition.steps[number];
    // Nobody knows whether the pivot happened, unless there is a probe (P2).
    let is_known = step.kind != Kind::Pivot || step.probe;
    is_known && step.on_exhausted == OnExhausted::Compensate
}

/// Whether a saga goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turns {
    Never,
    Perhaps,
    Always,
}

/// A scenario in words.
pub(super) struct Words {
    scenario: Scenario,
    step: String,
    tried: bool,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = &self.step;
        match self.scenario {
            Scenario::Plain => f.write_str("nothing else goes wrong"),
            Scenario::Twice => f.write_str("every step runs twice under its key"),
            Scenario::TwiceBack(_) => {
                write!(f, "every step and undo runs twice under its key, and `{step}` is the last")
            }
            Scenario::Lost(_) if self.tried => {
                write!(f, "`{step}` runs, its answer is lost, and it is tried again")
            }
            Scenario::Lost(_) => write!(f, "`{step}` runs, and its answer is lost for good"),
            Scenario::Fails(_) => write!(f, "`{step}` fails for good, before its code runs"),
            Scenario::Refused(_) => write!(f, "`{step}` refuses"),
        }
    }
}
