//! What is local comes first: when a store hears that a name is let go, nobody here sees it as held.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Coordination, LeaseState, LeaseView},
    lease::{LeaseError, LeaseStore, Owner, Released},
};
use futures_util::future::BoxFuture;

use crate::world::{hands_on, take, wanted};

/// A store that looks at its holder when it hears of a release.
#[derive(Clone, Default)]
struct Looks {
    store: MemoryLeases,
    holder: Arc<Mutex<Option<LeaseView>>>,
    seen: Arc<Mutex<Vec<LeaseState>>>,
}

impl LeaseStore for Looks {
    hands_on!(store: safety try_acquire try_renew inspect);

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        let holder = self.holder.lock().expect("nobody panics").take().expect("one release each");
        self.seen.lock().expect("nobody panics").push(holder.state());
        self.store.release(name, owner)
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
