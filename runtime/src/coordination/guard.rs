//! A lease that is held.

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{
    Inner,
    hold::{Hand, Hold, Lost},
    lease::nobody_keeps,
    release::ReleaseOutcome,
    tenure::Attempt,
    terms::{LEASES, Renewing},
    view::LeaseView,
};
use crate::{
    kernel::Fence,
    lease::{LeaseError, Owner, Safety},
};

/// A lease that is held, and renewed while it is. Dropping it gives it back in the background, anywhere:
/// also outside of a runtime, in a panic, and after the runtime of its holder has ended.
///
/// # When it is lost
/// A holder that cannot renew is no owner: see [`OnUnreachable`](super::OnUnreachable). [`lost`](Self::lost) tells those who
/// listen, and work under [`run_if_held`](Self::run_if_held) is dropped. Both are hints, since a process
/// that is paused hears nothing. [`check`](Self::check) is the gate: it reads a clock that goes on in
/// sleep. Between it and a write time passes again, and therefore the write carries the
/// [`fence`](Self::fence).
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, ReleaseOutcome},
///     kernel::Fence,
/// };
///
/// /// A table that keeps the highest fence it has seen, and refuses lower ones.
/// fn write(row: &str, fence: Fence) {
///     println!("update … set row = {row:?}, fence = {0} where fence <= {0}", fence.0);
/// }
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let held = coordination.lease("nightly-report").acquire_timeout(Duration::from_secs(5)).await?;
/// for row in ["one", "two"] {
///     // `Err(Lost)` stops what somebody else does by now.
///     held.check()?;
///     write(row, held.fence());
/// }
/// assert_eq!(held.release().await, ReleaseOutcome::Released);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[must_use = "dropping it gives the lease back"]
pub struct LeaseGuard {
    pub(super) hand: Hand,
    pub(super) attempt: Arc<Attempt>,
    pub(super) keeping: JoinHandle<ReleaseOutcome>,
    pub(super) inner: Arc<Inner>,
}

/// That a lease was held, a moment ago.
///
/// See [`LeaseGuard`] for an example.
#[derive(Debug)]
pub struct Held<'a> {
    pub(super) hold: &'a Hold,
    pub(super) remaining: Duration,
}

impl Held<'_> {
    /// What every write carries.
    pub fn fence(&self) -> Fence {
        self.hold.fence
    }

    /// How long it was still held, at least.
    pub fn remaining(&self) -> Duration {
        self.remaining
    }
}

/// What became of work under a lease.
///
/// See [`LeaseGuard`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ran<T> {
    /// It ended, and the lease was held until then.
    Done(T),
    /// It did not begin: the lease was lost before.
    Skipped(Lost),
    /// The lease was lost while it ran. It was dropped where it waited, or ended too late.
    Lost(Lost),
}

impl<T> Ran<T> {
    /// What it came to, if the lease was held until then.
    ///
    /// # Errors
    /// [`Lost`] if it was not.
    pub fn done(self) -> Result<T, Lost> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Skipped(lost) | Self::Lost(lost) => Err(lost),
        }
    }
}

impl LeaseGuard {
    fn hold(&self) -> &Hold {
        &self.hand.hold
    }

    /// What it is called.
    pub fn key(&self) -> &str {
        &self.hold().name
    }

    /// Whose it is: what to write down for [`Lease::owner`](super::Lease::owner).
    pub fn owner(&self) -> &Owner {
        &self.hold().owner
    }

    /// How long it is held if its holder dies.
    pub fn ttl(&self) -> Duration {
        self.hold().lease()
    }

    /// The fence of this tenure, which every write carries.
    pub fn fence(&self) -> Fence {
        self.hold().fence
    }

    /// Which attempt a run of a [`Singleton`](super::Singleton) is: 1, and one more for each that began before it
    /// and was cut off, since the last one that ended. `None` for all else that is held, and where the store does
    /// not [count](crate::lease::RunStore).
    pub fn attempt(&self) -> Option<u64> {
        self.hold().attempt
    }

    /// What the word of its store is worth.
    pub fn safety(&self) -> Safety {
        self.inner.store.safety()
    }

    /// How long it is held, at least, if nothing renews it. Zero when it is lost.
    pub fn remaining(&self) -> Duration {
        self.check().map_or(Duration::ZERO, |held| held.remaining)
    }

    /// Whether it is held, now. Asks the clock and nobody else.
    ///
    /// # Errors
    /// [`Lost`] when it is not, and from then on for ever.
    pub fn check(&self) -> Result<Held<'_>, Lost> {
        let hold = self.hold();
        match hold.left() {
            Some(remaining) => Ok(Held { hold, remaining }),
            None => Err(hold.loss().expect("who has the guard has not let go")),
        }
    }

    /// Returns when it is lost, and why. Never, if it is not.
    ///
    /// # Cancellation
    /// Asks again find the same.
    pub async fn lost(&self) -> Lost {
        self.hold().ended().await;
        self.hold().loss().expect("who has the guard has not let go")
    }

    /// Something to watch it with, that does not hold it.
    pub fn view(&self) -> LeaseView {
        LeaseView(Arc::clone(&self.hand.hold))
    }

    /// Runs work while it is held: work that has not ended when it is lost is dropped where it waits.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::{Coordination, Ran}};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let held = coordination.lease("cache-warm-up").acquire().await?;
    /// assert_eq!(held.run_if_held(async { 6 * 7 }).await, Ran::Done(42));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Cancellation
    /// The work is dropped, and the name stays held.
    pub async fn run_if_held<T>(&self, work: impl Future<Output = T>) -> Ran<T> {
        if let Err(lost) = self.check() {
            return Ran::Skipped(lost);
        }
        tokio::select! {
            biased;
            lost = self.lost() => Ran::Lost(lost),
            done = work => match self.check() {
                Ok(_) => Ran::Done(done),
                Err(lost) => Ran::Lost(lost),
            },
        }
    }

    /// Says that the work under it goes on, where it is renewed [only while somebody
    /// says so](super::Lease::max_idle). Asks the clock and nobody else.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let held = coordination.lock("import").max_idle(Duration::from_secs(60)).acquire().await?;
    /// for row in ["one", "two"] {
    ///     println!("{row} is in");
    ///     held.progress();
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    pub fn progress(&self) {
        self.hold().progress();
    }

    /// Renews it now, which is [progress](Self::progress) as well. It is renewed by itself, unless it was asked for
    /// [without](super::Lease::without_renewal).
    ///
    /// # Errors
    /// [`RenewError`] when it is lost, or the store did not say.
    ///
    /// # Cancellation
    /// It may be renewed, or found to be lost, all the same.
    pub async fn renew(&self) -> Result<(), RenewError> {
        self.prolong(Duration::ZERO).await
    }

    /// Whether it is not renewed by itself.
    pub(super) fn is_renewed_by_hand(&self) -> bool {
        self.attempt.terms.renewed == Renewing::ByHand
    }

    /// Makes it last so long from now, where that is longer, and with every renewal. A day at most.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    ///
    /// # Cancellation
    /// As [`renew`](Self::renew).
    pub async fn prolong(&self, lease: Duration) -> Result<(), RenewError> {
        self.check()?;
        self.progress();
        let lease = lease.min(*LEASES.end());
        let (attempt, hold) = (Arc::clone(&self.attempt), Arc::clone(&self.hand.hold));
        let renewing = self.inner.keeper.spawn(async move {
            tokio::select! {
                biased;
                renewed = attempt.renew(&hold, lease) => renewed,
                // What was lost is found below.
                _ = hold.ended() => Ok(()),
            }
        });
        renewing.await.map_err(|_| nobody_keeps())??;
        self.check()?;
        Ok(())
    }

    /// Says what its holder does under it, instead of what it said before, to all who
    /// [look](super::LockMonitor::active_locks): names and values of at most
    /// [4 KiB](crate::lease::Beat::MAX_METADATA). It ends with the tenure. It costs one call to the store; where that
    /// says that it is kept for nobody it is renewed as well, to learn why. It is no [progress](Self::progress). Nothing
    /// can be said of what is shared.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::collections::BTreeMap;
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let held = coordination.lock("import").acquire().await?;
    /// for page in 1..=3 {
    ///     held.describe(BTreeMap::from([("page".into(), format!("{page} of 3"))])).await?;
    /// }
    /// let locks = coordination.monitor().active_locks().await?;
    /// let tenure = locks[0].holder.as_ref().expect("it is ours");
    /// assert_eq!(tenure.metadata["page"], "3 of 3");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`RenewError::Lost`] when it is lost. [`RenewError::Store`] when the store did not answer, or refused: that is
    /// too much, it is shared, or the store keeps nothing that is said.
    ///
    /// # Cancellation
    /// It may be said all the same.
    pub async fn describe(&self, metadata: BTreeMap<String, String>) -> Result<(), RenewError> {
        self.check()?;
        let (attempt, hold) = (Arc::clone(&self.attempt), Arc::clone(&self.hand.hold));
        let describing = self.inner.keeper.spawn(async move {
            tokio::select! {
                biased;
                said = attempt.describe(&hold, &metadata) => said,
                // What was lost is found below.
                _ = hold.ended() => Ok(()),
            }
        });
        describing.await.map_err(|_| nobody_keeps())??;
        self.check()?;
        Ok(())
    }

    /// Lets others share it. It is asked for until it is lost.
    pub(super) async fn downgrade(&self) -> Result<(), Lost> {
        let (attempt, hold) = (Arc::clone(&self.attempt), Arc::clone(&self.hand.hold));
        let downgrading = self.inner.keeper.spawn(async move { attempt.downgrade(&hold).await });
        // Where nobody keeps it any more it is over when its time is.
        let _ = downgrading.await;
        self.check().map(drop)
    }

    /// What is run under it begins.
    pub(super) fn begin_run(&self) {
        if let Some(run) = &self.attempt.counted {
            run.begins();
        }
    }

    /// And has ended. Returns when the store knows, or will not within what is left of its lease.
    pub(super) async fn end_run(&self) {
        let (attempt, hold) = (Arc::clone(&self.attempt), Arc::clone(&self.hand.hold));
        let telling = self.inner.keeper.spawn(async move { attempt.end_run(&hold).await });
        // Where nobody waits for it any more the store is told before the name is free.
        let _ = telling.await;
    }

    /// Gives it back, and waits until the store has said what became of it, for no longer than it lasts.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{
    ///     backend::memory::MemoryLeases,
    ///     coordination::{Coordination, ReleaseOutcome},
    /// };
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let held = coordination.lease("report").acquire().await?;
    /// match held.release().await {
    ///     ReleaseOutcome::Released => println!("it was ours to the end"),
    ///     other => println!("what was written last may be in doubt: {other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Cancellation
    /// It is given back all the same.
    pub async fn release(self) -> ReleaseOutcome {
        self.let_go().await
    }

    /// Has let go of it when it returns; what it returns waits for the store.
    pub(super) fn let_go(self) -> impl Future<Output = ReleaseOutcome> {
        let Self { hand, keeping, inner, .. } = self;
        drop(hand);
        async move {
            let outcome = keeping.await.unwrap_or(ReleaseOutcome::Unknown);
            drop(inner);
            outcome
        }
    }

    /// Keeps it from everybody until it runs out, and renews it no more.
    pub fn detach(self) {
        self.hand.detach();
    }
}

impl fmt::Debug for LeaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeaseGuard").field(self.hold()).finish()
    }
}

/// Why a lease was not renewed, or nothing was said of it.
///
/// See [`AcquireError`](super::AcquireError) for an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// It is not this holder's any more.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The store did not say. It lasts as long as it did before, at least.
    #[error(transparent)]
    Store(#[from] LeaseError),
}
