//! Why somebody does not have a name.

use std::{sync::Arc, time::Duration};

use super::{RenewError, hold::Lost, terms::InvalidLease};
use crate::lease::{LeaseError, Owner};

/// Why a name was not acquired.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{AcquireError, Coordination},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let short = coordination.lease("report").ttl(Duration::from_micros(1)).try_acquire().await;
/// assert!(matches!(short, Err(AcquireError::InvalidLease(_))));
///
/// let _ours = coordination.lease("report").try_acquire().await?;
/// let theirs = coordination.lease("report").acquire_timeout(Duration::from_millis(10)).await;
/// let Err(AcquireError::NotAcquired(why)) = theirs else { panic!("it is ours") };
/// println!("{:?} has it; {} attempts in {:?}", why.holder, why.attempts, why.waited);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Somebody else had it, for as long as was waited.
    #[error(transparent)]
    NotAcquired(#[from] NotAcquired),
    /// The store did not do what it was asked. If it did without saying so, what it granted is given
    /// back.
    #[error(transparent)]
    Store(#[from] LeaseError),
    /// Its scope had it, and has lost it.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Its scope has it as often as it may.
    #[error("this scope has the lock {deepest} times, and may not have it more often")]
    TooDeep {
        /// How often it may.
        deepest: usize,
    },
    /// Its scope reads or writes it already: it would wait for itself, or for a writer that waits for it.
    #[error(
        "this scope has `{name}`, and may wait for itself: hand that guard on, or release it first"
    )]
    WouldDeadlock {
        /// What it has.
        name: Arc<str>,
    },
    /// No lease is so short or so long.
    #[error(transparent)]
    InvalidLease(#[from] InvalidLease),
}

/// Somebody else had a name, for as long as was waited.
///
/// See [`AcquireError`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("somebody else has it: asked {attempts} times in {waited:?}")]
#[non_exhaustive]
pub struct NotAcquired {
    /// How often the store was asked.
    pub attempts: u64,
    /// How long was waited.
    pub waited: Duration,
    /// Who had it when the store was asked last, if it knows.
    pub holder: Option<Owner>,
    /// How many were before it in line, where the store has one.
    pub ahead: u64,
}

/// For those who ask once.
pub(super) fn unless_busy<T>(answer: Result<T, AcquireError>) -> Result<Option<T>, AcquireError> {
    match answer {
        Err(AcquireError::NotAcquired(_)) => Ok(None),
        answer => answer.map(Some),
    }
}

impl From<RenewError> for AcquireError {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Lost(lost) => lost.into(),
            RenewError::Store(error) => error.into(),
        }
    }
}

/// Why work under a lock did not end.
///
/// See [`AcquireError`] for an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It did not begin.
    #[error(transparent)]
    NotAcquired(#[from] AcquireError),
    /// The lock was lost before it ended.
    #[error(transparent)]
    Lost(#[from] Lost),
}
