//! The way to a lease store, which can be cut.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::lease::{
    Acquired, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure,
};
use futures_util::future::BoxFuture;

/// A store, while it is not cut off: then nothing is answered.
pub struct Line<L> {
    store: L,
    is_cut: Arc<AtomicBool>,
}

impl<L> Line<L> {
    pub fn new(store: L, is_cut: &Arc<AtomicBool>) -> Self {
        Self { store, is_cut: Arc::clone(is_cut) }
    }

    fn or<'a, T: Send + 'a>(
        &self,
        call: BoxFuture<'a, Result<T, LeaseError>>,
    ) -> BoxFuture<'a, Result<T, LeaseError>> {
        match self.is_cut.load(Ordering::SeqCst) {
            true => Box::pin(pending()),
            false => call,
        }
    }
}

impl<L: LeaseStore> LeaseStore for Line<L> {
    fn safety(&self) -> Safety {
        self.store.safety()
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.or(self.store.try_acquire(name, owner, lease))
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.or(self.store.try_renew(name, owner, lease))
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.or(self.store.release(name, owner))
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.or(self.store.inspect(name))
    }
}
