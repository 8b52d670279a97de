//! Jobs that one process at a time runs.

use std::{
    future::pending,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::{memory::MemoryLeases, quorum::QuorumLeases},
    coordination::{
        AcquireError, Coordination, LeaseGuard, LossCause, OnBusy, Singleton, SingletonRun,
    },
    lease::{LeaseError, LeaseStore, Owner, RunEnd, RunStore, Turn},
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use tokio::time::timeout;

use crate::world::{LEASE, Work, hands_on, on_both, pass};

const KEY: &str = "singleton:data-backup";

fn backup(process: &Coordination) -> Singleton {
    process.singleton("data-backup").lease(LEASE)
}

on_both! {
    async fn of_five_processes_one_runs_it(world: World) {
        let processes = join_all((0..5).map(|_| world.process())).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let running = processes.iter().map(|process| {
            let runs = Arc::clone(&runs);
            let job = backup(process);
            async move {
                job.run(async |held| {
                    runs.fetch_add(1, Ordering::AcqRel);
                    pass(LEASE * 2).await;
                    held.fence()
                })
                .await
                .expect("the store answers")
            }
        });
        let ran = join_all(running).await;
        let done = ran.iter().filter(|ran| matches!(ran, SingletonRun::Done(_))).count();
        let skipped = ran.iter().filter(|ran| matches!(ran, SingletonRun::Skipped(_))).count();
        assert_eq!((runs.load(Ordering::Acquire), done, skipped), (1, 1, 4));
    }

    async fn who_comes_while_it_runs_skips_waits_or_fails(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let work = Arc::new(Work::default());
        let (job, working) = (backup(&one), Arc::clone(&work));
        let running = tokio::spawn(async move {
            job.run(async |_| timeout(LEASE * 2, working.run()).await.is_err()).await
        });
        while work.running() == 0 {
            pass(LEASE / 100).await;
        }
        let late = |on_busy| backup(&two).on_busy(on_busy);
        let skipped = late(OnBusy::Skip).run(async |_| ()).await.expect("it is answered");
        assert!(matches!(skipped, SingletonRun::Skipped(_)), "{skipped:?}");
        let failed = late(OnBusy::Fail).run(async |_| ()).await;
        assert!(matches!(failed, Err(AcquireError::NotAcquired(_))), "{failed:?}");
        let skipped = late(OnBusy::Wait(LEASE / 4)).run(async |_| ()).await.expect("it is answered");
        assert!(matches!(skipped, SingletonRun::Skipped(_)), "{skipped:?}");
        let waited = late(OnBusy::Wait(LEASE * 20)).run(async |_| work.running()).await;
        assert_eq!(waited.expect("it is answered"), SingletonRun::Done(0), "after the first one");
        let first = running.await.expect("nothing panics").expect("it is answered");
        assert_eq!(first, SingletonRun::Done(true));
    }

    // Two clocks that differ by half a second do not make two runs.
    async fn a_run_that_was_short_is_not_repeated_at_once(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let hold = LEASE * 2;
        let job = |process| backup(process).hold_at_least(hold);
        assert_eq!(job(&one).run(async |_| 1).await.expect("it is answered"), SingletonRun::Done(1));
        pass(hold / 2).await;
        let early = job(&two).run(async |_| 2).await.expect("it is answered");
        assert!(matches!(early, SingletonRun::Skipped(_)), "{early:?}");
        pass(hold).await;
        assert_eq!(job(&two).run(async |_| 3).await.expect("it is answered"), SingletonRun::Done(3));
    }

    async fn a_run_that_takes_too_long_is_dropped(world: World) {
        let process = world.process().await;
        let work = Work::default();
        let ran = backup(&process).max_run(LEASE).run(async |_| work.run().await).await;
        assert_eq!(ran.expect("it is answered"), SingletonRun::TimedOut);
        assert_eq!(work.running(), 0);
        assert_eq!(process.shutdown(LEASE).await, 0);
        let again = backup(&process).run(async |_| ()).await.expect("it is answered");
        assert_eq!(again, SingletonRun::Done(()), "it is free");
    }

    async fn a_run_that_loses_its_lease_is_dropped_and_comes_to_nothing(world: World) {
        let process = world.process().await;
        let (work, begun) = (Work::default(), AtomicUsize::new(0));
        let job = backup(&process);
        let running = job.run(async |_| {
            begun.fetch_add(1, Ordering::AcqRel);
            work.run().await;
        });
        let (ran, ()) = tokio::join!(running, async {
            while work.running() == 0 {
                pass(Duration::from_millis(5)).await;
            }
            world.take_away(KEY).await;
        });
        let SingletonRun::Lost(lost) = ran.expect("it is answered") else { panic!("it was lost") };
        assert_eq!((lost.cause, work.running()), (LossCause::NotOwner, 0));
    }

    async fn a_run_is_told_how_many_before_it_were_cut_off(world: World) {
        let process = world.process().await;
        let (job, attempts) = (backup(&process), Arc::new(Mutex::new(Vec::new())));
        let told = attempts.clone();
        let begins = |held: &LeaseGuard| told.lock().expect("nobody panics").push(held.attempt());
        let back = async || assert_eq!(process.shutdown(LEASE).await, 0);

        let short = job.clone().max_run(LEASE / 10);
        let ran = short.run(async |held| {
            begins(held);
            pending::<()>().await;
        });
        assert_eq!(ran.await.expect("it is answered"), SingletonRun::TimedOut);
        back().await;
        let ran = job.run(async |held| {
            begins(held);
            world.take_away(KEY).await;
            pending::<()>().await;
        });
        let lost = ran.await.expect("it is answered");
        assert!(matches!(lost, SingletonRun::Lost(_)), "{lost:?}");
        back().await;
        let dropped = job.run(async |held| {
            begins(held);
            pending::<()>().await;
        });
        assert!(timeout(LEASE / 10, dropped).await.is_err());
        back().await;
        let panics = AssertUnwindSafe(job.run(async |held| {
            begins(held);
            panic!("it is cut off");
        }));
        assert!(panics.catch_unwind().await.is_err());
        back().await;
        // An error that it answers is an end.
        for wanted in [5, 1] {
            let ran = job.run(async |held| {
                begins(held);
                Err::<(), _>(held.attempt())
            });
            assert_eq!(ran.await.expect("it is answered"), SingletonRun::Done(Err(Some(wanted))));
            back().await;
        }
        let told = attempts.lock().expect("nobody panics").clone();
        assert_eq!(told, [1, 2, 3, 4, 5, 1].map(Some));
        let plain = process.lease(KEY).ttl(LEASE).try_acquire().await.expect("it is answered");
        assert_eq!(plain.expect("it is free").attempt(), None);
    }

    // Its process may die while it keeps the others out.
    async fn a_run_that_keeps_others_out_has_ended_all_the_same(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let job = backup(&one).hold_at_least(LEASE * 20);
        assert_eq!(job.run(async |_| 1).await.expect("it is answered"), SingletonRun::Done(1));
        world.take_away(KEY).await;
        let ran = backup(&two).run(async |held| held.attempt()).await.expect("it is answered");
        assert_eq!(ran, SingletonRun::Done(Some(1)));
    }
}

/// A store of runs that does not answer so many times.
struct Silent {
    leases: MemoryLeases,
    /// When it was told of a beginning, which it notes.
    to_begins: AtomicUsize,
    /// When it was told of an end, which it does not hear.
    to_ends: AtomicUsize,
}

impl Silent {
    fn new(leases: &MemoryLeases, to_begins: usize, to_ends: usize) -> Self {
        let (to_begins, to_ends) = (AtomicUsize::new(to_begins), AtomicUsize::new(to_ends));
        Self { leases: leases.clone(), to_begins, to_ends }
    }
}

fn is_one_of(times: &AtomicUsize) -> bool {
    let less = |times: usize| times.checked_sub(1);
    times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

impl LeaseStore for Silent {
    hands_on!(leases: safety try_acquire try_renew release inspect);

    fn runs(&self) -> Option<&dyn RunStore> {
        Some(self)
    }
}

impl RunStore for Silent {
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        Box::pin(async move {
            let begun = self.leases.begin_run(name, owner, lease, stay).await?;
            assert!(matches!(begun, Turn::Granted(_)));
            match is_one_of(&self.to_begins) {
                true => Err(LeaseError::Unanswered("it is not heard".into())),
                false => Ok(begun),
            }
        })
    }

    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        match is_one_of(&self.to_ends) {
            true => Box::pin(pending()),
            false => self.leases.end_run(name, owner, how),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_off_is_remembered_for_a_quarter_of_a_year() {
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let (job, day) = (backup(&process), Duration::from_secs(24 * 3600));
    for (after, wanted) in [(0, 1), (89, 2), (91, 1), (1, 2)] {
        pass(day * after).await;
        let told = Mutex::new(None);
        let run = job.run(async |held| {
            *told.lock().expect("nobody panics") = held.attempt();
            pending::<()>().await;
        });
        assert!(timeout(LEASE, run).await.is_err());
        assert_eq!(*told.lock().expect("nobody panics"), Some(wanted), "{after} days later");
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_came_to_run_is_not_counted() {
    let store = MemoryLeases::new();
    let deaf = Coordination::on_this_runtime(Silent::new(&store, usize::MAX, 0));
    for _ in 0..3 {
        let ran = backup(&deaf).run(async |_| ()).await;
        assert!(matches!(ran, Err(AcquireError::Store(_))), "{ran:?}");
        assert_eq!(deaf.shutdown(LEASE).await, 0);
    }
    let process = Coordination::on_this_runtime(store);
    let ran = backup(&process).run(async |held| held.attempt()).await.expect("it is answered");
    assert_eq!(ran, SingletonRun::Done(Some(1)));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_told_also_when_its_caller_goes() {
    let leases = MemoryLeases::new();
    let process = Coordination::on_this_runtime(Silent::new(&leases, 0, 1));
    let cut_off = backup(&process);
    let cut_off = cut_off.run(async |_| pending::<()>().await);
    assert!(timeout(LEASE / 10, cut_off).await.is_err());
    assert_eq!(process.shutdown(LEASE).await, 0);
    let has_ended = AtomicUsize::new(0);
    let ends = backup(&process);
    let ends = ends.run(async |held| {
        assert_eq!(held.attempt(), Some(2));
        has_ended.fetch_add(1, Ordering::Relaxed);
    });
    assert!(timeout(LEASE / 10, ends).await.is_err(), "the store does not say");
    assert_eq!(has_ended.into_inner(), 1);
    assert_eq!(process.shutdown(LEASE).await, 0);
    let process = Coordination::on_this_runtime(leases);
    let ran = backup(&process).run(async |held| held.attempt()).await.expect("it is answered");
    assert_eq!(ran, SingletonRun::Done(Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_hear_of_an_end_is_waited_for_no_longer_than_a_lease() {
    let silent = Silent::new(&MemoryLeases::new(), 0, usize::MAX);
    let process = Coordination::on_this_runtime(silent);
    let job = backup(&process);
    let ran = timeout(LEASE * 2, job.run(async |_| 1)).await.expect("it is not waited for longer");
    assert_eq!(ran.expect("it is answered"), SingletonRun::Done(1));
}

/// Also for longer than any lease there is.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_short_is_not_repeated_for_many_leases() {
    let nodes = [(); 3].map(|()| MemoryLeases::new());
    let process = async || {
        let nodes =
            nodes.iter().cloned().fold(QuorumLeases::builder(), |with, node| with.node(node));
        let store = nodes.max_lease(LEASE).open().await.expect("they can vote");
        Coordination::on_this_runtime(store)
    };
    let (one, two) = (process().await, process().await);
    let hold = LEASE * 10;
    let job = |process| backup(process).hold_at_least(hold);
    assert_eq!(job(&one).run(async |_| 1).await.expect("it is answered"), SingletonRun::Done(1));
    for _ in 0..4 {
        pass(LEASE * 2).await;
        let early = job(&two).run(async |_| 2).await.expect("it is answered");
        assert!(matches!(early, SingletonRun::Skipped(_)), "{early:?}");
    }
    pass(LEASE * 3).await;
    assert_eq!(job(&two).run(async |_| 3).await.expect("it is answered"), SingletonRun::Done(3));
}
