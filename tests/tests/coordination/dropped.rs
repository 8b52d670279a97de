//! Whoever drops what it asked for, however far that has come, leaves nothing that nobody knows of.

use std::{future::poll_fn, task::Poll, time::Duration};

use distributed_task::coordination::{Coordination, Lock, OnBusy};
use futures_util::{FutureExt, future::BoxFuture, poll};
use tokio::{task::yield_now, time::timeout};

use crate::world::{LEASE, NAME, on_both, until_waiting, wanted};

/// More than any of them needs.
const POLLS: usize = 12;
/// Nothing takes as long, on any machine.
const LONG: Duration = Duration::from_secs(30);

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
/// Whether it was ready.
async fn dropped_after(polls: usize, mut asking: BoxFuture<'static, ()>) -> bool {
    let mut left = polls;
    poll_fn(|cx| {
        left -= 1;
        match asking.poll_unpin(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

on_both! {
    async fn who_drops_what_it_asked_for_leaves_nothing(world: World) {
        let (process, other) = (world.process().await, world.process().await);
        for (what, ask) in ASKS {
            for polls in 1..=POLLS {
                let is_ready = dropped_after(polls, ask(process.clone())).await;
                assert!(is_ready || polls < POLLS, "{what} takes more polls");
                assert_eq!(process.shutdown(LONG).await, 0, "{what} after {polls} polls");
                let left = other.monitor().active_locks().await.expect("the store answers");
                assert_eq!(left, [], "{what} after {polls} polls");
            }
        }
    }

    /// Who stands in line, and whose turn it just was: the one behind it is not kept waiting.
    async fn who_leaves_the_line_is_in_nobodys_way(world: World) {
        let processes = [world.process().await, world.process().await, world.process().await];
        let [has, leaves, waits] = &processes;
        for is_told in [false, true, false, true] {
            let held = lock(has).acquire().await.expect("it is free");
            let wanted = lock(leaves);
            let mut leaving = async move { drop(wanted.acquire().await) }.boxed();
            assert!(poll!(&mut leaving).is_pending());
            until_waiting(&lock(has), 1).await;
            let behind = lock(waits);
            let behind = tokio::spawn(async move { behind.acquire().await.expect("its turn comes") });
            until_waiting(&lock(has), 2).await;
            match is_told {
                true => {
                    held.release().await;
                    drop(leaving);
                }
                false => {
                    drop(leaving);
                    until_waiting(&lock(has), 1).await;
                    held.release().await;
                }
            }
            let next = timeout(LEASE, behind).await.expect("it is told").expect("nothing panics");
            next.release().await;
            assert_eq!(leaves.shutdown(LONG).await, 0);
        }
    }
}
