//! A lock that readers share.

use std::{ops::Deref, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    error::{AcquireError, unless_busy},
    guard::LeaseGuard,
    hold::Lost,
    lease::Lease,
    lock::LockScope,
    release::ReleaseOutcome,
    terms::terms_of_its_lease,
    wait::Patience,
};
use crate::lease::Share;

/// A lock that any number of readers or one writer holds. Making and cloning it asks nobody.
///
/// Readers and writers get it in the order in which they came, unless a [policy](Self::policy) says otherwise: a
/// reader that comes after a writer waits for it, so neither keeps the other out for ever. Every reader has a lease
/// of its own, and one that crashes is gone when that ends, whatever the others do. Needs a store with
/// [a line](crate::lease::LockStore).
///
/// A reader does not become a writer, since two who want that would wait for each other: release, write, and
/// look again at what was read. Whoever waits for [`write`](Self::write) with a read guard of its own in its hands
/// waits for ever, unless both are [within](Self::within) one scope: then it is told. A writer becomes a reader
/// by [`WriteGuard::downgrade`].
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let catalogue = coordination.rw_lock("catalogue");
/// let (one, two) = (catalogue.read().await?, catalogue.read().await?);
/// assert!(catalogue.try_write().await?.is_none());
/// drop((one, two));
///
/// let writing = catalogue.write().await?;
/// println!("every write carries {:?}", writing.fence());
/// let reading = writing.downgrade().await?;
/// assert!(catalogue.try_read().await?.is_some());
/// reading.release().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct RwLock {
    lease: Lease,
    scope: Option<LockScope>,
    policy: RwPolicy,
}

/// Who comes first at a [lock that readers share](RwLock).
///
/// All who use one lock should say the same, since each stands in line by what it said itself: where one prefers
/// readers and another one writers, its own readers and the other's writers go before all others.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, RwPolicy},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let catalogue = coordination.rw_lock("catalogue").policy(RwPolicy::PreferReaders);
/// let reading = catalogue.read().await?;
/// let (writing, other) = tokio::join!(catalogue.write(), async {
///     let other = catalogue.try_read().await;
///     drop(reading);
///     other.map(|other| other.is_some())
/// });
/// assert!(other?, "the writer waited meanwhile");
/// writing?.release().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RwPolicy {
    /// Whoever came first. Nobody starves.
    #[default]
    QueueFair,
    /// Writers come before all readers who wait, in order of arrival. Where writers come without end, no reader
    /// ever gets it.
    PreferWriters,
    /// Readers come before all writers who wait, in order of arrival, and share it with those who read already.
    /// Where readers come without end, no writer ever gets it.
    PreferReaders,
}

impl RwPolicy {
    /// Who goes before the others.
    fn first(self) -> Option<Share> {
        match self {
            Self::QueueFair => None,
            Self::PreferWriters => Some(Share::Alone),
            Self::PreferReaders => Some(Share::Shared),
        }
    }
}

impl RwLock {
    terms_of_its_lease!(
        lease,
        on_unreachable,
        extension,
        max_hold,
        max_idle,
        retry_delay,
        max_retries
    );

    pub(super) fn new(lease: Lease) -> Self {
        Self { lease, scope: None, policy: RwPolicy::default() }
    }

    /// Takes it as part of a piece of work, which is told when it would wait for itself:
    /// [`WouldDeadlock`](AcquireError::WouldDeadlock).
    #[must_use]
    pub fn within(mut self, scope: &LockScope) -> Self {
        self.scope = Some(scope.clone());
        self
    }

    /// Who comes first. Default [`RwPolicy::QueueFair`], which starves nobody: a preference can starve the other
    /// side. Say the same wherever this lock is used.
    #[must_use]
    pub fn policy(mut self, policy: RwPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.lease.key()
    }

    /// Asks once, to read. `None` if somebody writes, or waits whom it does not [pass](RwPolicy).
    ///
    /// # Errors
    /// [`AcquireError`], but never [`AcquireError::NotAcquired`].
    ///
    /// # Cancellation
    /// What was granted to somebody who does not wait any more is given back.
    pub async fn try_read(&self) -> Result<Option<ReadGuard>, AcquireError> {
        unless_busy(self.ask(Share::Shared, Patience::Once).await.map(|guard| self.reading(guard)))
    }

    /// Waits for its turn, to read.
    ///
    /// # Errors
    /// [`AcquireError`]; [`AcquireError::NotAcquired`] only after [`max_retries`](Self::max_retries).
    ///
    /// # Cancellation
    /// As [`try_read`](Self::try_read), and the place in line is given back.
    pub async fn read(&self) -> Result<ReadGuard, AcquireError> {
        self.ask(Share::Shared, Patience::Endless).await.map(|guard| self.reading(guard))
    }

    /// Waits for its turn, to read, for no longer than `limit`.
    ///
    /// # Errors
    /// [`AcquireError`].
    ///
    /// # Cancellation
    /// As [`read`](Self::read).
    pub async fn read_timeout(&self, limit: Duration) -> Result<ReadGuard, AcquireError> {
        self.ask(Share::Shared, Patience::For(limit)).await.map(|guard| self.reading(guard))
    }

    /// Asks once, to write. `None` if somebody has it, or waits whom it does not [pass](RwPolicy).
    ///
    /// # Errors
    /// [`AcquireError`], but never [`AcquireError::NotAcquired`].
    ///
    /// # Cancellation
    /// As [`try_read`](Self::try_read).
    pub async fn try_write(&self) -> Result<Option<WriteGuard>, AcquireError> {
        unless_busy(self.ask(Share::Alone, Patience::Once).await.map(|guard| self.writing(guard)))
    }

    /// Waits for its turn, to write.
    ///
    /// # Errors
    /// [`AcquireError`]; [`AcquireError::NotAcquired`] only after [`max_retries`](Self::max_retries).
    ///
    /// # Cancellation
    /// As [`read`](Self::read).
    pub async fn write(&self) -> Result<WriteGuard, AcquireError> {
        self.ask(Share::Alone, Patience::Endless).await.map(|guard| self.writing(guard))
    }

    /// Waits for its turn, to write, for no longer than `limit`.
    ///
    /// # Errors
    /// [`AcquireError`].
    ///
    /// # Cancellation
    /// As [`read`](Self::read).
    pub async fn write_timeout(&self, limit: Duration) -> Result<WriteGuard, AcquireError> {
        self.ask(Share::Alone, Patience::For(limit)).await.map(|guard| self.writing(guard))
    }

    async fn ask(&self, share: Share, patience: Patience) -> Result<LeaseGuard, AcquireError> {
        if let Some(scope) = &self.scope
            && patience != Patience::Once
            && scope.has(&self.lease)
        {
            return Err(AcquireError::WouldDeadlock { name: self.name().into() });
        }
        let goes_first = self.policy.first() == Some(share);
        self.lease.clone().share(share).goes_first(goes_first).ask(patience).await
    }

    fn reading(&self, guard: LeaseGuard) -> ReadGuard {
        self.told(&guard);
        ReadGuard(guard)
    }

    fn writing(&self, guard: LeaseGuard) -> WriteGuard {
        self.told(&guard);
        WriteGuard { guard, lock: self.clone() }
    }

    /// Tells the scope that it has this.
    fn told(&self, guard: &LeaseGuard) {
        if let Some(scope) = &self.scope {
            scope.takes(self.lease.identity().0, guard);
        }
    }
}

/// A lock that is held to read. Dropping it releases it in the background, anywhere.
///
/// Its [fence](LeaseGuard::fence) is none of its own: no writer before it has a higher one, and every later one
/// has. So a reader that was paused can tell what was written since.
///
/// See [`RwLock`] for an example.
#[must_use = "dropping it releases the lock"]
#[derive(Debug)]
pub struct ReadGuard(LeaseGuard);

/// A lock that is held to write. Dropping it releases it in the background, anywhere.
///
/// See [`RwLock`] for an example.
#[must_use = "dropping it releases the lock"]
#[derive(Debug)]
pub struct WriteGuard {
    guard: LeaseGuard,
    lock: RwLock,
}

impl ReadGuard {
    /// As [`LeaseGuard::release`].
    ///
    /// # Cancellation
    /// It is given back all the same.
    pub async fn release(self) -> ReleaseOutcome {
        self.0.release().await
    }
}

impl WriteGuard {
    /// As [`LeaseGuard::release`].
    ///
    /// # Cancellation
    /// It is given back all the same.
    pub async fn release(self) -> ReleaseOutcome {
        self.guard.release().await
    }

    /// Goes on as a reader. Nobody writes in between.
    ///
    /// # Errors
    /// [`Lost`] when it is lost before the store has answered.
    ///
    /// # Cancellation
    /// It is released.
    pub async fn downgrade(self) -> Result<ReadGuard, Lost> {
        let Self { guard, lock } = self;
        guard.downgrade().await?;
        Ok(lock.reading(guard))
    }
}

impl Deref for ReadGuard {
    type Target = LeaseGuard;

    fn deref(&self) -> &LeaseGuard {
        &self.0
    }
}

impl Deref for WriteGuard {
    type Target = LeaseGuard;

    fn deref(&self) -> &LeaseGuard {
        &self.guard
    }
}
