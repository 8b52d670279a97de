//! The locks of steps: in the memory of this process, or in the Redis that processes share.

use std::sync::Arc;

use crate::lock::{DistributedLock, NoLock};

/// What to write where there is no lock service.
#[cfg(not(feature = "coordination"))]
pub(super) const NO_LOCK: &str = "the task has no lock service: enable the feature `coordination` of \
    `distributed-task`, or call `.override_lock(..)` on the builder";
#[cfg(feature = "coordination")]
pub(super) const NO_LOCK: &str = "the task has no lock service: enable the feature `in-process` of \
    `distributed-task`, or call `.override_lock(..)` on the builder";
#[cfg(all(feature = "coordination", not(feature = "redis")))]
pub(super) const NO_SHARED_LOCK: &str = "the task has no lock service that its processes share: enable the \
    feature `redis` of `distributed-task` and say `.redis(..)` in `.use_distributed_mode(..)`, or call \
    `.override_lock(..)` on the builder";
#[cfg(all(feature = "coordination", feature = "redis"))]
pub(super) const NO_SHARED_LOCK: &str = "the task has no lock service that its processes share: say `.redis(..)` \
    in `.use_distributed_mode(..)`, or call `.override_lock(..)` on the builder";
#[cfg(not(feature = "coordination"))]
pub(super) const NO_SHARED_LOCK: &str = NO_LOCK;

/// Says what is missing, to whoever tries.
pub(super) fn nothing_shared() -> Arc<dyn DistributedLock> {
    Arc::new(NoLock(NO_SHARED_LOCK))
}

#[cfg(not(all(feature = "coordination", feature = "in-process")))]
pub(super) fn in_memory() -> Arc<dyn DistributedLock> {
    Arc::new(NoLock(NO_LOCK))
}

/// One store for all tasks of a runtime: what one holds, the others do not get. Tests that run side by
/// side, each in a runtime of its own, do not see each other, and time passes for each as it does there.
#[cfg(all(feature = "coordination", feature = "in-process"))]
pub(super) fn in_memory() -> Arc<dyn DistributedLock> {
    use std::sync::{Mutex, PoisonError};

    use tokio::runtime::{Handle, Id};

    use crate::{
        backend::memory::{MemoryLeases, WeakMemoryLeases},
        coordination::Coordination,
    };

    static STORES: Mutex<Vec<(Id, WeakMemoryLeases)>> = Mutex::new(Vec::new());
    let runtime = Handle::current().id();
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|(_, store)| store.upgrade().is_some());
    let known = stores.iter().find(|(of, _)| *of == runtime);
    let store = known.and_then(|(_, store)| store.upgrade()).unwrap_or_else(|| {
        let store = MemoryLeases::new();
        stores.push((runtime, store.downgrade()));
        store
    });
    Arc::new(Coordination::on_this_runtime(store))
}
