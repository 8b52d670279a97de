//! Locks for steps: a resource that one holder at a time has, across all processes of a task.
//!
//! The law: a lock saves work, and a fence makes a write right. Somebody who is paused between a look at
//! a lock and a write is stopped by the fence alone, where the resource that is written to checks it.

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, Either, select};

use crate::{
    kernel::Fence,
    lease::{LeaseError, Owner},
};

/// Grants resources to holders: what a step gets by `cx.lock()`.
///
/// `coordination::Coordination` is one, over any [`LeaseStore`](crate::lease::LeaseStore). Implement it to
/// bring a lock library of your own, and give that to `.override_lock(..)` of the builder.
///
/// Every sentence below is a rule of `conformance::distributed_lock`, which each one runs.
///
/// # Acquiring
///
/// A resource that is free is granted, under a fence that is not 0. One that somebody holds is `None`,
/// also for its holder. Of many who try at a time one gets it, in whichever processes. No two resources
/// are one, and every text is a resource. It does not wait for a resource.
///
/// # Time
///
/// It is held for as long as its holder lives, also for longer than its `ttl`: it is renewed at a third
/// of that. What a holder held that is gone is free when its `ttl` is over. A `ttl` of nothing is refused.
///
/// # Fences
///
/// Each tenure has a higher fence than all before it.
///
/// # Loss
///
/// A holder that cannot renew is told so, by [`check`](HeldLock::check) and by [`lost`](HeldLock::lost),
/// before anybody else has the resource, and for ever. Work under
/// [`run_if_held`](trait.HeldLock.html#method.run_if_held) is dropped.
///
/// # Release
///
/// A release frees at once, and says that it was held until then. What is dropped is given back in the
/// background. To release what was lost is an error, and frees nothing that somebody else has.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use distributed_task::prelude::*;
///
/// #[distributed_task(request = String, response = u64)]
/// struct Settle;
///
/// #[steps]
/// impl Settle {
///     #[step(no_undo = "to settle twice is to settle once")]
///     async fn settle(&self, cx: &StepContext, request: &String) -> StepResult<u64> {
///         let Some(held) = cx.lock().try_acquire(request, Duration::from_secs(30)).await? else {
///             // Somebody else is at it: try again, as the step says.
///             return Err(StepError::retry("the account is busy"));
///         };
///         let fence = held.fence().0;
///         let settled = held.run_if_held(async { println!("settle {request} under {fence}") }).await;
///         held.release().await?;
///         settled?;
///         Ok(fence)
///     }
/// }
///
/// # #[cfg(feature = "coordination")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Settle::builder().use_in_process_mode().build().await?;
/// let saga = task.submit("account:4711".into()).await?;
/// assert!(matches!(saga.outcome().await?, SagaOutcome::Completed(fence) if fence > 0));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "coordination"))]
/// # fn main() {}
/// ```
pub trait DistributedLock: Send + Sync + 'static {
    /// Takes a resource that is free, and keeps it until the guard is dropped. `ttl` is how long it is
    /// kept after its holder has died. `None` if somebody holds it.
    ///
    /// # Errors
    /// [`LeaseError`] when it cannot be said, or when there is no such `ttl`.
    ///
    /// # Cancellation
    /// What was granted to somebody who does not wait any more is given back.
    fn try_acquire<'a>(
        &'a self,
        resource: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>>;

    /// The same service with owners, if it has these: a `singleton` task needs them.
    fn by_owner(&self) -> Option<&dyn LockByOwner> {
        None
    }
}

/// A service whose tenures outlive the process that had them: who knows their owner goes on with them.
///
/// An owner that acquires what it has keeps it, with its fence, for the longer of what is left and `ttl`: no
/// renewal makes it shorter. What is left is kept from all others until its `ttl` is over. Whose a resource is that
/// somebody else holds is told, if he acquired it as an owner. What one process lost another one goes on with, as
/// the same owner: the first one gives nothing back that it has lost. `conformance::distributed_lock` has these
/// rules as well.
///
/// ```
/// # #[cfg(all(feature = "in-process", feature = "coordination"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::Coordination,
///     lease::Owner,
///     lock::{DistributedLock, Tried},
/// };
///
/// let lock = Coordination::new(MemoryLeases::new());
/// let by_owner = lock.by_owner().expect("leases have owners");
/// let (ttl, report) = (Duration::from_secs(30), Owner::from("report 17".to_owned()));
/// let Tried::Held(held) = by_owner.try_acquire_as("reports", &report, ttl).await? else {
///     panic!("nobody has it");
/// };
/// // This process ends, say, and the next one goes on with report 17.
/// held.leave();
/// let other = by_owner.try_acquire_as("reports", &Owner::draw(), ttl).await?;
/// assert!(matches!(other, Tried::Busy { holder: Some(holder) } if holder == report));
/// let again = by_owner.try_acquire_as("reports", &report, ttl).await?;
/// assert!(matches!(again, Tried::Held(_)));
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "in-process", feature = "coordination")))]
/// # fn main() {}
/// ```
pub trait LockByOwner: DistributedLock {
    /// Takes a resource that is free, or is this owner's already.
    ///
    /// # Errors
    /// As [`try_acquire`](DistributedLock::try_acquire).
    ///
    /// # Cancellation
    /// It may be held for as long as `ttl`.
    fn try_acquire_as<'a>(
        &'a self,
        resource: &'a str,
        owner: &'a Owner,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Tried, LeaseError>>;
}

/// What became of an attempt to take a resource as an owner.
///
/// See [`LockByOwner`] for an example.
#[derive(Debug)]
pub enum Tried {
    /// It is the owner's.
    Held(Box<dyn HeldByOwner>),
    /// It is somebody else's.
    Busy {
        /// Whose, if the service knows.
        holder: Option<Owner>,
    },
}

/// A resource that an owner holds.
///
/// See [`LockByOwner`] for an example.
#[must_use = "dropping it gives the resource back"]
pub trait HeldByOwner: HeldLock {
    /// Renews it no more, and keeps it from all but its owner until its `ttl` is over.
    fn leave(self: Box<Self>);
}

impl std::fmt::Debug for dyn HeldByOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held: &dyn HeldLock = self;
        held.fmt(f)
    }
}

/// A resource that is held, and renewed while it is. Dropping it gives it back in the background.
///
/// See [`DistributedLock`] for an example.
#[must_use = "dropping it gives the resource back"]
pub trait HeldLock: Send + Sync + 'static {
    /// What is held.
    fn resource(&self) -> &str;

    /// The fence of this tenure, which every write carries.
    fn fence(&self) -> Fence;

    /// Whether it is held, now. Asks the clock and nobody else.
    ///
    /// # Errors
    /// [`LockLost`] when it is not, and from then on for ever.
    fn check(&self) -> Result<(), LockLost>;

    /// Returns when it is lost, and why. Never, if it is not.
    ///
    /// # Cancellation
    /// Asking again finds the same.
    fn lost(&self) -> BoxFuture<'_, LockLost>;

    /// Gives it back, and waits until that has been heard, for no longer than it lasts.
    ///
    /// # Errors
    /// [`LockLost`] when it was not held until then, or nobody can say. It is not held any more, all the
    /// same.
    ///
    /// # Cancellation
    /// It is given back all the same.
    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), LockLost>>;
}

impl dyn HeldLock {
    /// Runs work while it is held: work that has not ended when it is lost is dropped where it waits.
    ///
    /// ```
    /// use distributed_task::lock::{HeldLock, LockLost};
    ///
    /// async fn write(held: &dyn HeldLock, row: &str) -> Result<(), LockLost> {
    ///     let fence = held.fence().0;
    ///     let write = async { println!("set row = {row:?}, fence = {fence} where fence <= {fence}") };
    ///     held.run_if_held(write).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LockLost`] when it was lost before the work ended.
    ///
    /// # Cancellation
    /// The work is dropped; the resource is held on.
    pub async fn run_if_held<T>(&self, work: impl Future<Output = T>) -> Result<T, LockLost> {
        self.check()?;
        match select(self.lost(), pin!(work)).await {
            Either::Left((lost, _)) => Err(lost),
            Either::Right((done, _)) => self.check().map(|()| done),
        }
    }
}

impl std::fmt::Debug for dyn HeldLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldLock")
            .field("resource", &self.resource())
            .field("fence", &self.fence())
            .finish_non_exhaustive()
    }
}

/// A resource is not this holder's any more.
///
/// ```
/// use distributed_task::lock::LockLost;
///
/// let lost = LockLost::because("the session has ended");
/// assert_eq!(lost.to_string(), "the lock is not held any more: the session has ended");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("the lock is not held any more: {source}")]
pub struct LockLost {
    /// Why.
    source: Arc<dyn Error + Send + Sync>,
}

impl LockLost {
    /// It was lost because of this.
    pub fn because(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Arc::from(source.into()) }
    }
}

/// In the place of a service that is not there: says what to do about it.
#[cfg(feature = "engine")]
pub(crate) struct NoLock(pub(crate) &'static str);

#[cfg(feature = "engine")]
impl DistributedLock for NoLock {
    fn try_acquire<'a>(
        &'a self,
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        let source = self.0.into();
        Box::pin(async { Err(LeaseError::Refused { source, retryable: false }) })
    }
}
