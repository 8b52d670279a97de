//! What is local comes first: when a store hears that a name is let go, nobody here sees it as held.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Coordination, LeaseState, LeaseView},
    lease::{Acquired, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure},
};
use futures_util::future::BoxFuture;

use crate::world::{take, wanted};

/// A store that looks at its holder when it hears of a release.
#[derive(Clone, Default)]
struct Looks {
    store: MemoryLeases,
    holder: Arc<Mutex<Option<LeaseView>>>,
    seen: Arc<Mutex<Vec<LeaseState>>>,
}

impl LeaseStore for Looks {
    fn safety(&self) -> Safety {
        self.store.safety()
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.store.try_acquire(name, owner, lease)
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.store.try_renew(name, owner, lease)
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        let holder = self.holder.lock().expect("nobody panics").take().expect("one release each");
        self.seen.lock().expect("nobody panics").push(holder.state());
        self.store.release(name, owner)
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.store.inspect(name)
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_free_in_the_store_is_held_by_nobody() {
    let store = Looks::default();
    let process = Coordination::on_this_runtime(store.clone());
    for is_dropped in [false, true] {
        let held = take(wanted(&process)).await;
        *store.holder.lock().expect("nobody panics") = Some(held.view());
        match is_dropped {
            true => drop(held),
            false => drop(tokio::spawn(held.release())),
        }
        assert_eq!(process.shutdown(Duration::from_secs(1)).await, 0);
    }
    let seen = store.seen.lock().expect("nobody panics").clone();
    assert_eq!(seen, [LeaseState::Released; 2]);
}
