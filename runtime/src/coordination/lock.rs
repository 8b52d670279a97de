//! A lock: a lease that is waited for in turn, and that one piece of work may take more than once.

use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{
    error::{AcquireError, LockError, NotAcquired, unless_busy},
    guard::LeaseGuard,
    lease::Lease,
    release::ReleaseOutcome,
    terms::terms_of_its_lease,
    view::LeaseView,
    wait::Patience,
};
use crate::lease::{LeaseError, Tenure};

/// A lock with a name, for all processes that share a store. Making and cloning it asks nobody.
///
/// Those who wait get it in the order in which they came, and are told when it is their turn. One that
/// dies is skipped after three seconds; what it held is free when its lease runs out. A store without a
/// [line](crate::lease::LockStore), such as a quorum, knows no order: there each asks again and again.
///
/// Those of one process wait as one: they hand it over among them, each with a fence of its own, before it is
/// the turn of another process, up to 16 times within the first 100 milliseconds.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let report = coordination.lock("nightly-report");
/// let rows = report.with_lock(async |held| {
///     println!("every write carries {:?}", held.fence());
///     42
/// });
/// assert_eq!(rows.await?, 42);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Lock {
    lease: Lease,
    scope: Option<LockScope>,
}

impl Lock {
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
        Self { lease, scope: None }
    }

    /// Takes it as part of a piece of work, which takes what it holds already once more.
    #[must_use]
    pub fn within(mut self, scope: &LockScope) -> Self {
        self.scope = Some(scope.clone());
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.lease.key()
    }

    /// Asks for it once. `None` if somebody else has it, or stands in line for it in the store.
    ///
    /// # Errors
    /// [`AcquireError`], but never [`AcquireError::NotAcquired`].
    ///
    /// # Cancellation
    /// What was granted to somebody who does not wait any more is given back.
    pub async fn try_acquire(&self) -> Result<Option<LockGuard>, AcquireError> {
        unless_busy(self.ask(Patience::Once).await)
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`AcquireError`]; [`AcquireError::NotAcquired`] only after [`max_retries`](Self::max_retries).
    ///
    /// # Cancellation
    /// As [`try_acquire`](Self::try_acquire), and the place in line is given back.
    pub async fn acquire(&self) -> Result<LockGuard, AcquireError> {
        self.ask(Patience::Endless).await
    }

    /// Waits for its turn, for no longer than `limit`.
    ///
    /// # Errors
    /// [`AcquireError`].
    ///
    /// # Cancellation
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_timeout(&self, limit: Duration) -> Result<LockGuard, AcquireError> {
        self.ask(Patience::For(limit)).await
    }

    /// Waits for its turn, runs work while it is held, and releases it. Work that has not ended when the lock
    /// is lost is dropped where it waits.
    ///
    /// # Errors
    /// [`LockError`] when it was not acquired, or was lost before the work ended.
    ///
    /// # Cancellation
    /// As [`acquire`](Self::acquire); the work is dropped.
    pub async fn with_lock<T>(
        &self,
        work: impl AsyncFnOnce(&LockGuard) -> T,
    ) -> Result<T, LockError> {
        let held = self.acquire().await?;
        let done = held.run_if_held(work(&held)).await.done()?;
        // Where that does not succeed the log says so; the work has.
        held.release().await;
        Ok(done)
    }

    /// Takes all of these locks of one store, one after the other in the order of their names, so that nobody
    /// who does the same waits for somebody who waits for it. A lock that is there twice is taken once. The guards are in
    /// that order. Whoever waits no longer than for a while drops the future.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::{Coordination, Lock}};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let accounts = ["payee", "payer"].map(|account| coordination.lock(account));
    /// let held = Lock::acquire_all(accounts).await?;
    /// assert_eq!(held.len(), 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`AcquireError`]; [`AcquireError::NotAcquired`] only after [`max_retries`](Self::max_retries). What was taken is released.
    ///
    /// # Cancellation
    /// What was taken is released.
    pub async fn acquire_all(
        locks: impl IntoIterator<Item = Self>,
    ) -> Result<Vec<LockGuard>, AcquireError> {
        let mut locks: Vec<Self> = locks.into_iter().collect();
        let key = |lock: &Self| (lock.name().to_owned(), lock.lease.identity().0);
        locks.sort_by_cached_key(key);
        locks.dedup_by_key(|lock| key(lock));
        let mut held = Vec::with_capacity(locks.len());
        for lock in locks {
            held.push(lock.acquire().await?);
        }
        // The first ones were held while the others were waited for.
        for guard in &held {
            guard.check()?;
        }
        Ok(held)
    }

    /// Who has it, if anybody. Changes nothing.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not say.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn info(&self) -> Result<Option<Tenure>, LeaseError> {
        self.lease.info().await
    }

    async fn ask(&self, patience: Patience) -> Result<LockGuard, AcquireError> {
        let Some(scope) = &self.scope else {
            return self.lease.ask(patience).await.map(LockGuard::new);
        };
        let (turn, begun) = (scope.turn(&self.lease), now());
        let Some(_turn) = patience.bound(turn.lock()).await else {
            let (waited, holder) = (patience.limit(), None);
            return Err(NotAcquired { attempts: 0, waited, holder, ahead: 0 }.into());
        };
        if let Some(guard) = scope.guard(&self.lease) {
            return self.enter_again(scope, guard).await;
        }
        let guard = LockGuard::new(self.lease.ask(patience.after(begun.elapsed())).await?);
        scope.took(&self.lease, &guard);
        Ok(guard)
    }

    async fn enter_again(
        &self,
        scope: &LockScope,
        guard: Arc<LeaseGuard>,
    ) -> Result<LockGuard, AcquireError> {
        // This one is counted.
        if Arc::strong_count(&guard) > scope.0.deepest {
            return Err(AcquireError::TooDeep { deepest: scope.0.deepest });
        }
        guard.check()?;
        let lease = self.lease.lease();
        if lease > guard.ttl() || guard.is_renewed_by_hand() && lease > guard.remaining() {
            guard.prolong(lease).await?;
        }
        Ok(LockGuard(guard))
    }
}

#[allow(clippy::disallowed_methods, reason = "it measures how long was waited")]
fn now() -> Instant {
    Instant::now()
}

/// A lock that is held, and extended while it is. Dropping it releases it in the background, anywhere. All
/// that its [`LeaseGuard`] says is true of it.
///
/// See [`Lock`] for an example.
#[must_use = "dropping it releases the lock"]
#[derive(Debug)]
pub struct LockGuard(Arc<LeaseGuard>);

impl LockGuard {
    fn new(guard: LeaseGuard) -> Self {
        Self(Arc::new(guard))
    }

    /// Releases it, and waits until the store has said what became of it, for no longer than it lasts. Where
    /// its [scope](LockScope) holds it once more, that goes on.
    ///
    /// # Cancellation
    /// It is released all the same.
    pub async fn release(self) -> ReleaseOutcome {
        match Arc::into_inner(self.0) {
            Some(guard) => guard.release().await,
            None => ReleaseOutcome::StillHeld,
        }
    }
}

impl Deref for LockGuard {
    type Target = LeaseGuard;

    fn deref(&self) -> &LeaseGuard {
        &self.0
    }
}

/// One piece of work, which may take a lock that it has once more: hand it to the functions that it calls.
/// Cloning it is the same piece of work.
///
/// It is released when it was released as often as it was taken. It is leased for the longest time that
/// somebody asked for, and who releases it does not shorten that. What is lost is lost for all.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{AcquireError, Coordination, LockScope, ReleaseOutcome},
/// };
///
/// async fn post(coordination: &Coordination, scope: &LockScope) -> Result<(), AcquireError> {
///     let _held = coordination.lock("ledger").within(scope).acquire().await?;
///     println!("posted");
///     Ok(())
/// }
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let scope = LockScope::new();
/// let held = coordination.lock("ledger").within(&scope).acquire().await?;
/// post(&coordination, &scope).await?;
/// assert_eq!(held.release().await, ReleaseOutcome::Released);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct LockScope(Arc<Scope>);

/// What a scope has of one name.
#[derive(Default)]
struct Entry {
    /// Whoever acquires it has the turn.
    turn: Arc<AsyncMutex<()>>,
    /// Who took it.
    guard: Weak<LeaseGuard>,
    /// How it stands.
    view: Option<LeaseView>,
}

struct Scope {
    deepest: usize,
    names: Mutex<HashMap<(usize, Box<str>), Entry>>,
    /// What it reads or writes.
    shared: Mutex<Vec<(usize, LeaseView)>>,
}

impl LockScope {
    /// A piece of work that takes a lock any number of times.
    pub fn new() -> Self {
        Self::of_depth(usize::MAX)
    }

    /// One that takes a lock so many times at most: more is a mistake that is told.
    pub fn of_depth(deepest: usize) -> Self {
        Self(Arc::new(Scope { deepest, names: Mutex::default(), shared: Mutex::default() }))
    }

    /// How often it has what is called so, or is taking it once more, in all stores together: 0 where it does not have
    /// it, or has lost it. Asks nobody: only the process of a scope knows.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{
    ///     backend::memory::MemoryLeases,
    ///     coordination::{Coordination, LockScope},
    /// };
    ///
    /// let (coordination, scope) = (Coordination::new(MemoryLeases::new()), LockScope::new());
    /// let ledger = coordination.lock("ledger").within(&scope);
    /// let held = [ledger.acquire().await?, ledger.acquire().await?];
    /// assert_eq!((scope.holds("ledger"), scope.holds("report")), (2, 0));
    /// # drop(held);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    pub fn holds(&self, name: &str) -> usize {
        let is_it = |view: &LeaseView| view.name() == name && view.is_held();
        let names = self.names();
        let taken = names.values().filter(|entry| entry.view.as_ref().is_some_and(is_it));
        let taken: usize = taken.map(|entry| entry.guard.strong_count()).sum();
        taken + self.shared().iter().filter(|(_, view)| is_it(view)).count()
    }

    /// It reads or writes this, from now on.
    pub(super) fn takes(&self, store: usize, guard: &LeaseGuard) {
        let mut shared = self.shared();
        // Who wrote may read from now on.
        shared.retain(|(_, view)| view.is_held() && !view.is_of(guard));
        shared.push((store, guard.view()));
    }

    /// Whether it reads or writes this.
    pub(super) fn has(&self, lease: &Lease) -> bool {
        let is_it = |(store, view): &(usize, LeaseView)| {
            view.is_held() && lease.identity() == (*store, view.name())
        };
        self.shared().iter().any(is_it)
    }

    /// The turn to acquire this.
    fn turn(&self, lease: &Lease) -> Arc<AsyncMutex<()>> {
        let (mut names, identity) = (self.names(), identity(lease));
        if let Some(entry) = names.get(&identity) {
            return Arc::clone(&entry.turn);
        }
        // What nobody holds or waits for.
        names.retain(|_, Entry { turn, guard, .. }| {
            Arc::strong_count(turn) > 1 || guard.strong_count() > 0
        });
        Arc::clone(&names.entry(identity).or_default().turn)
    }

    /// Who took it, and has not let go of it.
    fn guard(&self, lease: &Lease) -> Option<Arc<LeaseGuard>> {
        self.names().get(&identity(lease))?.guard.upgrade()
    }

    /// It has this, from now on. Whoever says so has the turn.
    fn took(&self, lease: &Lease, LockGuard(guard): &LockGuard) {
        let mut names = self.names();
        let entry = names.entry(identity(lease)).or_default();
        (entry.guard, entry.view) = (Arc::downgrade(guard), Some(guard.view()));
    }

    fn names(&self) -> MutexGuard<'_, HashMap<(usize, Box<str>), Entry>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Vec<(usize, LeaseView)>> {
        self.0.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity(lease: &Lease) -> (usize, Box<str>) {
    let (store, name) = lease.identity();
    (store, name.into())
}

impl Default for LockScope {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LockScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockScope").field("deepest", &self.0.deepest).finish_non_exhaustive()
    }
}
