//! Those of one process who want one lock wait as one.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{AcquireError, Coordination, CoordinationOptions, Lock, ReleaseOutcome},
    lease::{Grant, LeaseError, LeaseStore, LockStore, Owner, Turn, Want},
};
use futures_util::future::{BoxFuture, join_all};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, timeout},
};

use crate::world::{LEASE, NAME, World, ahead, hands_on, on_both, pass, until_waiting};

/// Who had it, in order.
type Order = Arc<Mutex<Vec<usize>>>;

/// Somebody who has it for a while once, and says so.
fn once(lock: Lock, who: usize, order: &Order, stays: Duration) -> JoinHandle<()> {
    let order = Arc::clone(order);
    tokio::spawn(async move {
        let held = lock.acquire().await.expect("its turn comes");
        order.lock().expect("nobody panics").push(who);
        pass(stays).await;
        assert_eq!(held.release().await, ReleaseOutcome::Released);
    })
}

fn lock(process: &Coordination) -> Lock {
    process.lock(NAME).lease(LEASE)
}

/// All that can be done without time passing is done.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

on_both! {
    /// Five hundred of four processes: they ask the store little, and no process waits for long.
    async fn many_of_few_processes_share_it(world: World) {
        const EACH: usize = 125;
        let other = world.process().await;
        let first = lock(&other).acquire().await.expect("it is free");
        let processes = join_all((0..4).map(async |_| world.process().await)).await;
        let order = Order::default();
        let working: Vec<_> = processes
            .iter()
            .enumerate()
            .flat_map(|(who, process)| (0..EACH).map(move |_| (who, process)))
            .map(|(who, process)| once(lock(process), who, &order, Duration::ZERO))
            .collect();
        // One for each process.
        until_waiting(&lock(&other), 4).await;
        first.release().await;
        for worked in join_all(working).await {
            worked.expect("nothing panics");
        }
        let attempts = processes.iter().map(|process| {
            let classes = process.monitor().contention();
            classes.iter().map(|class| class.attempts).sum::<u64>()
        });
        let (attempts, sections) = (attempts.sum::<u64>(), 4 * EACH as u64);
        assert!(attempts <= sections * 3 / 2, "{attempts} attempts for {sections} sections");
        let order = order.lock().expect("nobody panics");
        // As long as all of them wait, nobody has it more often than so.
        let mut left = [EACH; 4];
        for turn in order.chunk_by(|one, next| one == next) {
            let others = left.iter().enumerate().filter(|(who, left)| *who != turn[0] && **left > 0);
            assert!(turn.len() <= 17 || others.count() == 0, "{} in a row", turn.len());
            left[turn[0]] -= turn.len();
        }
        assert_eq!(left, [0; 4]);
    }

    async fn each_has_it_alone_under_a_fence_of_its_own(world: World) {
        let processes = [world.process().await, world.process().await];
        let inside = Arc::new(AtomicUsize::new(0));
        let fences = Arc::new(Mutex::new(Vec::new()));
        let working = (0..60).map(|worker| {
            let (lock, inside, fences) = (lock(&processes[worker % 2]), Arc::clone(&inside), Arc::clone(&fences));
            tokio::spawn(async move {
                let held = lock.acquire().await.expect("its turn comes");
                assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0);
                fences.lock().expect("nobody panics").push(held.fence());
                yield_now().await;
                held.check().expect("it is held");
                inside.fetch_sub(1, Ordering::AcqRel);
                held.release().await;
            })
        });
        for worked in join_all(working).await {
            worked.expect("nothing panics");
        }
        let fences = fences.lock().expect("nobody panics");
        assert_eq!(fences.len(), 60);
        assert!(fences.is_sorted_by(|one, next| one < next), "{fences:?}");
    }

    async fn what_is_lost_is_asked_for_by_who_is_next_here(world: World) {
        let process = world.process().await;
        let held = lock(&process).acquire().await.expect("it is free");
        let next = lock(&process);
        let next = tokio::spawn(async move { next.acquire().await });
        pass(LEASE / 20).await;
        world.take_away(NAME).await;
        held.lost().await;
        let next = timeout(LEASE * 2, next).await.expect("it is free").expect("nothing panics");
        let next = next.expect("the store answers");
        assert!(next.fence() > held.fence());
        held.release().await;
        next.check().expect("it is the next one's");
    }

    async fn who_waits_no_longer_is_told_who_has_it(world: World) {
        let process = world.process().await;
        let held = lock(&process).acquire().await.expect("it is free");
        let late = lock(&process).acquire_timeout(LEASE / 6).await;
        let Err(AcquireError::NotAcquired(why)) = late else { panic!("{late:?}") };
        assert_eq!(why.holder.as_ref(), Some(held.owner()));
        assert!(why.attempts <= 3, "{why:?}");
        assert!(why.waited >= LEASE / 6, "{why:?}");
        assert!(lock(&process).try_acquire().await.expect("it is answered").is_none());
        // As often as it would have asked.
        let begun = Instant::now();
        let seldom = lock(&process).retry_delay(LEASE / 20).max_retries(4);
        let late = seldom.acquire().await;
        assert!(matches!(late, Err(AcquireError::NotAcquired(_))), "{late:?}");
        let waited = begun.elapsed();
        assert!((LEASE / 10..LEASE).contains(&waited), "{waited:?}");
        held.check().expect("it is held all the while");
    }

    /// Those who want more locks than there is room for wait each for itself.
    async fn there_is_room_for_so_many_locks(world: World) {
        let other = world.process().await;
        for (locking, waits) in [
            (r#"{ "lock_pool_size": 1 }"#, [0, 2]),
            (r#"{ "lock_pool_size": 2 }"#, [0, 0]),
            (r#"{ "enable_lock_pooling": false }"#, [2, 2]),
        ] {
            let options = format!(r#"{{ "locking": {locking} }}"#);
            let options: CoordinationOptions = serde_json::from_str(&options).expect("it can be read");
            let process = world.process().await.with_options(options).expect("they are right");
            let names = ["one", "two"];
            let locks = names.map(|name| process.lock(name).lease(LEASE));
            let mut held = Vec::new();
            for lock in &locks {
                held.push(lock.acquire().await.expect("it is free"));
            }
            let order = Order::default();
            let mut all = Vec::new();
            for (which, lock) in locks.iter().enumerate() {
                all.extend([(); 2].map(|()| once(lock.clone(), which, &order, Duration::ZERO)));
                pass(LEASE / 20).await;
            }
            for (name, waits) in names.into_iter().zip(waits) {
                let seen = other.lock(name);
                until_waiting(&seen, waits).await;
                pass(LEASE / 20).await;
                assert_eq!(ahead(&seen).await, waits, "{locking}");
            }
            for held in held {
                held.release().await;
            }
            for one in join_all(all).await {
                one.expect("nothing panics");
            }
            assert_eq!(process.shutdown(LEASE).await, 0);
        }
    }
}

/// A store that counts, and may be far away, or slow or silent when something is handed over.
#[derive(Clone, Default)]
struct Counts {
    store: MemoryLeases,
    turns: Arc<AtomicUsize>,
    handed: Arc<AtomicUsize>,
    is_slow: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
    is_far: Arc<AtomicBool>,
}

impl LeaseStore for Counts {
    hands_on!(store: safety try_acquire try_renew release inspect);

    fn locks(&self) -> Option<&dyn LockStore> {
        Some(self)
    }
}

impl LockStore for Counts {
    hands_on!(store: downgrade wakes);

    fn acquire_in_turn<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        self.turns.fetch_add(1, Ordering::Relaxed);
        if self.is_far.load(Ordering::Relaxed) {
            return Box::pin(async move {
                pass(LEASE / 4).await;
                self.store.acquire_in_turn(want).await
            });
        }
        self.store.acquire_in_turn(want)
    }

    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        from: &'a Owner,
        to: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Grant>, LeaseError>> {
        self.handed.fetch_add(1, Ordering::Relaxed);
        let handing = self.store.hand_over(name, from, to, lease);
        if self.is_silent.load(Ordering::Relaxed) {
            return Box::pin(async {
                handing.await?;
                std::future::pending().await
            });
        }
        if self.is_slow.load(Ordering::Relaxed) {
            return Box::pin(async {
                yield_now().await;
                let handed = handing.await;
                for _ in 0..5 {
                    yield_now().await;
                }
                handed
            });
        }
        handing
    }
}

#[tokio::test(start_paused = true)]
async fn each_costs_one_call_and_comes_in_its_turn() {
    let store = Counts::default();
    let process = Coordination::on_this_runtime(store.clone());
    let order = Order::default();
    let all = (0..40).map(|who| once(lock(&process), who, &order, Duration::ZERO));
    for one in join_all(all).await {
        one.expect("nothing panics");
    }
    assert_eq!(*order.lock().expect("nobody panics"), Vec::from_iter(0..40));
    // It is given back after every seventeenth.
    let calls = [&store.turns, &store.handed].map(|calls| calls.load(Ordering::Relaxed));
    assert_eq!(calls, [3, 37]);
}

/// For so long counts from when a process has it, however long the way there is.
#[tokio::test(start_paused = true)]
async fn what_comes_from_far_is_handed_over_all_the_same() {
    let store = Counts::default();
    store.is_far.store(true, Ordering::Relaxed);
    let process = Coordination::on_this_runtime(store.clone());
    let order = Order::default();
    let all = (0..4).map(|who| once(lock(&process), who, &order, Duration::ZERO));
    for one in join_all(all).await {
        one.expect("nothing panics");
    }
    let calls = [&store.turns, &store.handed].map(|calls| calls.load(Ordering::Relaxed));
    assert_eq!(calls, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn after_a_while_it_is_the_turn_of_another_process() {
    let world = World::Memory(MemoryLeases::new());
    let (ours, other) = (world.process().await, world.process().await);
    let (order, stays) = (Order::default(), Duration::from_millis(60));
    let mut all: Vec<_> = (0..4).map(|who| once(lock(&ours), who, &order, stays)).collect();
    settle().await;
    all.push(once(lock(&other), 100, &order, stays));
    for one in join_all(all).await {
        one.expect("nothing panics");
    }
    // A tenth of a second is over when the second one lets go of it.
    assert_eq!(*order.lock().expect("nobody panics"), [0, 1, 100, 2, 3]);
}

/// Those who wait for so long have their turns beside those of other processes who wait for ever.
#[tokio::test(start_paused = true)]
async fn who_waits_for_so_long_is_not_passed_for_ever() {
    let world = World::Memory(MemoryLeases::new());
    let (stays, begun) = (Duration::from_millis(150), Instant::now());
    let is_over = move || begun.elapsed() > Duration::from_secs(20);
    for _ in 0..2 {
        let process = world.process().await;
        tokio::spawn(async move {
            while !is_over() {
                let held = lock(&process).acquire().await.expect("its turn comes");
                pass(stays).await;
                held.release().await;
            }
        });
    }
    let (process, order) = (world.process().await, Order::default());
    while !is_over() {
        let (lock, order) = (lock(&process), Arc::clone(&order));
        tokio::spawn(async move {
            if let Ok(held) = lock.acquire_timeout(Duration::from_secs(1)).await {
                order.lock().expect("nobody panics").push(0);
                pass(stays).await;
                held.release().await;
            }
        });
        pass(Duration::from_millis(50)).await;
    }
    let turns = order.lock().expect("nobody panics").len();
    // A third of the time would be 44 of them.
    assert!(turns >= 20, "{turns}");
}

/// Whenever somebody leaves, before it is told and while it takes it over: who is behind gets it.
#[tokio::test(start_paused = true)]
async fn who_leaves_keeps_nobody_waiting() {
    let store = Counts::default();
    store.is_slow.store(true, Ordering::Relaxed);
    let process = Coordination::on_this_runtime(store);
    for polls in 0..60 {
        let held = lock(&process).acquire().await.expect("it is free");
        let order = Order::default();
        let leaves = once(lock(&process), 0, &order, LEASE);
        settle().await;
        let stays = once(lock(&process), 1, &order, Duration::ZERO);
        settle().await;
        let releasing = tokio::spawn(held.release());
        for _ in 0..polls {
            yield_now().await;
        }
        leaves.abort();
        timeout(LEASE / 10, stays).await.expect("it is free").expect("nothing panics");
        let outcome = releasing.await.expect("nothing panics");
        assert!(
            matches!(outcome, ReleaseOutcome::Released | ReleaseOutcome::Unknown),
            "{outcome:?}"
        );
    }
    // And so does who leaves last.
    let held = lock(&process).acquire().await.expect("it is free");
    let leaves = once(lock(&process), 0, &Order::default(), LEASE);
    settle().await;
    leaves.abort();
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    assert!(lock(&process).try_acquire().await.expect("it is answered").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_while_it_is_handed_over_keeps_nobody_for_ever() {
    let store = Counts::default();
    let process = Coordination::on_this_runtime(store.clone());
    let held = lock(&process).acquire().await.expect("it is free");
    let next = lock(&process);
    let next = tokio::spawn(async move { next.acquire_timeout(LEASE / 4).await });
    let order = Order::default();
    settle().await;
    let last = once(lock(&process), 0, &order, Duration::ZERO);
    settle().await;
    store.is_silent.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    // The store has handed it over, which nobody heard.
    assert_eq!(held.release().await, ReleaseOutcome::Unknown);
    let next = next.await.expect("nothing panics");
    assert!(
        matches!(&next, Err(AcquireError::Store(error)) if error.is_outcome_unknown()),
        "{next:?}"
    );
    last.await.expect("nothing panics");
    assert!(begun.elapsed() <= LEASE / 3, "{:?}", begun.elapsed());
}
