//! What becomes of leases and locks: counted in this process, looked up in the store, and taken away by an
//! operator.

mod counts;
mod event;
#[cfg(feature = "metrics")]
mod figures;
mod health;
mod observed;
mod shared;
mod statistics;
mod times;
mod top;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{Stream, TryStreamExt, stream};
use tokio::sync::broadcast::error::RecvError;

pub use self::{
    event::{CoordinationEvent, Happened, LeaseEvent},
    health::CoordinationHealth,
    shared::SharedStatistics,
    statistics::{Contention, LockStatistics, Losses},
    times::Times,
    top::ContendedName,
};
pub(super) use self::{health::Checks, observed::Observed, shared::Shared};
use super::{Inner, admin};
use crate::{
    clock::{Clock, SystemClock},
    kernel::Fence,
    lease::{HeldName, LeaseAdmin, LeaseError, Owner, Reader},
};

/// Looks after leases and locks: those of this process, and all that the store knows.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, LossCause},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let hangs = coordination.lock("nightly-report").lease(Duration::from_millis(300)).acquire().await?;
///
/// let monitor = coordination.monitor();
/// for lock in monitor.active_locks().await? {
///     let Some(tenure) = lock.holder else { continue };
///     println!("{}: {:?} since {:?}, {} wait", lock.name, tenure.owner, tenure.since, lock.waiting);
///     assert!(monitor.force_release(&lock.name, tenure.fence, "ops: it hangs").await?);
/// }
/// assert_eq!(hangs.lost().await.cause, LossCause::Forced);
///
/// for stale in monitor.stale_locks(Duration::from_secs(600)).await? {
///     println!("{}: {:?}", stale.lock.name, stale.reason);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct LockMonitor(Arc<Inner>);

impl LockMonitor {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self(Arc::clone(inner))
    }

    /// What happened in this process since it began.
    pub fn statistics(&self) -> LockStatistics {
        self.0.observed.totals().all().statistics()
    }

    /// What happened in all processes that [tell it](super::Coordination::tell_statistics_every), and in this one,
    /// whether or not it tells: each since it began. A process that ends takes its counts with it, so that the sums
    /// may fall; one that dies does so after three of its intervals. The store is waited for no longer than 3
    /// seconds, and if it does not say, the answer is of this process alone, and says so.
    ///
    /// See [`SharedStatistics`] for an example.
    ///
    /// # Cancellation
    /// It only looks.
    pub async fn statistics_of_all(&self) -> SharedStatistics {
        self.0.shared.statistics(&*self.0.store, &self.0.observed).await
    }

    /// How much names are fought for in this process, by class; those first that are waited for longest.
    pub fn contention(&self) -> Vec<Contention> {
        self.0.observed.totals().contention()
    }

    /// Everything that happens from now on. Who is more than a thousand events behind misses the oldest, and
    /// goes on with the next.
    pub fn events(&self) -> impl Stream<Item = CoordinationEvent> + Send + use<> {
        stream::unfold(self.0.observed.events(), |mut events| async {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "somebody who listens to events is too slow");
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }

    /// All names that somebody has, in any process, in their order. The store is read some at a time. A
    /// [`NameKind`](super::NameKind) tells what a name belongs to, its [owner](Owner::drawn_in) which process has it,
    /// and its [metadata](crate::lease::Tenure::metadata) what its holder [says](super::LeaseGuard::describe). How
    /// often a [scope](super::LockScope::holds) took a lock only its process knows.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not answer, or cannot tell.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn active_locks(&self) -> Result<Vec<HeldName>, LeaseError> {
        let mut names: Vec<HeldName> = self.admin()?.names().try_collect().await?;
        // One may be told more than once.
        names.sort_by(|one, other| one.name.cmp(&other.name));
        names.dedup_by(|one, other| one.name == other.name);
        Ok(names)
    }

    /// Those of them of which somebody should look why they are held: they have no end, or were held alone
    /// for longer than this, as far as the clock here and that of the store agree. If this process
    /// [tells its statistics](super::Coordination::tell_statistics_every), so should all: then also those whose
    /// process tells nothing, though their lease is not over yet. Who goes on as an
    /// [owner](super::Lease::owner) that another process was counts as that one. Those who share a name are not
    /// looked at.
    ///
    /// # Errors
    /// As [`active_locks`](Self::active_locks).
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn stale_locks(&self, held_for: Duration) -> Result<Vec<StaleLock>, LeaseError> {
        let now = SystemClock::default().now();
        let locks = self.active_locks().await?;
        // Behind the locks: who has one may have told nothing before.
        let processes = self.0.shared.processes(&*self.0.store).await?;
        let is_silent = |owner: &Owner| match (&processes, owner.drawn_in()) {
            (Some(tell), Some(process)) => !tell.contains(process),
            _ => false,
        };
        let stale = locks.into_iter().filter_map(|lock| {
            let tenure = lock.holder.as_ref()?;
            let held = now.since(tenure.since);
            let reason = match tenure.expires_in {
                None => StaleReason::NoEnd,
                Some(_) if held > held_for => StaleReason::HeldFor(held),
                Some(_) if is_silent(&tenure.owner) => StaleReason::Silent,
                Some(_) => return None,
            };
            Some(StaleLock { lock, reason })
        });
        Ok(stale.collect())
    }

    /// Takes a name away from who has it alone under this fence, and wakes who is next in a store with a line. `false` if that tenure
    /// is over. Its holder loses it by [`LossCause::Forced`](super::LossCause::Forced) with its next renewal;
    /// until then both may work. What the old one writes is refused where fences are checked, once the next
    /// one has written there, or somebody [raised](super::FencedResource::raise) the fence. Doing it again says
    /// the same, and does nothing to the next holder.
    ///
    /// `why`, which should say who asks for it, is logged, told to those who [listen](Self::events), and kept in
    /// a store that keeps it, until the name is taken away once more, for a day.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not answer, or cannot do it.
    ///
    /// # Cancellation
    /// It may be done all the same.
    pub async fn force_release(
        &self,
        name: &str,
        fence: Fence,
        why: &str,
    ) -> Result<bool, LeaseError> {
        let holder = self.admin()?.force_release(name, fence, why).await?;
        let Some(owner) = holder else { return Ok(false) };
        let (name, what) = (name.into(), Happened::Forced { fence, why: why.into() });
        self.0.observed.note(LeaseEvent { name, owner, what });
        Ok(true)
    }

    /// Who shares a name, in any process, in the order of their owners; [1,000](Reader::MAX_TOLD) at most.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use distributed_task::{
    ///     backend::memory::MemoryLeases,
    ///     coordination::{Coordination, LossCause},
    /// };
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let catalogue = coordination.rw_lock("catalogue").lease(Duration::from_millis(300));
    /// let hangs = catalogue.read().await?;
    ///
    /// let monitor = coordination.monitor();
    /// for reader in monitor.readers("catalogue").await? {
    ///     println!("{:?} for {:?} yet", reader.owner, reader.expires_in);
    ///     assert!(monitor.force_release_reader("catalogue", &reader.owner, "ops: it hangs").await?);
    /// }
    /// assert_eq!(hangs.lost().await.cause, LossCause::Forced);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`active_locks`](Self::active_locks).
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn readers(&self, name: &str) -> Result<Vec<Reader>, LeaseError> {
        self.admin()?.readers(name).await
    }

    /// Takes a name away from one who shares it, and wakes who is next; others who share it keep it. `false` if
    /// this owner does not share it. It loses its share by [`LossCause::Forced`](super::LossCause::Forced) with its
    /// next renewal; until then it may work, also while the next one has the name alone. Doing it again says the
    /// same, for a day at least.
    ///
    /// `why` is as for [`force_release`](Self::force_release).
    ///
    /// # Errors
    /// As [`force_release`](Self::force_release).
    ///
    /// # Cancellation
    /// It may be done all the same.
    pub async fn force_release_reader(
        &self,
        name: &str,
        owner: &Owner,
        why: &str,
    ) -> Result<bool, LeaseError> {
        let is_done = self.admin()?.force_release_reader(name, owner, why).await?;
        if is_done {
            let (what, owner) = (Happened::ReaderForced { why: why.into() }, owner.clone());
            self.0.observed.note(LeaseEvent { name: name.into(), owner, what });
        }
        Ok(is_done)
    }

    fn admin(&self) -> Result<&dyn LeaseAdmin, LeaseError> {
        admin(&*self.0.store)
    }
}

impl fmt::Debug for LockMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockMonitor").field("statistics", &self.statistics()).finish()
    }
}

/// A name that is held, and perhaps should not be.
///
/// See [`LockMonitor`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleLock {
    /// Which.
    pub lock: HeldName,
    /// Why somebody should look.
    pub reason: StaleReason,
}

/// Why somebody should look at a name that is held.
///
/// See [`LockMonitor`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaleReason {
    /// It has no end: somebody else than this library has written it.
    NoEnd,
    /// It was held for so long.
    HeldFor(Duration),
    /// Its process tells nothing any more: it has died, or is cut off. It is free when its lease is over.
    Silent,
}
