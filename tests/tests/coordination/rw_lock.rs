//! Locks that readers share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    coordination::{
        AcquireError, Coordination, LockScope, LossCause, ReleaseOutcome, RwLock, RwPolicy,
    },
    lease::{Owner, Share, Turn, Want},
};
use futures_util::future::join_all;
use tokio::{sync::mpsc, time::timeout};

use crate::world::{LEASE, NAME, on_both, pass, until_waiting};

fn lock(process: &Coordination) -> RwLock {
    process.rw_lock(NAME).lease(LEASE)
}

on_both! {
    /// Whoever would wait for itself is told, and may ask without waiting.
    async fn who_would_wait_for_itself_is_told(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let ours = process.rw_lock(NAME).lease(LEASE).within(&scope);
        let reading = ours.read().await.expect("it is free");
        for wanted in [ours.write().await.map(drop), ours.read().await.map(drop)] {
            let Err(AcquireError::WouldDeadlock { name }) = wanted else { panic!("{wanted:?}") };
            assert_eq!(&*name, NAME);
        }
        assert!(ours.try_write().await.expect("it answers").is_none());
        assert!(ours.try_read().await.expect("it answers").is_some());
        // Other locks, and other scopes, are none of that.
        let other = process.rw_lock("other").lease(LEASE).within(&scope).write().await;
        drop(other.expect("nobody reads that"));
        let theirs = process.rw_lock(NAME).lease(LEASE).within(&LockScope::new()).read().await;
        drop(theirs.expect("readers share it"));

        reading.release().await;
        let writing = ours.write().await.expect("it reads no more");
        for wanted in [ours.write().await.map(drop), ours.read().await.map(drop)] {
            assert!(matches!(wanted, Err(AcquireError::WouldDeadlock { .. })), "{wanted:?}");
        }
        let reading = writing.downgrade().await.expect("it is held");
        let wanted = ours.write().await;
        assert!(matches!(wanted, Err(AcquireError::WouldDeadlock { .. })), "{wanted:?}");
        reading.release().await;
        ours.write().await.expect("it reads no more").release().await;
    }

    async fn readers_share_and_a_writer_is_alone(world: World) {
        let processes = [world.process().await, world.process().await];
        // Readers inside, or less than 0 for a writer.
        let inside = Arc::new(AtomicIsize::new(0));
        let shared = Arc::new(AtomicBool::new(false));
        let working = (0..40).map(|worker| {
            let (lock, inside, shared) = (lock(&processes[worker % 2]), Arc::clone(&inside), Arc::clone(&shared));
            tokio::spawn(async move {
                for turn in 0..3 {
                    if (worker + turn) % 4 == 0 {
                        let held = lock.write().await.expect("its turn comes");
                        assert_eq!(inside.fetch_sub(1, Ordering::AcqRel), 0, "a writer is alone");
                        tokio::task::yield_now().await;
                        inside.fetch_add(1, Ordering::AcqRel);
                        held.release().await;
                    } else {
                        let held = lock.read().await.expect("its turn comes");
                        let before = inside.fetch_add(1, Ordering::AcqRel);
                        assert!(before >= 0, "no writer is there");
                        shared.fetch_or(before > 0, Ordering::AcqRel);
                        pass(Duration::from_millis(2)).await;
                        inside.fetch_sub(1, Ordering::AcqRel);
                        held.release().await;
                    }
                }
            })
        });
        for worked in join_all(working).await {
            worked.expect("nothing panics");
        }
        assert!(shared.load(Ordering::Acquire), "readers were there at a time");
    }

    // Readers come without end, so that there is always one, and the other way round.
    async fn neither_side_starves_the_other(world: World) {
        let process = world.process().await;
        for crowd_writes in [false, true] {
            let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let crowd: Vec<_> = (0..4).map(|_| {
                let (lock, stop, turns) = (lock(&process), Arc::clone(&stop), Arc::clone(&turns));
                tokio::spawn(async move {
                    while !stop.load(Ordering::Acquire) {
                        let (mut read, mut write) = (None, None);
                        match crowd_writes {
                            true => write = Some(lock.write().await.expect("its turn comes")),
                            false => read = Some(lock.read().await.expect("its turn comes")),
                        }
                        turns.fetch_add(1, Ordering::AcqRel);
                        pass(Duration::from_millis(5)).await;
                        drop((read, write));
                    }
                })
            }).collect();
            while turns.load(Ordering::Acquire) < 8 {
                pass(Duration::from_millis(5)).await;
            }
            let before = turns.load(Ordering::Acquire);
            match crowd_writes {
                true => drop(lock(&process).read().await.expect("its turn comes")),
                false => drop(lock(&process).write().await.expect("its turn comes")),
            }
            let passed = turns.load(Ordering::Acquire) - before;
            stop.store(true, Ordering::Release);
            for one in crowd {
                one.await.expect("nothing panics");
            }
            // Those who were there, and who came while it asked.
            assert!(passed <= 16, "{passed} came before it");
        }
    }

    /// One waits to read, and one to write, and then it is free.
    async fn who_comes_first_is_a_matter_of_policy(world: World) {
        use RwPolicy::{PreferReaders, PreferWriters, QueueFair};
        let [holder, reader, writer] = [world.process().await, world.process().await, world.process().await];
        for (policy, order, wanted) in [
            (QueueFair, ["read", "write"], ["read", "write"]),
            (QueueFair, ["write", "read"], ["write", "read"]),
            (PreferWriters, ["read", "write"], ["write", "read"]),
            (PreferReaders, ["write", "read"], ["read", "write"]),
        ] {
            let held = lock(&holder).policy(policy).write().await.expect("it is free");
            let (came, mut comes) = mpsc::unbounded_channel();
            for (waiters, what) in (1..).zip(order) {
                let process = if what == "read" { &reader } else { &writer };
                let (lock, came) = (lock(process).policy(policy), came.clone());
                tokio::spawn(async move {
                    let (mut read, mut write) = (None, None);
                    match what {
                        "read" => read = Some(lock.read().await.expect("its turn comes")),
                        _ => write = Some(lock.write().await.expect("its turn comes")),
                    }
                    came.send(what).expect("it is waited for");
                    drop((read, write));
                });
                until_waiting(&holder.lock(NAME), waiters).await;
            }
            held.release().await;
            let came = [comes.recv().await, comes.recv().await];
            assert_eq!(came, wanted.map(Some), "{policy:?}");
        }
    }

    async fn who_is_preferred_passes_those_who_wait_where_it_is_free(world: World) {
        let (process, store) = (world.process().await, world.store().await);
        for (policy, a_reader_passes, a_writer_passes) in [
            (RwPolicy::QueueFair, false, false),
            (RwPolicy::PreferReaders, true, false),
            (RwPolicy::PreferWriters, false, true),
        ] {
            let (lock, waiter) = (lock(&process).policy(policy), Owner::draw());
            let waits = async |share| {
                let want = Want { share, stay: LEASE * 20, ..Want::alone(NAME, &waiter, LEASE) };
                let turn = store.acquire_in_turn(want).await.expect("it is answered");
                assert!(matches!(turn, Turn::Waiting(_)), "{turn:?}");
            };
            let reading = lock.read().await.expect("it is free");
            waits(Share::Alone).await;
            let passed = lock.try_read().await.expect("it is answered");
            assert_eq!(passed.is_some(), a_reader_passes, "{policy:?}");
            assert!(lock.try_write().await.expect("it is answered").is_none(), "somebody reads");
            drop((reading, passed));
            store.release(NAME, &waiter).await.expect("it is answered");

            let writing = lock.write().await.expect("nobody waits");
            waits(Share::Shared).await;
            writing.release().await;
            let passed = lock.try_write().await.expect("it is answered");
            assert_eq!(passed.is_some(), a_writer_passes, "{policy:?}");
            if let Some(passed) = passed {
                passed.release().await;
            }
            store.release(NAME, &waiter).await.expect("it is answered");
        }
    }

    async fn a_reader_that_died_delays_a_writer_by_its_own_lease_only(world: World) {
        let (process, store) = (world.process().await, world.store().await);
        let dead = Owner::draw();
        let want = Want { share: Share::Shared, stay: LEASE, ..Want::alone(NAME, &dead, LEASE) };
        store.acquire_in_turn(want).await.expect("it is answered");
        let alive = lock(&process).read().await.expect("it is shared");
        pass(LEASE * 2).await;
        alive.check().expect("it is renewed");
        assert!(lock(&process).try_write().await.expect("it is answered").is_none());
        assert_eq!(alive.release().await, ReleaseOutcome::Released);
        let writer = timeout(LEASE / 2, lock(&process).write()).await.expect("nobody is in the way");
        writer.expect("it is free").check().expect("it is held");
    }

    async fn a_writer_becomes_a_reader_and_nobody_writes_in_between(world: World) {
        let process = world.process().await;
        let writing = lock(&process).write().await.expect("it is free");
        let fence = writing.fence();
        let next = lock(&process);
        let mut next = tokio::spawn(async move { next.write().await });
        let reading = writing.downgrade().await.expect("it is held");
        assert_eq!(reading.fence(), fence);
        pass(LEASE * 2).await;
        reading.check().expect("it is renewed as before");
        timeout(LEASE / 2, &mut next).await.expect_err("somebody reads");
        assert_eq!(reading.release().await, ReleaseOutcome::Released);
        let next = timeout(LEASE * 2, next).await.expect("nobody is in the way");
        assert!(next.expect("nothing panics").expect("it is free").fence() > fence);
    }

    async fn what_was_lost_is_not_downgraded(world: World) {
        let process = world.process().await;
        let writing = lock(&process).write().await.expect("it is free");
        world.take_away(NAME).await;
        let lost = writing.downgrade().await.expect_err("it was taken away");
        assert_eq!(lost.cause, LossCause::NotOwner);
    }
}
