//! What the machine is told, and what it says: the whole conversation between kernel and engine.

use serde::{Deserialize, Serialize};

use super::{AttemptEnd, EntryId, Group, Machine, Mail, Timestamp, Value, Way};

/// What the machine is told.
///
/// See [`Machine`] for an example.
#[derive(Clone, Debug)]
pub enum Event {
    /// The saga was claimed.
    Claimed {
        /// So many owners died since its last record.
        crashes: u32,
        /// When the last of them was found dead.
        crashed_at: Option<Timestamp>,
        /// Its inbox.
        mail: Vec<Mail>,
    },
    /// An attempt ended.
    Ended {
        /// The step.
        step: usize,
        /// Forward or back.
        way: Way,
        /// How.
        end: AttemptEnd,
    },
    /// The inbox.
    Mail(Vec<Mail>),
    /// A time that a [`Command::Wait`] named has come.
    Due,
    /// The host is about to leave: start nothing more, give the saga back.
    Leave,
}

/// What to write, and where the saga goes with it: one atomic commit.
///
/// See [`Machine`] for an example.
#[derive(Debug, Default)]
pub struct Decision {
    /// A group of records; never split.
    pub records: Group,
    /// Inbox entries that the group folds.
    pub folded: Vec<EntryId>,
    /// Where the saga is afterwards.
    pub place: Place,
    /// Whether the commit is wrong while mail waits (A1).
    pub guarded: bool,
}

impl Decision {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.folded.is_empty() && self.place == Place::Owned
    }
}

/// Where an open saga is (J7).
///
/// ```
/// use distributed_task::kernel::Place;
///
/// /// Whether somebody will move it on without being told to.
/// fn moves(place: Place) -> bool {
///     !matches!(place, Place::Parked | Place::Ended)
/// }
/// assert!(moves(Place::default()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// With its owner.
    #[default]
    Owned,
    /// In a ready list.
    Ready,
    /// Waiting for this time.
    Timed(Timestamp),
    /// Waiting for code or an operator.
    Parked,
    /// Over.
    Ended,
}

/// What to do now that the records are written.
///
/// See [`Machine`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start an attempt.
    Run {
        /// The step.
        step: usize,
        /// Which method of it.
        way: Way,
        /// Counts from 1.
        attempt: u32,
    },
    /// Tell the running attempts to stop, and end them when their grace is over. Never the pivot.
    Stop,
    /// Come back at this time with [`Event::Due`].
    Wait(Timestamp),
}

/// Pure user code over journaled values that the kernel asks for its verdict.
///
/// See [`Machine`] for an example.
pub trait Judge {
    /// The condition of a step.
    ///
    /// # Errors
    /// When it panicked, or could not be asked.
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, NoVerdict>;

    /// The response.
    ///
    /// # Errors
    /// When it panicked, or could not be asked.
    fn respond(&self, saga: &Machine) -> Result<Value, NoVerdict>;
}

/// Why there is no verdict: the saga is parked (E2).
///
/// See [`Machine`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoVerdict {
    /// A value that it reads cannot be read: what the codec says.
    Undecodable(String),
    /// It panicked, with this message.
    Panicked(String),
}
