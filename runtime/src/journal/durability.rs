//! What a journal survives.

use std::fmt;

/// How much a write survives (J6).
///
/// A task with a pivot or an `at_most_once` step runs on `Volatile` without being asked, although not
/// on `Process`: what is volatile dies with the process as a whole, with every saga that could be
/// resumed, so nothing is done twice. A journal that lives on without its last records would go on
/// as if the step had not begun.
///
/// ```
/// use distributed_task::journal::Durability;
///
/// assert!(Durability::Volatile < Durability::Process && Durability::Process < Durability::Fsync);
/// assert_eq!(Durability::Fsync.to_string(), "fsync");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing: it lives in this process.
    Volatile,
    /// The end of a process, perhaps not of the machine.
    Process,
    /// Power loss.
    Fsync,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Volatile => "volatile",
            Self::Process => "process",
            Self::Fsync => "fsync",
        })
    }
}
