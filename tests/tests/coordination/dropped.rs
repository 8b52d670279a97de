//! Whoever drops what it asked for, however far that has come, leaves nothing that nobody knows of.

use std::{future::poll_fn, task::Poll};

use distributed_task::coordination::{Coordination, Lock, OnBusy};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::yield_now;

use crate::world::{LEASE, NAME, on_both, wanted};

/// More than any of them needs.
const POLLS: usize = 12;

/// Everything that waits for a store before it has something.
type Ask = (&'static str, fn(Coordination) -> BoxFuture<'static, ()>);

const ASKS: [Ask; 9] = [
    ("a lease", |it| async move { drop(wanted(&it).acquire().await) }.boxed()),
    ("a lock", |it| async move { drop(lock(&it).acquire().await) }.boxed()),
    ("one try", |it| async move { drop(lock(&it).try_acquire().await) }.boxed()),
    ("work under a lock", |it| {
        async move { drop(lock(&it).with_lock(async |_| yield_now().await).await) }.boxed()
    }),
    ("a reader", |it| async move { drop(it.rw_lock(NAME).lease(LEASE).read().await) }.boxed()),
    ("a writer", |it| async move { drop(it.rw_lock(NAME).lease(LEASE).write().await) }.boxed()),
    ("several locks", |it| {
        let locks = [lock(&it), it.lock("other").lease(LEASE)];
        async move { drop(Lock::acquire_all(locks).await) }.boxed()
    }),
    ("a job", |it| {
        let job = it.singleton(NAME).lease(LEASE).on_busy(OnBusy::Fail);
        async move { drop(job.run(async |_| yield_now().await).await) }.boxed()
    }),
    ("a campaign", |it| {
        let election = it.election(NAME).lease_duration(LEASE);
        async move { drop(election.campaign().await) }.boxed()
    }),
];

fn lock(process: &Coordination) -> Lock {
    process.lock(NAME).lease(LEASE)
}

/// Drops it at that poll if it is not ready before: nobody polls it but whoever woke it.
async fn dropped_after(polls: usize, mut asking: BoxFuture<'static, ()>) {
    let mut left = polls;
    poll_fn(|cx| {
        left -= 1;
        let asked = asking.poll_unpin(cx);
        if left == 0 { Poll::Ready(()) } else { asked }
    })
    .await;
}

on_both! {
    async fn who_drops_what_it_asked_for_leaves_nothing(world: World) {
        let (process, other) = (world.process().await, world.process().await);
        for (what, ask) in ASKS {
            for polls in 1..=POLLS {
                dropped_after(polls, ask(process.clone())).await;
                assert_eq!(process.shutdown(LEASE).await, 0, "{what} after {polls} polls");
                let left = other.monitor().active_locks().await.expect("the store answers");
                assert_eq!(left, [], "{what} after {polls} polls");
            }
        }
    }
}
