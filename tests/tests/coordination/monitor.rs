//! What is told of leases: counts that add up, what the store knows, and what an operator takes away.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        AcquireError, Coordination, FencedResource, Happened, HealthStatus, LeaseEvent,
        LockStatistics, LossCause, Ran, Role, StaleReason,
    },
    lease::{LeaseError, LeaseStore, Owner, Reader, Renewed},
};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};

use crate::{
    stands::{candidate, until},
    world::{LEASE, NAME, Work, World, hands_on, lease_events, on_both, pass, take, wanted},
};

/// What is held, whatever it is.
fn some<T: Send + 'static>(held: T) -> Box<dyn Send> {
    Box::new(held)
}

pub fn adds_up(statistics: &LockStatistics) {
    let LockStatistics { acquired, held, released, detached, lost, .. } = statistics;
    assert_eq!(*acquired, held + released + detached + lost.all(), "{statistics:?}");
}

on_both! {
    async fn counts_add_up(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let statistics = || one.monitor().statistics();
        let held = take(wanted(&one)).await;
        assert!(wanted(&one).try_acquire().await.expect("it answers").is_none());
        assert!(wanted(&two).try_acquire().await.expect("it answers").is_none());
        let now = statistics();
        assert_eq!((now.acquired, now.held, now.not_acquired), (1, 1, 1), "not of others: {now:?}");
        adds_up(&now);

        // Somebody waits for it, and somebody gives up.
        let lease = wanted(&one);
        let waiting = tokio::spawn(async move { lease.acquire().await });
        let lease = wanted(&one);
        assert!(tokio::time::timeout(LEASE / 4, lease.acquire()).await.is_err());
        held.release().await;
        let next = waiting.await.expect("nothing panics").expect("it is free");
        let now = statistics();
        assert_eq!((now.acquired, now.contended, now.released), (2, 1, 1), "{now:?}");
        assert_eq!(now.waits.count, 2);
        assert!(now.waits.longest >= LEASE / 4 && now.holds.longest >= LEASE / 4, "{now:?}");
        next.detach();

        let other = take(one.lease("other").ttl(LEASE)).await;
        world.take_away("other").await;
        assert_eq!(other.lost().await.cause, LossCause::NotOwner);
        drop(other);
        assert_eq!(one.shutdown(LEASE * 10).await, 0);
        let now = statistics();
        assert_eq!((now.detached, now.lost.not_owner, now.held), (1, 1, 0), "{now:?}");
        assert_eq!((now.gave_up, now.failed, now.forced), (1, 0, 0), "{now:?}");
        adds_up(&now);
    }

    /// The classes of names, and how they were waited for.
    async fn contention_is_told_by_class(world: World) {
        let process = world.process().await;
        for order in 0..100 {
            take(process.lease(format!("orders:{order}")).ttl(LEASE)).await.release().await;
        }
        let held = take(wanted(&process)).await;
        let lease = wanted(&process);
        let late = lease.acquire_timeout(LEASE / 4).await.expect_err("it is held");
        assert!(matches!(late, AcquireError::NotAcquired(_)), "{late}");
        held.release().await;
        let contention = process.monitor().contention();
        let [fought_for, orders] = &contention[..] else { panic!("{contention:?}") };
        assert_eq!((&*fought_for.class, fought_for.acquired, fought_for.not_acquired), (NAME, 1, 1));
        assert!(fought_for.waits.longest >= LEASE / 4, "{fought_for:?}");
        let [name] = &fought_for.names[..] else { panic!("{fought_for:?}") };
        assert_eq!((&*name.name, name.waited >= LEASE / 4), (NAME, true), "{name:?}");
        assert_eq!((&*orders.class, orders.acquired, orders.contended), ("orders", 100, 0));
        assert_eq!(orders.names, [], "nobody waited for one of them");
        // However many there are.
        for class in 0..100 {
            take(process.lease(format!("class-{class}")).ttl(LEASE)).await.release().await;
        }
        let contention = process.monitor().contention();
        let other = contention.iter().find(|contention| &*contention.class == "other");
        assert_eq!(contention.len(), 65);
        assert_eq!(other.map(|other| other.acquired), Some(38));
    }

    /// Whether those of a process ask the store themselves, or wait for one another.
    async fn who_waits_is_told_and_how_long_a_hand_over_takes(world: World) {
        let process = world.process().await;
        for (pooled, name) in [(false, "alone"), (true, "together")] {
            let of_class = || {
                let all = process.monitor().contention();
                all.into_iter().find(|one| &*one.class == name).expect("it was asked for")
            };
            let had = move |process: Coordination| async move {
                let of_lease = async { process.lease(name).acquire().await.map(some) };
                let of_lock = async { process.lock(name).acquire().await.map(some) };
                if pooled { of_lock.await } else { of_lease.await }.expect("it is free")
            };
            let held = had(process.clone()).await;
            let waiting = tokio::spawn(had(process.clone()));
            while of_class().wanted == 0 {
                pass(LEASE / 60).await;
            }
            assert_eq!((of_class().wanted, of_class().hand_overs.count), (1, 0));
            pass(LEASE / 3).await;
            drop(held);
            waiting.await.expect("nothing panics");
            let class = of_class();
            assert_eq!((class.wanted, class.hand_overs.count), (0, 1), "{class:?}");
            assert!(class.hand_overs.longest < LEASE, "{class:?}");
        }
    }

    /// All processes are looked at, and nothing is changed by it.
    async fn active_locks_are_those_of_all_processes(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        assert_eq!(one.monitor().active_locks().await.expect("it answers"), []);
        let held = take(wanted(&two)).await;
        let catalogue = two.rw_lock("catalogue");
        let readers = [catalogue.read().await, catalogue.read().await];
        let locks = one.monitor().active_locks().await.expect("it answers");
        let mut seen: Vec<_> = locks
            .iter()
            .map(|lock| (&*lock.name, lock.holder.as_ref().map(|holder| holder.fence), lock.readers))
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [("catalogue", None, 2), (NAME, Some(held.fence()), 0)]);
        drop((held, readers));
        assert_eq!(two.shutdown(LEASE * 10).await, 0);
        assert_eq!(one.monitor().active_locks().await.expect("it answers"), []);
    }

    async fn what_is_held_for_long_is_stale(world: World) {
        let process = world.process().await;
        let _held = take(wanted(&process)).await;
        let monitor = process.monitor();
        let stale = monitor.stale_locks(Duration::from_secs(60)).await.expect("it answers");
        assert_eq!(stale, []);
        pass(Duration::from_millis(5)).await;
        // The clock of a store that is in this process may be one that skips.
        let _new = take(process.lease("new").ttl(LEASE)).await;
        let stale = monitor.stale_locks(Duration::ZERO).await.expect("it answers");
        let is_held = |reason| matches!(reason, StaleReason::HeldFor(_));
        assert!(stale.iter().all(|stale| is_held(stale.reason)), "{stale:?}");
        assert!(stale.iter().any(|stale| stale.lock.name == NAME), "{stale:?}");
    }

    /// The holder is told, and by whom it was is told to those who listen; the next one has a higher fence.
    async fn an_operator_takes_it_away(world: World) {
        let (holder, operator) = (world.process().await, world.process().await);
        let held = take(wanted(&holder)).await;
        let lease = wanted(&operator);
        let waiting = tokio::spawn(async move { lease.acquire().await });
        pass(LEASE / 6).await;
        let (monitor, fence) = (operator.monitor(), held.fence());
        let mut events = lease_events(&operator);
        assert!(monitor.force_release(NAME, fence, "ops: it hangs").await.expect("it answers"));
        let next = waiting.await.expect("nothing panics").expect("it is free");
        assert!(next.fence() > fence);
        assert_eq!(held.lost().await.cause, LossCause::Forced);
        let again = monitor.force_release(NAME, fence, "ops: again").await.expect("it answers");
        assert!(again, "it says the same");
        let other = monitor.force_release("other", fence, "ops: again").await.expect("it answers");
        assert!(!other, "nobody had that");
        next.check().expect("it is the next one's");
        // Who was next may have been told first.
        let forced = loop {
            let event = events.next().now_or_never().flatten().expect("it was told");
            if matches!(event.what, Happened::Forced { .. }) {
                break event;
            }
        };
        let why = Happened::Forced { fence, why: "ops: it hangs".into() };
        assert_eq!((&*forced.name, forced.what), (NAME, why));
        assert_eq!(monitor.statistics().forced, 2);
        let report = FencedResource::new(());
        report.write(fence, |()| {}).expect("nobody else has written");
        report.raise(next.fence());
        report.write(fence, |()| {}).expect_err("it was taken away");
        drop(held);
        assert_eq!(holder.shutdown(LEASE * 10).await, 0);
        assert_eq!(holder.monitor().statistics().lost.forced, 1);
        next.release().await;
    }

    /// One of those who share it: the others keep it, and when all are gone it is the next one's.
    async fn an_operator_takes_a_share_away(world: World) {
        let (holder, operator) = (world.process().await, world.process().await);
        let (monitor, catalogue) = (operator.monitor(), holder.rw_lock("catalogue").lease(LEASE));
        assert_eq!(monitor.readers("catalogue").await.expect("it answers"), []);
        let first = catalogue.read().await.expect("it is free");
        let readers = monitor.readers("catalogue").await.expect("it answers");
        let [Reader { owner, expires_in }] = &readers[..] else { panic!("{readers:?}") };
        assert!(*expires_in <= LEASE, "{expires_in:?}");
        let other = catalogue.read().await.expect("it is shared");
        let writes = operator.rw_lock("catalogue").lease(LEASE);
        let waiting = tokio::spawn(async move { writes.write().await });
        while operator.monitor().active_locks().await.expect("it answers")[0].waiting == 0 {
            pass(LEASE / 60).await;
        }

        let mut events = lease_events(&operator);
        let taken = async |owner, why| monitor.force_release_reader("catalogue", owner, why).await;
        let nobody = Owner::draw();
        assert!(!taken(&nobody, "ops: nobody").await.expect("it answers"));
        for _ in 0..2 {
            assert!(taken(owner, "ops: it hangs").await.expect("it answers"), "it says the same");
            let event = events.next().now_or_never().flatten().expect("it was told");
            let why = Happened::ReaderForced { why: "ops: it hangs".into() };
            assert_eq!((&*event.name, &event.owner, event.what), ("catalogue", owner, why));
        }
        assert_eq!(first.lost().await.cause, LossCause::Forced);
        other.check().expect("it is shared yet");
        assert!(!waiting.is_finished());
        let readers = monitor.readers("catalogue").await.expect("it answers");
        let [last] = &readers[..] else { panic!("{readers:?}") };
        assert_ne!(last.owner, *owner);
        assert!(taken(&last.owner, "ops: it hangs too").await.expect("it answers"));
        let next = waiting.await.expect("nothing panics").expect("it is free");
        assert_eq!(other.lost().await.cause, LossCause::Forced);
        next.check().expect("it is the next one's");
        assert_eq!(monitor.statistics().forced, 3);
        drop((first, other));
        assert_eq!(holder.shutdown(LEASE * 10).await, 0);
        assert_eq!(holder.monitor().statistics().lost.forced, 2);
        adds_up(&holder.monitor().statistics());
        next.release().await;
    }

    /// Whoever does not stop when a lease is lost is told of, once; work that waits stops by itself.
    async fn who_goes_on_under_what_was_lost_is_told_of(world: World) {
        let process = world.process().await;
        let monitor = process.monitor();
        let stops = take(wanted(&process)).await;
        let work = Work::default();
        let (ran, ()) = tokio::join!(stops.run_if_held(work.run()), async {
            while work.running() == 0 {
                pass(LEASE / 100).await;
            }
            world.take_away(NAME).await;
        });
        assert!(matches!(ran, Ran::Lost(_)), "{ran:?}");
        drop(stops);
        pass(LEASE / 4).await;
        assert_eq!((monitor.statistics().lost.not_owner, monitor.statistics().still_used), (1, 0));

        let mut events = lease_events(&process);
        let goes_on = take(wanted(&process)).await;
        world.take_away(NAME).await;
        goes_on.lost().await;
        pass(LEASE / 4).await;
        assert_eq!((monitor.statistics().lost.not_owner, monitor.statistics().still_used), (2, 1));
        let mut fences = Vec::new();
        while let Some(Some(event)) = events.next().now_or_never() {
            if let Happened::StillUsed { fence } = event.what {
                fences.push(fence);
            }
        }
        assert_eq!(fences, [goes_on.fence()]);
        goes_on.release().await;
        assert_eq!(process.shutdown(LEASE).await, 0);
        adds_up(&monitor.statistics());
    }

    /// What a leader runs is looked after by its candidacy.
    async fn a_leadership_that_is_lost_is_not_told_of_so(world: World) {
        let process = world.process().await;
        let candidacy = candidate(&process, "web").start().expect("it stands");
        for _ in 0..2 {
            until(&candidacy, Role::Leader).await;
            world.depose().await;
            until(&candidacy, Role::Follower).await;
            pass(LEASE / 4).await;
        }
        let statistics = process.monitor().statistics();
        assert_eq!((statistics.lost.not_owner, statistics.still_used), (2, 0), "{statistics:?}");
        candidacy.stop().await;
    }

    /// Asked without having been told to: so often, and once when it begins to listen.
    async fn who_asked_so_often_gives_up(world: World) {
        let process = world.process().await;
        let _held = take(process.lease(NAME).ttl(LEASE * 20)).await;
        let lock = process.lock(NAME).retry_delay(Duration::from_millis(10));
        let Err(AcquireError::NotAcquired(why)) = lock.clone().max_retries(4).acquire().await else {
            panic!("it is held")
        };
        assert!((5..=6).contains(&why.attempts), "{why:?}");
        // Who says for how long waits for as long.
        let late = lock.max_retries(1).acquire_timeout(Duration::from_millis(100)).await;
        let Err(AcquireError::NotAcquired(why)) = late else { panic!("it is held") };
        assert!(why.attempts > 2, "{why:?}");
    }
}

/// What somebody else has written is told, and can be taken away; and nothing is left behind for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_is_stale_and_a_check_leaves_one_key() {
    let world = World::redis();
    let process = world.process().await;
    let World::Redis(server) = &world else { panic!("it is a server") };
    server.cli(&["HSET", "distributed-task:{damaged}:l", "o", "somebody", "t", "never"]);
    server.cli(&["SET", "distributed-task:{wrong}:l", "a text"]);
    let long = process.lock("x".repeat(600)).lease(LEASE * 20).acquire().await.expect("it is free");
    let monitor = process.monitor();
    let active = monitor.active_locks().await.expect("it answers");
    let names: Vec<_> = active.iter().map(|lock| &lock.name[..7]).collect();
    assert_eq!(names, ["damaged", "xxxxxxx"]);
    let stale = monitor.stale_locks(LEASE * 100).await.expect("it answers");
    let [damaged] = &stale[..] else { panic!("{stale:?}") };
    assert_eq!((&*damaged.lock.name, damaged.reason), ("damaged", StaleReason::NoEnd));
    let fence = damaged.lock.holder.as_ref().expect("somebody has it").fence;
    assert!(monitor.force_release("damaged", fence, "ops: of no use").await.expect("it answers"));
    let ends: i64 =
        server.cli(&["PTTL", "distributed-task:{damaged}:x"]).parse().expect("a number");
    assert!(ends > 0, "{ends}");
    long.release().await;
    let keys = || server.cli(&["DBSIZE"]).parse::<u32>().expect("a number");
    process.health().await;
    let before = keys();
    for _ in 0..10 {
        assert_ne!(process.health().await.status, HealthStatus::Unhealthy);
    }
    assert_eq!(keys(), before);
}

/// Each try that the store does not answer has failed, and is counted.
#[tokio::test(start_paused = true)]
async fn silence_is_counted() {
    struct Silent(MemoryLeases);

    impl LeaseStore for Silent {
        hands_on!(0: safety try_acquire release inspect);

        fn try_renew<'a>(
            &'a self,
            _: &'a str,
            _: &'a Owner,
            _: Duration,
        ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
            std::future::pending().boxed()
        }
    }

    let process = Coordination::on_this_runtime(Silent(MemoryLeases::new()));
    let held = take(wanted(&process)).await;
    assert_eq!(held.lost().await.cause, LossCause::Unreachable);
    drop(held);
    assert_eq!(process.shutdown(LEASE * 10).await, 0);
    let statistics = process.monitor().statistics();
    assert_eq!((statistics.renewed, statistics.not_renewed), (0, 3), "{statistics:?}");
    assert_eq!(statistics.lost.unreachable, 1);
}

/// Every event, in order, for a story that has all of it.
#[tokio::test(start_paused = true)]
async fn a_story_is_told_in_order() {
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let mut events = lease_events(&process);
    let held = take(wanted(&process)).await;
    assert!(wanted(&process).try_acquire().await.expect("it answers").is_none());
    pass(LEASE / 3).await;
    held.release().await;
    let mut told = Vec::new();
    while let Some(Some(LeaseEvent { name, what, .. })) = events.next().now_or_never() {
        assert_eq!(&*name, NAME);
        told.push(match what {
            Happened::Acquired { attempts, waited, .. } => {
                format!("acquired {attempts} {waited:?}")
            }
            Happened::NotAcquired { attempts, .. } => format!("not acquired {attempts}"),
            Happened::Renewed { took, .. } => format!("renewed {took:?}"),
            Happened::Released { held, .. } => format!("released {held:?}"),
            other => panic!("{other:?}"),
        });
    }
    let wanted = ["acquired 1 0ns", "not acquired 1", "renewed 0ns", "released 200ms"];
    assert_eq!(told, wanted);
}

/// A store that knows no more than it must.
struct Plain(MemoryLeases);

impl LeaseStore for Plain {
    hands_on!(0: safety try_acquire try_renew release inspect);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_tell_says_so() {
    let store = Plain(MemoryLeases::new());
    let owner = Owner::draw();
    store.try_acquire(NAME, &owner, LEASE).await.expect("it answers");
    assert_eq!(store.try_renew(NAME, &owner, LEASE).await.ok(), Some(Renewed::Renewed));
    let process = Coordination::on_this_runtime(store);
    let error = process.monitor().active_locks().await.expect_err("it cannot");
    assert!(!error.is_retryable() && error.to_string().contains("cannot tell"), "{error}");
}
