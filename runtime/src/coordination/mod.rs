//! Who may: leases that renew themselves, for work that one process at a time does.
//!
//! ```
//! # #[cfg(feature = "in-process")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! if let Some(held) = coordination.lease("nightly-report").try_acquire().await? {
//!     let report = held.run_if_held(async { "all is well" }).await;
//!     println!("{report:?}");
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "in-process"))]
//! # fn main() {}
//! ```
//!
//! No task is needed: it works for any program. The store is one in memory, or one that processes share,
//! such as [`RedisLeases`](crate::backend::redis::RedisLeases).
//!
//! # What holds, and what does not
//! The store's clock decides whose a name is. A holder counts on its own as well, from before it asked and
//! with a margin, on a clock that goes on in sleep, and only ever gives up earlier. So two that both run
//! never both [hold](LeaseGuard::check) a name, as long as the store keeps what it was told: how far that
//! goes is its [`Safety`](crate::lease::Safety). One that is paused between a look at its lease and its
//! write is not stopped by any lease. The [fence](LeaseGuard::fence) stops it, where the resource that is
//! written to checks it.

mod bell;
mod election;
mod error;
mod fenced;
mod gather;
mod guard;
mod hold;
mod keeper;
mod kind;
mod lease;
mod lock;
mod monitor;
mod options;
mod pool;
mod release;
mod run;
mod rw_lock;
mod service;
mod singleton;
mod tenure;
mod terms;
mod text;
mod view;
mod wait;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use self::{
    bell::Bell,
    gather::Gatherer,
    keeper::Keeper,
    monitor::{Checks, Observed, Shared},
    pool::Pool,
};
pub use self::{
    election::{
        CampaignError, Candidacy, CandidateHealth, CurrentLeadership, Election, ElectionEvent,
        ElectionEvents, ElectionFinding, ElectionHealth, ElectionSnapshot, ElectionSnapshots,
        ElectionTerms, ElectionWarning, HealthReporter, HealthStatus, InvalidElection,
        LeaderElectionOptions, LeaderInfo, Leadership, LeadershipContext, LeadershipEnd,
        LeadershipLost, Margins, Metadata, NotLeading, ObservedLeader, Role, StartError, Stopped,
    },
    error::{AcquireError, LockError, NotAcquired},
    fenced::{FencedResource, StaleFence},
    guard::{Held, LeaseGuard, Ran, RenewError},
    hold::{LossCause, Lost},
    kind::NameKind,
    lease::Lease,
    lock::{Lock, LockGuard, LockScope},
    monitor::{
        ContendedName, Contention, CoordinationEvent, CoordinationHealth, Happened, LeaseEvent,
        LockMonitor, LockStatistics, Losses, SharedStatistics, StaleLock, StaleReason, Times,
    },
    options::{
        BatchingOptions, CoordinationOptions, DebuggingOptions, InvalidOptions, LockingOptions,
    },
    release::ReleaseOutcome,
    rw_lock::{ReadGuard, RwLock, RwPolicy, WriteGuard},
    singleton::{OnBusy, Singleton, SingletonRun},
    terms::{InvalidLease, OnUnreachable},
    view::{LeaseState, LeaseView},
};
use crate::{
    clock::{BootClock, Clock, TokioClock},
    kernel::Timestamp,
    lease::{LeaseAdmin, LeaseError, LeaseStore, Renewal},
};

/// How long locks and jobs are leased, unless it is said.
const OF_LOCKS: Duration = Duration::from_secs(30);

/// Where a process holds its leases. Cloning it shares it: one for a program is enough.
///
/// What it holds is kept by a thread of its own, so that user code that blocks its executor loses nothing.
/// The thread ends when the last clone and the last guard are dropped, and what was held has been given back.
///
/// See [`Lease`] for an example.
#[derive(Clone)]
pub struct Coordination {
    inner: Arc<Inner>,
    /// What its locks and elections are made of, if that was said.
    options: Option<Arc<CoordinationOptions>>,
}

struct Inner {
    store: Arc<dyn LeaseStore>,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    renewals: Arc<Gatherer<Renewal>>,
    /// Those of candidates.
    beats: Gatherer<election::OwnedBeat>,
    pool: Arc<Pool>,
    keeper: Keeper,
    observed: Arc<Observed>,
    /// How the health of this process is checked.
    health: Checks,
    /// The elections in which this process stands.
    seats: election::Seats,
    /// What this process tells of itself.
    shared: Shared,
}

/// The same store for those who look after it.
fn admin(store: &dyn LeaseStore) -> Result<&dyn LeaseAdmin, LeaseError> {
    store.admin().ok_or_else(|| LeaseError::Refused {
        source: "this lease store cannot tell who has what".into(),
        retryable: false,
    })
}

impl Coordination {
    /// Over a store that is there. Where the store has a connection, that ends with the runtime in which it
    /// was opened: [`open`](Self::open) opens it on the thread that keeps leases.
    ///
    /// # Panics
    /// As [`std::thread::spawn`] does, when the machine has no thread left.
    pub fn new(store: impl LeaseStore) -> Self {
        Self::over(store, Arc::new(BootClock::default()), Keeper::on_a_thread())
    }

    /// Opens a store on the thread that keeps leases.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "redis")] {
    /// use distributed_task::{backend::redis::RedisLeases, coordination::Coordination};
    ///
    /// let leases = RedisLeases::builder("redis://127.0.0.1/");
    /// let coordination = Coordination::open(leases.open()).await?;
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// That of the store.
    ///
    /// # Cancellation
    /// What is being opened is dropped when it is there, and the thread ends with it.
    ///
    /// # Panics
    /// As [`std::thread::spawn`] does, when the machine has no thread left.
    pub async fn open<S: LeaseStore, E: Send + 'static>(
        store: impl Future<Output = Result<S, E>> + Send + 'static,
    ) -> Result<Self, E> {
        let keeper = Keeper::on_a_thread();
        let store = keeper.spawn(store).await.expect("nobody ends it before")?;
        Ok(Self::over(store, Arc::new(BootClock::default()), keeper))
    }

    /// Over a store that is there, kept by the runtime of the caller and by its clock: for tests that let
    /// time pass with `tokio::time::pause`. Work that blocks that runtime keeps leases from being renewed.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn on_this_runtime(store: impl LeaseStore) -> Self {
        let clock = TokioClock::starting_at(Timestamp(0));
        Self::over(store, Arc::new(clock), Keeper::on(Handle::current()))
    }

    fn over(store: impl LeaseStore, clock: Arc<dyn Clock>, keeper: Keeper) -> Self {
        let (store, bell) = (Arc::new(store), Arc::default());
        let (renewals, beats) = (Arc::default(), Gatherer::default());
        let (pool, observed, seats) = (Arc::default(), Arc::default(), election::Seats::default());
        let health = Checks::new();
        let shared = Shared::default();
        let inner = Inner {
            store,
            clock,
            bell,
            renewals,
            beats,
            pool,
            keeper,
            observed,
            health,
            seats,
            shared,
        };
        Self { inner: Arc::new(inner), options: None }
    }

    /// With options for all that is made of it from now on. How leases are renewed together, and candidates
    /// say that they stand, how many locks are waited for as one, and what is logged is set for its clones as well.
    ///
    /// # Errors
    /// All that is wrong with the options.
    pub fn with_options(mut self, options: CoordinationOptions) -> Result<Self, InvalidOptions> {
        options.check()?;
        self.inner.renewals.set(&options.batching);
        self.inner.beats.set(&options.batching);
        self.inner.pool.set(&options.locking);
        self.inner.observed.set(options.debugging);
        self.options = Some(Arc::new(options));
        Ok(self)
    }

    /// Tells its statistics so often from now on, from 100 milliseconds to a day, to whoever asks for
    /// [those of all](LockMonitor::statistics_of_all): one call to the store each time, from the thread that keeps
    /// leases. Nothing is told otherwise. It ends with [`shutdown`](Self::shutdown), or when the last clone and the
    /// last guard are dropped: then the counts of this process are gone at once. Of one that dies they are after three
    /// intervals. Set for its clones as well; setting it again sets another interval.
    ///
    /// A store that knows [no candidates](crate::lease::CandidateStore) is told nothing, and whoever asks is told
    /// that it does not know. A call that fails is logged, and made again at the next interval.
    #[must_use]
    pub fn tell_statistics_every(self, interval: Duration) -> Self {
        let Inner { store, observed, keeper, shared, .. } = &*self.inner;
        shared.tell(keeper, (store, observed), interval);
        self
    }

    fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// A name to have for a while. Asks nobody yet.
    pub fn lease(&self, name: impl AsRef<str>) -> Lease {
        Lease::new(&self.inner, name.as_ref())
    }

    /// Who leads. Asks nobody yet. Each call is a candidate of its own.
    pub fn election(&self, name: impl AsRef<str>) -> Election {
        Election::new(self, name.as_ref())
    }

    /// A lock to wait for in turn. Asks nobody yet.
    pub fn lock(&self, name: impl AsRef<str>) -> Lock {
        Lock::new(self.lease_of_lock(name.as_ref()).pooled())
    }

    /// A lock that readers share. Asks nobody yet.
    pub fn rw_lock(&self, name: impl AsRef<str>) -> RwLock {
        let policy = self.options.as_ref().map(|options| options.locking.rw_lock_policy);
        RwLock::new(self.lease_of_lock(name.as_ref())).policy(policy.unwrap_or_default())
    }

    /// A job that one process at a time runs. Asks nobody yet.
    pub fn singleton(&self, name: impl AsRef<str>) -> Singleton {
        Singleton::new(self.lease_of_lock(&format!("{}{}", singleton::PREFIX, name.as_ref())))
    }

    fn lease_of_lock(&self, name: &str) -> Lease {
        let lease = Lease::new(&self.inner, name);
        match &self.options {
            Some(options) => lease.with(&options.locking),
            None => lease.ttl(OF_LOCKS),
        }
    }

    /// Looks after all that is held. Asks nobody yet.
    pub fn monitor(&self) -> LockMonitor {
        LockMonitor::new(&self.inner)
    }

    /// Whether this process can coordinate: takes a name that nobody else wants, and gives it back. Two
    /// seconds at most. Tells also how each of its [candidacies](Candidacy::health) is. It takes part in no
    /// election by itself.
    ///
    /// # Cancellation
    /// What was taken runs out.
    pub async fn health(&self) -> CoordinationHealth {
        CoordinationHealth::of(&self.inner).await
    }

    /// Waits until all that was let go has been given back, and all that is held was let go, for no longer
    /// than `limit`. Says how much was left. A program that ends without it leaves what it let go a moment
    /// ago to run out. [Statistics](Self::tell_statistics_every) are told no more.
    ///
    /// # Cancellation
    /// What is given back goes on.
    pub async fn shutdown(&self, limit: Duration) -> usize {
        self.inner.shared.end();
        // It may be over at the limit.
        let _ = tokio::time::timeout(limit, self.inner.keeper.drained()).await;
        self.inner.keeper.running()
    }
}

impl fmt::Debug for Coordination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.inner.keeper.running();
        f.debug_struct("Coordination").field("kept", &kept).finish_non_exhaustive()
    }
}
