//! What a lease is, wherever it is kept.

use std::{thread, time::Duration};

use distributed_task::{
    coordination::{
        AcquireError, Coordination, InvalidLease, LeaseState, LossCause, Ran, ReleaseOutcome,
        RenewError,
    },
    lease::Owner,
};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::world::{LEASE, NAME, Work, holder, is_busy, on_both, pass, take, wanted};

on_both! {
    // The five tests of "Lease Pattern in .NET: A Lock With an Expiration Date That Saves Your Data".
    async fn only_one_owner_gets_the_lease(world: World) {
        let processes = join_all((0..10).map(|_| world.process())).await;
        let asking = processes.iter().flat_map(|process| {
            (0..10).map(|_| async { wanted(process).try_acquire().await.expect("it is answered") })
        });
        let answers = join_all(asking).await;
        assert_eq!(answers.iter().flatten().count(), 1);
    }

    async fn the_holder_can_renew(world: World) {
        let process = world.process().await;
        let held = take(wanted(&process).without_renewal()).await;
        pass(LEASE / 2).await;
        let before = held.remaining();
        held.renew().await.expect("it is held");
        assert!(held.remaining() > before, "{before:?}");
        pass(LEASE * 2 / 3).await;
        held.check().expect("the first lease would be over, the renewed one is not");
    }

    async fn renewing_fails_after_expiry(world: World) {
        let process = world.process().await;
        let held = take(wanted(&process).without_renewal()).await;
        pass(LEASE * 2).await;
        let error = held.renew().await.expect_err("it is over");
        assert!(matches!(error, RenewError::Lost(lost) if lost.cause == LossCause::Expired), "{error}");
        assert_eq!(holder(&process).await, None, "it is not brought back");
    }

    async fn only_who_holds_it_releases_it(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let first = take(wanted(&one).without_renewal()).await;
        pass(LEASE * 2).await;
        let second = take(wanted(&two)).await;
        assert_eq!(first.release().await, ReleaseOutcome::AlreadyExpired);
        second.check().expect("it is the second one's");
        let tenure = holder(&one).await.expect("somebody has it");
        assert_eq!(&tenure.owner, second.owner());
        assert_eq!(second.release().await, ReleaseOutcome::Released);
    }

    async fn a_pause_that_is_longer_than_the_lease_loses_it(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        // A process that is paused renews nothing.
        let paused = take(wanted(&one).without_renewal()).await;
        pass(LEASE * 2).await;
        let other = take(wanted(&two)).await;
        assert_eq!(paused.check().expect_err("it is over").cause, LossCause::Expired);
        assert!(paused.fence() < other.fence(), "a resource tells them apart");
    }

    async fn a_lease_is_kept_for_as_long_as_it_is_held(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = take(wanted(&one)).await;
        for _ in 0..5 {
            pass(LEASE * 2 / 3).await;
            held.check().expect("it is renewed");
            assert!(is_busy(wanted(&two)).await);
        }
        assert_eq!(held.release().await, ReleaseOutcome::Released);
        assert!(!is_busy(wanted(&two)).await);
    }

    async fn what_is_let_go_is_free_at_once(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        drop(take(wanted(&one)).await);
        assert_eq!(one.shutdown(LEASE).await, 0);
        assert!(!is_busy(wanted(&two)).await);
    }

    async fn what_is_detached_is_nobodys_until_it_runs_out(world: World) {
        let process = world.process().await;
        let held = take(wanted(&process)).await;
        let view = held.view();
        held.detach();
        assert_eq!(view.ended().await, LeaseState::Released);
        assert!(is_busy(wanted(&process)).await);
        pass(LEASE * 2).await;
        assert!(!is_busy(wanted(&process)).await);
    }

    async fn who_waits_gets_it_when_it_is_released(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = take(wanted(&one)).await;
        let second = wanted(&two);
        let waiting = tokio::spawn(async move { second.acquire().await });
        pass(LEASE * 2).await;
        assert!(!waiting.is_finished());
        held.release().await;
        let second = timeout(LEASE, waiting).await.expect("within its delay").expect("nothing panics");
        second.expect("it is free").check().expect("it is held");
    }

    async fn who_waits_gets_it_when_it_runs_out(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        take(wanted(&one)).await.detach();
        // It is not asked for more often than is needed.
        let patient = wanted(&two).retry_delay(Duration::from_secs(3600));
        let second = timeout(LEASE * 3, patient.acquire()).await.expect("it was told for how long");
        second.expect("it is free").check().expect("it is held");
    }

    async fn who_waits_long_enough_is_told_of_whom(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = take(wanted(&one)).await;
        let wait = LEASE / 2;
        let error = wanted(&two).acquire_timeout(wait).await.expect_err("it is not free");
        let AcquireError::NotAcquired(why) = error else { panic!("{error}") };
        assert_eq!(why.holder.as_ref(), Some(held.owner()));
        assert!(why.waited >= wait && why.attempts >= 2, "{why:?}");
    }

    async fn a_lease_that_is_taken_away_is_lost_with_the_next_renewal(world: World) {
        let process = world.process().await;
        let held = take(wanted(&process)).await;
        let work = Work::default();
        let (ran, ()) = tokio::join!(held.run_if_held(work.run()), async {
            assert_eq!(work.running(), 1);
            world.take_away(NAME).await;
        });
        let Ran::Lost(lost) = ran else { panic!("{ran:?}") };
        assert_eq!(lost.cause, LossCause::NotOwner);
        assert_eq!(work.running(), 0, "it was dropped");
        assert_eq!(held.check().expect_err("it is lost").cause, LossCause::NotOwner);
        assert_eq!(held.run_if_held(async {}).await, Ran::Skipped(held.lost().await));
        assert_eq!(held.release().await, ReleaseOutcome::NotOwner);
    }

    async fn who_looks_later_sees_the_same_loss(world: World) {
        let process = world.process().await;
        let held = take(wanted(&process)).await;
        let view = held.view();
        world.take_away(NAME).await;
        let lost = held.lost().await;
        let (LeaseState::Lost(seen), LeaseState::Lost(later)) = (view.ended().await, view.state()) else {
            panic!("{view:?}")
        };
        assert_eq!([seen.cause, later.cause], [lost.cause; 2]);
    }

    async fn who_holds_for_too_long_is_renewed_no_more(world: World) {
        let process = world.process().await;
        let hung = take(wanted(&process).max_hold(LEASE)).await;
        pass(LEASE * 2 / 3).await;
        hung.check().expect("it may be held for longer");
        let lost = timeout(LEASE * 2, hung.lost()).await.expect("it is renewed no more");
        assert_eq!(lost.cause, LossCause::Expired);
    }

    async fn who_says_nothing_of_its_progress_is_renewed_no_more(world: World) {
        let process = world.process().await;
        let works = take(process.lease(NAME).ttl(LEASE * 4).max_idle(LEASE)).await;
        // It is to be renewed while it is silent for too long, and goes on all the same.
        pass(LEASE * 5 / 2).await;
        for _ in 0..14 {
            works.progress();
            pass(LEASE / 3).await;
        }
        works.check().expect("it went on in time");
        let lost = timeout(LEASE * 6, works.lost()).await.expect("it is renewed no more");
        assert_eq!(lost.cause, LossCause::Expired);
    }

    async fn who_kept_the_owner_goes_on_with_the_tenure(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let owner = Owner::draw();
        let before = take(wanted(&one).owner(owner.clone())).await;
        let fence = before.fence();
        before.detach();
        let after = take(wanted(&two).owner(owner)).await;
        assert_eq!(after.fence(), fence);
    }

    async fn leases_that_are_none_are_refused(world: World) {
        let process = world.process().await;
        for lease in [Duration::ZERO, Duration::from_millis(99), Duration::from_secs(24 * 3600 + 1)] {
            let error = wanted(&process).ttl(lease).try_acquire().await.expect_err("it is none");
            let AcquireError::InvalidLease(InvalidLease { lease: told }) = error else { panic!("{error}") };
            assert_eq!(told, lease);
        }
        assert_eq!(holder(&process).await, None, "nothing was asked");
    }

    // Whoever drops a future that acquires owns nothing that nobody knows of.
    async fn who_does_not_wait_any_more_has_nothing(world: World) {
        let process = world.process().await;
        for polls in 1..20 {
            let mut asking = Box::pin(async { wanted(&process).acquire().await.map(drop) });
            for _ in 0..polls {
                if futures_util::poll!(&mut asking).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(asking);
            assert_eq!(process.shutdown(LEASE).await, 0);
            assert_eq!(holder(&process).await, None, "after {polls} polls");
        }
    }

    // It is given back from a thread without a runtime, in a panic, and when nobody is left.
    async fn a_guard_may_be_dropped_anywhere(world: World) {
        let (process, other) = (world.process().await, world.process().await);
        let held = || async { wanted(&process).acquire_timeout(LEASE).await.expect("it is free") };
        let free = || async { wanted(&other).acquire_timeout(LEASE / 2).await.expect("it is free").release().await };

        let guard = held().await;
        thread::spawn(move || drop(guard)).join().expect("it drops");
        free().await;

        let guard = held().await;
        let panicking = thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("a panic that nobody sees"));
        });
        panicking.join().expect_err("it panics");
        free().await;

        let guard = held().await;
        drop(process);
        guard.check().expect("it holds what keeps it");
        drop(guard);
        free().await;
    }
}

/// The thread that keeps leases does not wait for the runtime of the holder.
#[tokio::test]
async fn a_holder_that_blocks_its_runtime_loses_nothing() {
    let world = crate::world::World::redis();
    let (one, two) = (world.process().await, world.process().await);
    let held = take(wanted(&one)).await;
    thread::sleep(LEASE * 3);
    held.check().expect("it was renewed meanwhile");
    assert!(is_busy(wanted(&two)).await);

    // Where the connection is on the runtime that is blocked, it is lost: the control.
    let crate::world::World::Redis(server) = &world else { unreachable!() };
    let leases = distributed_task::backend::redis::RedisLeases::builder(server.url());
    let on_the_same = Coordination::new(leases.open().await.expect("the server is there"));
    let held = take(on_the_same.lease("another").ttl(LEASE)).await;
    thread::sleep(LEASE * 3);
    held.check().expect_err("nothing renewed it");
}
