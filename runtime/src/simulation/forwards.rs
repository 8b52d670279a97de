//! What an engine would do that undoes in the wrong order. What the engine says of the undo of one
//! step is taken for that of another, on its way out and on its way in, and by the code that undoes:
//! so records and effects agree with each other and with what the engine believes, and nothing is
//! wrong but the order.

use std::collections::BTreeSet;

use crate::kernel::{Definition, End, Finished, Kind, Record, Way};

/// The steps that a saga has to undo, in the order in which they were done.
pub(super) struct Forwards(Vec<usize>);

impl Forwards {
    /// From all the records of a saga; what it is does not change any more when the saga has turned.
    pub(super) fn of<'a>(
        definition: &Definition,
        records: impl Iterator<Item = &'a Record>,
    ) -> Self {
        let mut steps = BTreeSet::new();
        for record in records {
            match record {
                Record::Intended { step, way: Way::Do, .. }
                    if definition.steps[*step].kind == Kind::Compensable =>
                {
                    steps.insert(*step);
                }
                // Nothing of it remains.
                Record::Ended {
                    step,
                    way: Way::Do | Way::Probe,
                    end: End::Refused(_) | End::Withdrawn | End::DidNot { retry_at: None },
                    ..
                } => _ = steps.remove(step),
                Record::Compensating(_) => break,
                _ => {}
            }
        }
        Self(steps.into_iter().collect())
    }

    /// The step that is undone in the place of this one: the first for the last, and back.
    pub(super) fn instead_of(&self, step: usize) -> usize {
        match self.0.iter().position(|undone| *undone == step) {
            Some(place) => self.0[self.0.len() - 1 - place],
            None => step,
        }
    }

    /// One for the other, in a record.
    pub(super) fn exchange(&self, record: &mut Record) {
        match record {
            Record::Intended { step, way: Way::Undo, .. }
            | Record::Ended { step, way: Way::Undo, .. } => *step = self.instead_of(*step),
            Record::Finished(finished) => {
                let mut residual = finished.residual.clone();
                residual.iter_mut().for_each(|left| left.step = self.instead_of(left.step));
                residual.sort_by_key(|left| left.step);
                *finished = Finished { residual, ..Finished::clone(finished) }.into();
            }
            _ => {}
        }
    }
}
