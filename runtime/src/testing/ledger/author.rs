//! Who wrote an entry: the run whose code ran meanwhile, or else the run that its key speaks of.

use std::collections::BTreeSet;

use super::{LedgerEntry, StepRun};
use crate::kernel::Way;

/// An entry, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Noted {
    pub(in crate::testing) entry: LedgerEntry,
    pub(in crate::testing) author: Author,
}

/// Who wrote an entry. Runs go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) enum Author {
    /// The code of this run, whatever key it used.
    Run(usize),
    /// Somebody else, under the key of this run, or one that begins with it, while it was under way.
    Beside(usize),
    /// The same, when no run of that key was under way.
    Behind(usize),
    /// Nobody knows.
    Somebody,
}

impl Author {
    /// Who it is by the key: code that a step has spawned runs outside of it.
    pub(super) fn by_key(key: &str, runs: &[StepRun], under_way: &BTreeSet<usize>) -> Self {
        let is_its = |run: &StepRun| run.way != Way::Probe && key.starts_with(&run.key);
        let Some(last) = runs.iter().rposition(is_its) else { return Self::Somebody };
        let here = under_way.iter().rev().find(|run| runs[**run].key == runs[last].key);
        here.map_or(Self::Behind(last), |run| Self::Beside(*run))
    }

    /// The run.
    pub(in crate::testing) fn run(self) -> Option<usize> {
        match self {
            Self::Run(run) | Self::Beside(run) | Self::Behind(run) => Some(run),
            Self::Somebody => None,
        }
    }

    /// What is odd about it, for a reader.
    pub(in crate::testing) fn remark(self) -> &'static str {
        match self {
            Self::Behind(_) => "when no run of it was under way",
            _ => "",
        }
    }
}
