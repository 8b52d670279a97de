//! The locks of steps in the Redis that processes share.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::OnceCell;

use crate::{
    backend::redis::RedisLeasesBuilder,
    coordination::Coordination,
    lease::{LeaseError, Owner},
    lock::{DistributedLock, HeldLock, LockByOwner, Tried},
};

/// Whoever locks first opens a connection, on a thread that nobody else blocks. A task that locks
/// nothing costs nothing.
pub(super) struct RedisLocks {
    settings: RedisLeasesBuilder,
    opened: OnceCell<Coordination>,
}

impl RedisLocks {
    pub(super) fn new(settings: RedisLeasesBuilder) -> Self {
        Self { settings, opened: OnceCell::new() }
    }

    async fn opened(&self) -> Result<&Coordination, LeaseError> {
        let open = || Coordination::open(self.settings.clone().open());
        let opened = self.opened.get_or_try_init(open).await;
        opened.map_err(|error| LeaseError::Refused { source: error.into(), retryable: true })
    }
}

impl DistributedLock for RedisLocks {
    fn try_acquire<'a>(
        &'a self,
        resource: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        async move { self.opened().await?.try_acquire(resource, ttl).await }.boxed()
    }

    fn by_owner(&self) -> Option<&dyn LockByOwner> {
        Some(self)
    }
}

impl LockByOwner for RedisLocks {
    fn try_acquire_as<'a>(
        &'a self,
        resource: &'a str,
        owner: &'a Owner,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Tried, LeaseError>> {
        async move { self.opened().await?.try_acquire_as(resource, owner, ttl).await }.boxed()
    }
}
