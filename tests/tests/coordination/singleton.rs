//! Jobs that one process at a time runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::{memory::MemoryLeases, quorum::QuorumLeases},
    coordination::{AcquireError, Coordination, LossCause, OnBusy, Singleton, SingletonRun},
};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::world::{LEASE, Work, on_both, pass};

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
