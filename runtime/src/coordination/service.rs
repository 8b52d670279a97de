//! Leases as the service that steps are given.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Coordination, error::AcquireError, guard::LeaseGuard, hold::Lost, tenure::ReleaseOutcome,
};
use crate::{
    kernel::Fence,
    lease::LeaseError,
    lock::{DistributedLock, HeldLock, LockLost},
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
            let held = asked.map_err(|error| match error {
                AcquireError::Store(error) => error,
                other => LeaseError::Refused { source: other.into(), retryable: false },
            })?;
            Ok(held.map(|guard| Box::new(guard) as Box<dyn HeldLock>))
        }
        .boxed()
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
