//! Who waits here for its turn, and is told of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::lease::{LockStore, Owner, Wake};

/// One for a process: it listens to the store once, however many wait, and not before somebody does.
#[derive(Default)]
pub(super) struct Bell {
    waiting: Mutex<HashMap<Owner, Arc<Notify>>>,
    listening: OnceLock<AbortOnDropHandle<()>>,
    is_deaf: AtomicBool,
}

impl Bell {
    /// Listens for an owner until the ear is dropped. Needs the runtime that keeps leases.
    pub(super) fn listen<'a>(
        self: &'a Arc<Self>,
        store: &dyn LockStore,
        owner: &'a Owner,
    ) -> Ear<'a> {
        let rung = Arc::new(Notify::new());
        self.waiting().insert(owner.clone(), Arc::clone(&rung));
        self.listening.get_or_init(|| {
            let (mut wakes, bell) = (store.wakes(), Arc::downgrade(self));
            AbortOnDropHandle::new(tokio::spawn(async move {
                while let Some(wake) = wakes.next().await {
                    let Some(bell) = bell.upgrade() else { return };
                    bell.ring(wake);
                }
                if let Some(bell) = bell.upgrade() {
                    bell.ring(Wake::Nobody);
                }
            }))
        });
        Ear { bell: self, owner, rung }
    }

    /// Whether it listens, and the store cannot tell it anything.
    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Relaxed)
    }

    fn ring(&self, wake: Wake) {
        self.is_deaf.store(wake == Wake::Nobody, Ordering::Relaxed);
        let waiting = self.waiting();
        match wake {
            // It may have gone.
            Wake::Turn(owner) => waiting.get(&owner).into_iter().for_each(|rung| rung.notify_one()),
            Wake::Everybody => waiting.values().for_each(|rung| rung.notify_one()),
            Wake::Nobody => {}
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Owner, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears what is told to one owner.
pub(super) struct Ear<'a> {
    bell: &'a Bell,
    owner: &'a Owner,
    rung: Arc<Notify>,
}

impl Ear<'_> {
    /// Returns when it was told, since the last time.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        self.bell.waiting().remove(self.owner);
    }
}
