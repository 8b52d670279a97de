//! Leases as the service that steps are given.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Coordination,
    error::{AcquireError, NotAcquired},
    guard::LeaseGuard,
    hold::Lost,
    release::ReleaseOutcome,
    wait::Patience,
};
use crate::{
    kernel::Fence,
    lease::{LeaseError, Owner},
    lock::{DistributedLock, HeldByOwner, HeldLock, LockByOwner, LockLost, Tried},
};

/// A resource is the name of a [lock](Coordination::lock): both exclude each other. A `ttl` is from 100
/// milliseconds to a day.
impl DistributedLock for Coordination {
    fn try_acquire<'a>(
        &'a self,
        resource: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        async move {
            let asked = self.lease(resource).ttl(ttl).try_acquire().await;
            let held = asked.map_err(lease_error)?;
            Ok(held.map(|guard| Box::new(guard) as Box<dyn HeldLock>))
        }
        .boxed()
    }

    fn by_owner(&self) -> Option<&dyn LockByOwner> {
        Some(self)
    }
}

impl LockByOwner for Coordination {
    fn try_acquire_as<'a>(
        &'a self,
        resource: &'a str,
        owner: &'a Owner,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Tried, LeaseError>> {
        async move {
            let lease = self.lease(resource).ttl(ttl).inherited(owner.clone());
            match lease.ask(Patience::Once).await {
                Ok(guard) => Ok(Tried::Held(Box::new(guard))),
                Err(AcquireError::NotAcquired(NotAcquired { holder, .. })) => {
                    Ok(Tried::Busy { holder })
                }
                Err(error) => Err(lease_error(error)),
            }
        }
        .boxed()
    }
}

impl HeldByOwner for LeaseGuard {
    fn leave(self: Box<Self>) {
        self.detach();
    }
}

fn lease_error(error: AcquireError) -> LeaseError {
    match error {
        AcquireError::Store(error) => error,
        other => LeaseError::Refused { source: other.into(), retryable: false },
    }
}

impl HeldLock for LeaseGuard {
    fn resource(&self) -> &str {
        self.key()
    }

    fn fence(&self) -> Fence {
        self.fence()
    }

    fn check(&self) -> Result<(), LockLost> {
        self.check().map(drop).map_err(LockLost::from)
    }

    fn lost(&self) -> BoxFuture<'_, LockLost> {
        self.lost().map(LockLost::from).boxed()
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), LockLost>> {
        let releasing = (*self).let_go();
        async move {
            match releasing.await {
                ReleaseOutcome::Released | ReleaseOutcome::StillHeld => Ok(()),
                ReleaseOutcome::AlreadyExpired => {
                    Err(LockLost::because("its time was over before it was given back"))
                }
                ReleaseOutcome::NotOwner => {
                    Err(LockLost::because("somebody else has it, or it was deleted"))
                }
                ReleaseOutcome::Unknown => {
                    Err(LockLost::because("the store did not say what became of it"))
                }
            }
        }
        .boxed()
    }
}

impl From<Lost> for LockLost {
    fn from(lost: Lost) -> Self {
        Self::because(lost)
    }
}
