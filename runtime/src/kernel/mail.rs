//! The inbox: how those who do not own a saga tell it something (J1).

use serde::{Deserialize, Serialize};

use super::{AttemptEnd, EntryId, Value, Way};

/// One inbox entry. Acknowledged means: it will be folded (INV10).
///
/// ```
/// use distributed_task::kernel::{EntryId, Letter, Mail};
///
/// /// Who says so, for the audit.
/// fn by(mail: &Mail) -> Option<&str> {
///     match &mail.letter {
///         Letter::Kill { by, .. }
///         | Letter::Unpark { by }
///         | Letter::MarkDone { by, .. }
///         | Letter::MarkNotDone { by, .. }
///         | Letter::Waive { by, .. } => Some(by),
///         Letter::Cancel { .. } | Letter::Late { .. } => None,
///     }
/// }
/// let id = EntryId(uuid::Uuid::new_v4());
/// assert_eq!(by(&Mail { id, letter: Letter::Unpark { by: "alice".into() } }), Some("alice"));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mail {
    /// Telling the same entry twice is telling it once.
    pub id: EntryId,
    /// What it says.
    pub letter: Letter,
}

impl Mail {
    /// Shows every value in it, to be replaced by the same value in another form.
    ///
    /// # Errors
    /// The first that `show` returns.
    pub fn each_value<E>(
        &mut self,
        show: &mut dyn FnMut(&mut Value) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.letter {
            Letter::Late { end: AttemptEnd::Done(value), .. }
            | Letter::MarkDone { output: Some(value), .. } => show(value),
            Letter::Late { end: AttemptEnd::Refused(refused), .. } => show(&mut refused.error),
            Letter::Late { end: AttemptEnd::Partial(refused, value), .. } => {
                show(&mut refused.error)?;
                show(value)
            }
            _ => Ok(()),
        }
    }
}

/// What an inbox entry says.
///
/// See [`Mail`] for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letter {
    /// Go back, if the pivot has not happened (K1).
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// End without undo; every effect that is not undone is listed (K5).
    Kill {
        /// Why, for people.
        reason: String,
        /// Who says so.
        by: String,
    },
    /// What a stale owner knows (J5).
    Late {
        /// The step.
        step: usize,
        /// Its generation.
        generation: u32,
        /// Its attempt.
        attempt: u32,
        /// Forward or back.
        way: Way,
        /// How it ended.
        end: AttemptEnd,
    },
    /// Try a parked or stuck saga again.
    Unpark {
        /// Who says so.
        by: String,
    },
    /// Count an undo that failed, or cannot be read, as done, on somebody's word (C7); or, with an output, a step that can go
    /// neither forward nor back (P2, P3).
    MarkDone {
        /// The step.
        step: usize,
        /// What it would have returned; `None` for an undo.
        output: Option<Value>,
        /// What shows it.
        evidence: String,
        /// Who says so.
        by: String,
    },
    /// Count a pivot of which nobody knows, or a step that used up its retries and parked, as not
    /// happened, on somebody's word (P2, E4).
    MarkNotDone {
        /// The step.
        step: usize,
        /// What shows it.
        evidence: String,
        /// Who says so.
        by: String,
    },
    /// Leave the effect of a step whose undo failed, or cannot be read, and report it (C7).
    Waive {
        /// The step whose undo failed.
        step: usize,
        /// Why it may remain.
        reason: String,
        /// Who says so.
        by: String,
    },
}
