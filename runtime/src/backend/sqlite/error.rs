//! What can be wrong with the file of a journal, in words for people.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a [`SqliteJournal`](super::SqliteJournal) cannot be opened. Nothing was changed.
///
/// ```
/// use distributed_task::backend::sqlite::{SqliteJournal, SqliteOpenError};
///
/// # let folder = tempfile::tempdir()?;
/// let nowhere = folder.path().join("missing/journal.db");
/// let error = SqliteJournal::open(&nowhere).err().expect("there is no such folder");
/// assert!(matches!(error, SqliteOpenError::Unreachable { .. }));
/// assert!(error.to_string().contains("missing/journal.db"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SqliteOpenError {
    /// The file cannot be opened or made.
    #[error("{}: the journal cannot be opened for writing: {source}", path.display())]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody has it open.
    #[error(
        "{}: another process, or another task of this one, has this journal open: give each process a journal of its own, or end the other one; tasks of one process share one by `.override_journal(..)`",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{}: this is not a journal: {what}", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A newer release wrote it.
    #[error(
        "{}: this journal has format {found}, and this release reads up to {known}: use the release that wrote it, or a newer one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest one that is known here.
        known: i64,
    },
    /// What is in it cannot be read.
    #[error("{}: the journal is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a call fails while the journal is open.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    /// It will go on when there is room.
    #[error("{}: the disk is full: the journal takes no new sagas until there is room", .0.display())]
    Full(PathBuf),
    /// It will not go on.
    #[error("{}: the journal cannot be written: {}; start the process again when that is mended", path.display(), error)]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// Nobody knows whether it was done.
    #[error("the journal was closed")]
    Closed,
    /// A saga that was asked for.
    #[error("a saga in the file cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A value that no codec can write: the engine finds those before.
    #[error("a record cannot be written")]
    Unwritable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Trouble {
    pub(super) fn broken(path: &Path, error: impl ToString) -> Self {
        Self::Broken { path: path.into(), error: error.to_string() }
    }

    /// Whether it will never be over.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}
