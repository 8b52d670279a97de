//! What the machine is told, and what it says: the whole conversation between kernel and engine.

use super::{AttemptEnd, EntryId, Group, Machine, Mail, Timestamp, Value, Way};

/// What the machine is told.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
pub trait Judge {
    /// The condition of a step; `Err` is a panic message.
    ///
    /// # Errors
    /// The message, when the condition panicked.
    fn when(&self, saga: &Machine, step: usize) -> Result<bool, String>;

    /// The response; `Err` is a panic message.
    ///
    /// # Errors
    /// The message, when the response panicked.
    fn respond(&self, saga: &Machine) -> Result<Value, String>;
}
