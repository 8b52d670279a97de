//! Locks: who waits gets it in turn, and one piece of work takes it more than once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        AcquireError, Coordination, Lock, LockError, LockScope, LossCause, ReleaseOutcome,
    },
    lease::{LeaseError, LeaseStore, LockStore, Owner, Released, Turn, Wake, Want},
};
use futures_util::{
    StreamExt as _,
    future::{BoxFuture, join_all},
    stream::{self, BoxStream},
};
use tokio::time::{Instant, timeout};

use crate::world::{LEASE, NAME, Work, World, hands_on, on_both, pass, until_waiting};

fn lock(process: &Coordination) -> Lock {
    process.lock(NAME).lease(LEASE)
}

on_both! {
    async fn who_comes_first_gets_it_first(world: World) {
        let processes = join_all((0..6).map(async |_| world.process().await)).await;
        let other = world.process().await;
        let held = lock(&other).acquire().await.expect("it is free");
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for (turn, process) in processes.iter().enumerate() {
            let (wanted, order) = (lock(process), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let held = wanted.acquire().await.expect("its turn comes");
                order.lock().expect("nobody panics").push(turn);
                held.release().await;
            }));
            // Who asks without waiting stands behind those who wait.
            until_waiting(&lock(&other), turn as u64 + 1).await;
        }
        held.release().await;
        for waiter in waiting {
            waiter.await.expect("nothing panics");
        }
        assert_eq!(*order.lock().expect("nobody panics"), [0, 1, 2, 3, 4, 5]);
    }

    // A poll would take half a second each time.
    async fn who_is_next_is_told(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (turns, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let playing = [one, two].map(|process| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                while turns.load(Ordering::Acquire) < 40 {
                    let held = lock(&process).acquire().await.expect("its turn comes");
                    turns.fetch_add(1, Ordering::AcqRel);
                    tokio::task::yield_now().await;
                    held.release().await;
                }
            })
        });
        join_all(playing).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }

    async fn nobody_is_in_it_at_a_time_with_anybody(world: World) {
        let processes = [world.process().await, world.process().await];
        let (inside, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let working = (0..40).map(|worker| {
            let (lock, inside, done) = (lock(&processes[worker % 2]), Arc::clone(&inside), Arc::clone(&done));
            tokio::spawn(async move {
                for _ in 0..3 {
                    let alone = lock.with_lock(async |_| {
                        let before = inside.fetch_add(1, Ordering::AcqRel);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, Ordering::AcqRel);
                        before == 0
                    });
                    assert!(alone.await.expect("it is held"));
                    done.fetch_add(1, Ordering::AcqRel);
                }
            })
        });
        for worked in join_all(working).await {
            worked.expect("nothing panics");
        }
        assert_eq!(done.load(Ordering::Acquire), 120);
    }

    async fn work_ends_with_the_lock_that_is_lost(world: World) {
        let process = world.process().await;
        let work = Work::default();
        let lock = lock(&process);
        let working = lock.with_lock(async |_| work.run().await);
        let (ended, ()) = tokio::join!(working, async {
            while work.running() == 0 {
                pass(LEASE / 100).await;
            }
            world.take_away(NAME).await;
        });
        let Err(LockError::Lost(lost)) = ended else { panic!("{ended:?}") };
        assert_eq!((lost.cause, work.running()), (LossCause::NotOwner, 0));
    }

    async fn a_place_is_given_back_by_who_does_not_wait_any_more(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = lock(&one).acquire().await.expect("it is free");
        let gone = timeout(LEASE / 4, lock(&two).acquire()).await;
        gone.expect_err("it is not free");
        let error = lock(&two).acquire_timeout(LEASE / 4).await.expect_err("it is not free");
        let AcquireError::NotAcquired(why) = error else { panic!("{error}") };
        assert_eq!((why.holder.as_ref(), why.ahead), (Some(held.owner()), 0));
        assert_eq!(two.shutdown(LEASE).await, 0);
        held.release().await;
        assert!(lock(&one).try_acquire().await.expect("it is answered").is_some(), "nobody waits");
    }

    // A process that died keeps its place for three seconds.
    async fn who_died_in_line_is_passed(world: World) {
        let (process, store) = (world.process().await, world.store().await);
        let held = lock(&world.process().await).acquire().await.expect("it is free");
        let (dead, stay) = (Owner::draw(), Duration::from_secs(3));
        let want = Want { stay, ..Want::alone(NAME, &dead, LEASE) };
        let turn = store.acquire_in_turn(want).await.expect("it is answered");
        assert!(matches!(turn, Turn::Waiting(_)), "{turn:?}");
        let next = lock(&process);
        let next = tokio::spawn(async move { next.acquire().await });
        until_waiting(&lock(&world.process().await), 2).await;
        held.release().await;
        pass(stay / 2).await;
        assert!(!next.is_finished());
        let next = timeout(stay, next).await.expect("the dead one is gone");
        next.expect("nothing panics").expect("it is free").check().expect("it is held");
    }

    async fn one_piece_of_work_takes_it_more_than_once(world: World) {
        let process = world.process().await;
        let (scope, other) = (LockScope::new(), LockScope::new());
        let taken = |scope: &LockScope| {
            let lock = lock(&process).within(scope);
            async move { lock.try_acquire().await.expect("it is answered") }
        };
        let first = taken(&scope).await.expect("it is free");
        let second = taken(&scope).await.expect("it has it");
        let third = taken(&scope).await.expect("it has it");
        assert_eq!([second.fence(), third.fence()], [first.fence(); 2], "it is one tenure");
        assert!(taken(&other).await.is_none());
        assert_eq!(first.release().await, ReleaseOutcome::StillHeld);
        drop(third);
        assert!(taken(&other).await.is_none());
        assert_eq!(second.release().await, ReleaseOutcome::Released);
        assert!(taken(&other).await.is_some());
    }

    async fn a_scope_tells_how_often_it_has_a_lock(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let elsewhere = World::Memory(Default::default()).process().await;
        let ours = lock(&process).within(&scope);
        let counts = || (scope.holds(NAME), scope.holds("catalogue"));
        assert_eq!(counts(), (0, 0));
        let first = ours.acquire().await.expect("it is free");
        let second = ours.acquire().await.expect("it has it");
        let third = lock(&elsewhere).within(&scope).acquire().await.expect("it is free");
        assert_eq!(counts(), (3, 0), "two of one store, one of another");
        let writes = process.rw_lock("catalogue").within(&scope).write().await.expect("it is free");
        assert_eq!(counts(), (3, 1));
        assert_eq!(first.release().await, ReleaseOutcome::StillHeld);
        third.release().await;
        let reads = writes.downgrade().await.expect("it is ours");
        assert_eq!(counts(), (1, 1));
        reads.release().await;
        assert_eq!(counts(), (1, 0));
        // Who waits for it has it not yet, and who lost it has it no more.
        let (other, waits) = (LockScope::new(), LockScope::new());
        let held = process.lock("other").lease(LEASE * 20).within(&other);
        let held = held.acquire().await.expect("it is free");
        let late = process.lock("other").within(&waits);
        let late = async { late.acquire_timeout(LEASE / 10).await.expect_err("it is held") };
        tokio::join!(late, async {
            pass(LEASE / 20).await;
            assert_eq!((other.holds("other"), waits.holds("other")), (1, 0));
        });
        world.take_away(NAME).await;
        second.lost().await;
        assert_eq!(counts(), (0, 0));
        drop((second, held));
        assert_eq!((counts(), other.holds("other")), ((0, 0), 0));
    }

    async fn a_scope_that_lost_a_lock_takes_it_no_more(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let held = lock(&process).within(&scope).acquire().await.expect("it is free");
        world.take_away(NAME).await;
        held.lost().await;
        let again = lock(&process).within(&scope).acquire().await;
        assert!(matches!(again, Err(AcquireError::Lost(_))), "{again:?}");
        drop(held);
        let anew = lock(&process).within(&scope).acquire().await.expect("it begins anew");
        anew.check().expect("it is held");
    }

    async fn a_scope_takes_a_lock_as_often_as_it_may(world: World) {
        let (process, scope) = (world.process().await, LockScope::of_depth(2));
        let lock = lock(&process).within(&scope);
        let _first = lock.acquire().await.expect("it is free");
        let _second = lock.acquire().await.expect("it may have it twice");
        let third = lock.acquire().await;
        assert!(matches!(third, Err(AcquireError::TooDeep { deepest: 2 })), "{third:?}");
    }

    // Five minutes outside, two minutes inside: what is left is never less than five.
    async fn a_shorter_lease_inside_does_not_shorten_the_one_outside(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let lock = |lease| process.lock(NAME).lease(lease).within(&scope);
        let outer = lock(minutes(5)).acquire().await.expect("it is free");
        let inner = lock(minutes(2)).acquire().await.expect("it has it");
        assert!(outer.remaining() > minutes(4), "{:?}", outer.remaining());
        drop(inner);
        assert!(outer.remaining() > minutes(4), "{:?}", outer.remaining());
        let longer = lock(minutes(9)).acquire().await.expect("it has it");
        assert!(longer.remaining() > minutes(8), "{:?}", longer.remaining());
        let left = lock(minutes(1)).info().await.expect("it is answered").expect("it is held").expires_in;
        assert!(left.is_some_and(|left| left > minutes(8)), "{left:?}");
    }

    // Two stores have two locks of one name.
    async fn a_scope_knows_a_lock_of_another_store_from_its_own(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let elsewhere = World::Memory(Default::default()).process().await;
        let own = lock(&process).within(&scope).acquire().await.expect("it is free");
        let other = lock(&elsewhere).within(&scope).acquire().await.expect("it is free");
        assert_ne!(own.owner(), other.owner());
        assert!(lock(&elsewhere).try_acquire().await.expect("it is answered").is_none());
        drop((own, other));
        let both = [lock(&process), lock(&elsewhere), lock(&process)];
        let both = timeout(LEASE * 2, Lock::acquire_all(both)).await.expect("they are free");
        assert_eq!(both.expect("they are held").len(), 2);
    }

    // What is left of one that is not extended is what counts.
    async fn who_takes_it_again_has_it_for_as_long_as_it_asks(world: World) {
        let (process, scope) = (world.process().await, LockScope::new());
        let lock = lock(&process).lease(LEASE * 2).without_extension().within(&scope);
        let _outer = lock.acquire().await.expect("it is free");
        pass(LEASE).await;
        let inner = lock.acquire().await.expect("it has it");
        assert!(inner.remaining() > LEASE, "{:?}", inner.remaining());
    }

    async fn who_extends_it_often_lets_others_do_something(world: World) {
        let process = world.process().await;
        let often = Duration::from_millis(50);
        let long = process.lock(NAME).lease(Duration::from_secs(30)).extend_every(often);
        let held = long.acquire().await.expect("it is free");
        // With a clock that moves only when nobody has anything to do, this would never end.
        pass(LEASE).await;
        assert!(held.remaining() > Duration::from_secs(29), "{:?}", held.remaining());
    }

    async fn all_of_them_or_none_in_whichever_order_they_are_named(world: World) {
        let processes = [world.process().await, world.process().await];
        let names = ["payer", "payee", "payer"];
        let paying = (0..10).map(|turn| {
            let process = &processes[turn % 2];
            let mut locks = names.map(|name| process.lock(name).lease(LEASE));
            if turn % 2 == 0 {
                locks.reverse();
            }
            async move { Lock::acquire_all(locks).await.expect("their turn comes").len() }
        });
        let paid = timeout(Duration::from_secs(60), join_all(paying)).await;
        assert_eq!(paid.expect("nobody waits for one who waits for it"), [2; 10]);

        let _theirs = processes[0].lock("payer").lease(LEASE).acquire().await.expect("it is free");
        let locks = names.map(|name| processes[1].lock(name).lease(LEASE));
        timeout(LEASE / 2, Lock::acquire_all(locks)).await.expect_err("one is not free");
        assert_eq!(processes[1].shutdown(LEASE).await, 0);
        let payee = processes[0].lock("payee").try_acquire().await.expect("it is answered");
        assert!(payee.is_some(), "what was taken is released");
    }

    async fn a_lock_without_extension_is_lost_when_its_lease_is_over(world: World) {
        let process = world.process().await;
        let held = lock(&process).without_extension().acquire().await.expect("it is free");
        let lost = timeout(LEASE * 2, held.lost()).await.expect("nothing extends it");
        assert_eq!(lost.cause, LossCause::Expired);
    }
}

/// A store where nothing can be given back.
#[derive(Clone, Default)]
struct Keeps(MemoryLeases);

impl LeaseStore for Keeps {
    hands_on!(0: safety try_acquire try_renew inspect);

    fn release<'a>(
        &'a self,
        _: &'a str,
        _: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        Box::pin(std::future::pending())
    }

    fn locks(&self) -> Option<&dyn LockStore> {
        Some(self)
    }
}

impl LockStore for Keeps {
    hands_on!(0: acquire_in_turn hand_over downgrade wakes);
}

/// A store that tells nobody whose turn it is.
struct Mute(MemoryLeases);

impl LeaseStore for Mute {
    hands_on!(0: safety try_acquire try_renew release inspect);

    fn locks(&self) -> Option<&dyn LockStore> {
        Some(self)
    }
}

impl LockStore for Mute {
    hands_on!(0: acquire_in_turn hand_over downgrade);

    fn wakes(&self) -> BoxStream<'static, Wake> {
        stream::pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_told_of_its_turn_asks_for_it() {
    let (store, delay) = (MemoryLeases::new(), LEASE / 6);
    let process = Coordination::on_this_runtime(store.clone());
    let mute = Coordination::on_this_runtime(Mute(store));
    let held = lock(&process).acquire().await.expect("it is free");
    let next = lock(&mute).retry_delay(delay);
    let next = tokio::spawn(async move { next.acquire().await });
    until_waiting(&lock(&process), 1).await;
    held.release().await;
    let next = timeout(delay * 3 / 2, next).await.expect("it asks in time");
    drop(next.expect("nothing panics").expect("it is free"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_so_long_is_in_nobodys_way_for_longer() {
    let store = MemoryLeases::new();
    let (process, keeps) =
        (Coordination::on_this_runtime(store.clone()), Coordination::on_this_runtime(Keeps(store)));
    let held = lock(&process).acquire().await.expect("it is free");
    for _ in 0..5 {
        let late = lock(&keeps).acquire_timeout(LEASE / 4).await;
        assert!(matches!(late, Err(AcquireError::NotAcquired(_))), "{late:?}");
    }
    held.release().await;
    let next = lock(&process).acquire_timeout(LEASE / 4).await;
    drop(next.expect("those who wait no more are passed"));
}

/// It is a future like others: it may be sent to another thread.
#[tokio::test]
async fn work_under_a_lock_may_be_spawned() {
    let world = World::Memory(Default::default());
    let lock = lock(&world.process().await);
    let spawned = tokio::spawn(async move {
        let text = "seven".to_owned();
        lock.with_lock(async |held| {
            tokio::task::yield_now().await;
            (text.len(), held.check().is_ok())
        })
        .await
    });
    assert_eq!(spawned.await.expect("nothing panics").expect("it is held"), (5, true));
}
