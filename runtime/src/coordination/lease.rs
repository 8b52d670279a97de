//! A name for a while.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tracing::field::Empty;

use super::{
    Inner,
    error::{AcquireError, unless_busy},
    guard::LeaseGuard,
    options::LockingOptions,
    run::Run,
    tenure::Attempt,
    terms::{OnUnreachable, Renewing, Terms},
    wait::Patience,
};
use crate::lease::{LeaseError, Owner, Share, Tenure};

/// A name that one owner at a time has, for a while. Making and cloning it asks nobody.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let dispatcher = coordination.lease("outbox-dispatcher").ttl(Duration::from_secs(5));
/// if let Some(held) = dispatcher.try_acquire().await? {
///     println!("ours, under {:?}", held.fence());
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Lease {
    inner: Arc<Inner>,
    name: Arc<str>,
    owner: Option<Owner>,
    /// The owner may have had it before.
    resumes: bool,
    /// Those of this process who want it wait as one.
    is_pooled: bool,
    /// Its runs are counted.
    is_run: bool,
    share: Share,
    goes_first: bool,
    terms: Terms,
}

/// How long a lease is, unless it is said.
const LEASE: Duration = Duration::from_secs(10);

impl Lease {
    pub(super) fn new(inner: &Arc<Inner>, name: &str) -> Self {
        let (inner, name, terms) = (Arc::clone(inner), name.into(), Terms::new(LEASE));
        let (share, is_pooled, is_run) = (Share::Alone, false, false);
        let (owner, resumes, goes_first) = (None, false, false);
        Self { inner, name, owner, resumes, is_pooled, is_run, share, goes_first, terms }
    }

    /// On the terms of locks.
    pub(super) fn with(mut self, options: &LockingOptions) -> Self {
        let every = options.lock_extension_interval;
        self.terms.lease = options.default_lock_timeout;
        self.terms.retry_delay = Some(options.lock_retry_delay);
        self.terms.max_retries = Some(options.max_lock_retries);
        self.terms.renewed = match options.enable_lock_extension {
            true => Renewing::Automatic(Some(every)),
            false => Renewing::ByHand,
        };
        self
    }

    /// Whatever the options of locks say.
    pub(super) fn always_renewed(mut self) -> Self {
        if self.terms.renewed == Renewing::ByHand {
            self.terms.renewed = Renewing::Automatic(None);
        }
        self
    }

    /// On terms that were put together elsewhere.
    pub(super) fn on(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// How long the name is held if its holder dies. From 100 milliseconds to a day; default 10 seconds. A
    /// longer one bears longer outages of the store, and is free later after a crash.
    #[must_use]
    pub fn ttl(mut self, lease: Duration) -> Self {
        self.terms.lease = lease;
        self
    }

    /// What a store that does not answer means. Default [`OnUnreachable::LoseAtOnce`].
    #[must_use]
    pub fn on_unreachable(mut self, what: OnUnreachable) -> Self {
        self.terms.on_unreachable = what;
        self
    }

    /// Renews after so long, where that is less than a third of the lease, and no more often than every 10
    /// milliseconds.
    #[must_use]
    pub fn renew_every(mut self, interval: Duration) -> Self {
        self.terms.renewed = Renewing::Automatic(Some(interval));
        self
    }

    /// Does not renew: it is lost when it runs out, unless its holder [renews](LeaseGuard::renew) it.
    #[must_use]
    pub fn without_renewal(mut self) -> Self {
        self.terms.renewed = Renewing::ByHand;
        self
    }

    /// Renews no more after so long, whatever its holder does: for work that must have hung if it takes
    /// longer. Default: never.
    #[must_use]
    pub fn max_hold(mut self, longest: Duration) -> Self {
        self.terms.max_hold = Some(longest);
        self
    }

    /// Does not renew while its holder has said nothing of its [progress](LeaseGuard::progress) for so long: for work
    /// that may hang, however long it takes. It is lost when it runs out meanwhile, a lease later at the latest;
    /// what is said in the last moments of that may be too late.
    /// Default: it need not say anything.
    #[must_use]
    pub fn max_idle(mut self, longest: Duration) -> Self {
        self.terms.max_idle = Some(longest);
        self
    }

    /// How often a name that somebody else has is asked for by those who wait, give or take a half.
    /// Default 100 milliseconds; in a store that [tells](crate::lease::LockStore) whose turn it is, one
    /// second, and no longer than that.
    #[must_use]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.terms.retry_delay = Some(delay);
        self
    }

    /// Gives up after so many times that it asked again without having been told to: it is
    /// [not acquired](AcquireError::NotAcquired) then. Who waits [for a while](Self::acquire_timeout) knows
    /// no such limit. Default: none.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.terms.max_retries = Some(retries);
        self
    }

    /// Acquires as this owner: a process that wrote it down goes on with the tenure that it had. Default: a
    /// new one each time.
    ///
    /// An owner has one guard at a time, since the store cannot tell two of them apart: wait for the end of
    /// [`release`](LeaseGuard::release) before it acquires again. An attempt that fails frees nothing that it may
    /// have had before, but over a quorum.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.resumes = true;
        self.drawn(owner)
    }

    /// Acquires as this owner, which was drawn for one attempt.
    pub(super) fn drawn(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Acquires as an owner that several processes may be, one after the other: what this one has lost it
    /// does not give back, since the next one may hold it.
    pub(super) fn inherited(mut self, owner: Owner) -> Self {
        self.terms.leaves_what_it_lost = true;
        self.owner(owner)
    }

    /// What it is called.
    pub fn key(&self) -> &str {
        &self.name
    }

    /// Asks for it once. `None` if somebody else has it.
    ///
    /// # Errors
    /// [`AcquireError`], but never [`AcquireError::NotAcquired`].
    ///
    /// # Cancellation
    /// What was granted to somebody who does not wait any more is given back.
    pub async fn try_acquire(&self) -> Result<Option<LeaseGuard>, AcquireError> {
        unless_busy(self.ask(Patience::Once).await)
    }

    /// Waits until it is free.
    ///
    /// # Errors
    /// [`AcquireError`]; [`AcquireError::NotAcquired`] only after [`max_retries`](Self::max_retries).
    ///
    /// # Cancellation
    /// As [`try_acquire`](Self::try_acquire).
    pub async fn acquire(&self) -> Result<LeaseGuard, AcquireError> {
        self.ask(Patience::Endless).await
    }

    /// Waits until it is free, for no longer than `limit`.
    ///
    /// # Errors
    /// [`AcquireError`].
    ///
    /// # Cancellation
    /// As [`try_acquire`](Self::try_acquire).
    pub async fn acquire_timeout(&self, limit: Duration) -> Result<LeaseGuard, AcquireError> {
        self.ask(Patience::For(limit)).await
    }

    /// Who has it, if anybody. Changes nothing.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not say.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn info(&self) -> Result<Option<Tenure>, LeaseError> {
        self.inner.store.inspect(&self.name).await
    }

    pub(super) fn pooled(mut self) -> Self {
        self.is_pooled = true;
        self
    }

    /// Each time that it is had is a run, and told which attempt it is.
    pub(super) fn of_runs(mut self) -> Self {
        self.is_run = true;
        self
    }

    pub(super) fn share(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Whether it is wanted before all who do not go first.
    pub(super) fn goes_first(mut self, goes_first: bool) -> Self {
        self.goes_first = goes_first;
        self
    }

    pub(super) fn hold_at_least(mut self, shortest: Duration) -> Self {
        self.terms.min_hold = shortest;
        self
    }

    pub(super) fn lease(&self) -> Duration {
        self.terms.lease
    }

    /// What tells it from others: the same name somewhere else is another lease.
    pub(super) fn identity(&self) -> (usize, &str) {
        (Arc::as_ptr(&self.inner).addr(), &self.name)
    }

    pub(super) async fn ask(&self, patience: Patience) -> Result<LeaseGuard, AcquireError> {
        self.terms.check()?;
        let attempt = Arc::new(Attempt {
            store: Arc::clone(&self.inner.store),
            clock: Arc::clone(&self.inner.clock),
            name: Arc::clone(&self.name),
            owner: self.owner.clone().unwrap_or_else(Owner::draw),
            resumes: self.resumes,
            counted: self.is_run.then(Run::default),
            share: self.share,
            goes_first: self.goes_first,
            terms: self.terms.clone(),
            bell: Arc::clone(&self.inner.bell),
            pool: self.is_pooled.then(|| Arc::clone(&self.inner.pool)),
            renewals: Arc::clone(&self.inner.renewals),
            observed: Arc::clone(&self.inner.observed),
        });
        let (tell, told) = oneshot::channel();
        let waiting = tracing::debug_span!(
            "lock.wait",
            key = %attempt.name,
            owner = ?attempt.owner,
            attempts = Empty,
            woken = Empty,
            fence = Empty,
        );
        let keeping = self.inner.keeper.spawn(Arc::clone(&attempt).run(patience, tell, waiting));
        let hand = told.await.map_err(|_| nobody_keeps())??;
        Ok(LeaseGuard { hand, attempt, keeping, inner: Arc::clone(&self.inner) })
    }
}

/// The runtime that kept leases has ended.
pub(super) fn nobody_keeps() -> LeaseError {
    let source = "the runtime that keeps leases has ended".into();
    LeaseError::Refused { source, retryable: false }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("key", &self.name).field("terms", &self.terms).finish()
    }
}
