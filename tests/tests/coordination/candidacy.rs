//! Processes that stand in an election for as long as they run.

use std::{collections::BTreeMap, pin::pin, sync::Arc, thread, time::Duration};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        Coordination, Election, ElectionEvent, ElectionHealth, ElectionSnapshot, HealthStatus,
        LeadershipEnd, LossCause, NotLeading, ReleaseOutcome, Role, StartError, Stopped,
    },
};
use futures_util::{StreamExt, future::join_all};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use crate::{
    stands::{RETRY, candidate, event, lead, leader, until},
    world::{LEASE, Work, on_both, pass},
};

async fn is_free(election: &Election) -> bool {
    election.try_campaign().await.expect("the store answers").is_some()
}

on_both! {
    /// LE-26 and LE-40.
    async fn a_process_stands_once_and_again_after_it_has_stopped(world: World) {
        let process = world.process().await;
        let election = candidate(&process, "web");
        let first = election.start().expect("it stands");
        assert!(matches!(candidate(&process, "other").start(), Err(StartError::Stands(_))));
        let hasty = candidate(&process, "web").retry_interval(Duration::ZERO).start();
        assert!(matches!(hasty, Err(StartError::Invalid(_))));
        until(&first, Role::Leader).await;
        assert_eq!(first.stop().await, Stopped::Released(ReleaseOutcome::Released));
        assert_eq!(first.stop().await, Stopped::Released(ReleaseOutcome::Released), "it stays so");
        assert!(!first.is_leader() && first.events().next().await.is_none());

        let second = election.start().expect("it stands again");
        until(&second, Role::Leader).await;
        let fence = second.snapshot().leadership.expect("it leads").fence;
        assert_eq!(Some(fence), election.leader_info().await.expect("it is answered").map(|it| it.fence));
        assert_eq!(second.stop().await, Stopped::Released(ReleaseOutcome::Released));
    }

    /// LE-27: work ends, then the leadership here, then in the store.
    async fn who_stops_waits_for_what_runs(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let candidacy = candidate(&one, "web-1").start().expect("it stands");
        let theirs = candidate(&two, "web-2");
        until(&candidacy, Role::Leader).await;
        let (end, ended) = oneshot::channel::<()>();
        let work = async {
            let _work = Work::default();
            ended.await.expect("somebody ends it");
            "done"
        };
        let watch = async {
            until(&candidacy, Role::Releasing).await;
            assert!(!candidacy.is_leader(), "it begins nothing new");
            assert_eq!(candidacy.run_if_leader(async {}).await, Err(NotLeading::Stands));
            pass(LEASE * 2).await;
            assert!(!is_free(&theirs).await, "it is renewed while work runs");
            end.send(()).expect("it waits for that");
        };
        let (ran, stopped, ()) = tokio::join!(candidacy.run_if_leader(work), candidacy.stop(), watch);
        assert_eq!(ran, Ok("done"));
        assert_eq!(stopped, Stopped::Released(ReleaseOutcome::Released));
        assert!(is_free(&theirs).await);
    }

    /// LE-27: nobody leads before what runs has had to end.
    async fn what_does_not_end_in_time_is_dropped_and_the_lease_runs_out(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let candidacy = candidate(&one, "web-1").stop_timeout(LEASE / 4).start().expect("it stands");
        let theirs = candidate(&two, "web-2");
        until(&candidacy, Role::Leader).await;
        let work = Work::default();
        let (ran, stopped) = tokio::join!(candidacy.run_if_leader(work.run()), candidacy.stop());
        let Err(NotLeading::Lost(lost)) = ran else { panic!("{ran:?}") };
        assert_eq!(lost.cause, LeadershipEnd::Resigned);
        assert_eq!((stopped, work.running()), (Stopped::StillRunning(1), 0));
        assert!(!is_free(&theirs).await);
        pass(LEASE * 2).await;
        assert!(is_free(&theirs).await);
    }

    /// LE-27: so does who does not wait, and who is dropped.
    async fn who_does_not_wait_does_not_give_the_lease_back(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (candidate(&one, "web-1"), candidate(&two, "web-2"));
        let candidacy = ours.start().expect("it stands");
        until(&candidacy, Role::Leader).await;
        assert_eq!(candidacy.stop_now().await, Stopped::StillRunning(0));
        assert!(!candidacy.is_leader() && !is_free(&theirs).await);
        pass(LEASE * 2).await;

        let candidacy = ours.start().expect("it stands again");
        until(&candidacy, Role::Leader).await;
        drop(candidacy);
        assert_eq!(one.shutdown(LEASE).await, 0);
        assert!(!is_free(&theirs).await);
        pass(LEASE * 2).await;
        assert!(is_free(&theirs).await);
    }

    /// LE-60: it does not matter whether anybody waits for the end.
    async fn who_waits_no_longer_for_the_end_has_stopped_all_the_same(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let candidacy = candidate(&one, "web-1").start().expect("it stands");
        let theirs = candidate(&two, "web-2");
        until(&candidacy, Role::Leader).await;
        // As in a `select!` with a token that is cancelled already.
        assert!(futures_util::poll!(Box::pin(candidacy.stop())).is_pending());
        let followed = timeout(LEASE, theirs.campaign()).await.expect("it was given back");
        followed.expect("it is answered").check().expect("it leads");
    }

    /// LE-20 and LE-21: what an event says can be read by then.
    async fn events_come_after_what_they_tell_of(world: World) {
        let process = world.process().await;
        let candidacy = candidate(&process, "web").start().expect("it stands");
        let mut events = candidacy.events();
        let became = event(&mut events, |it| matches!(it, ElectionEvent::BecameLeader { .. })).await;
        let leadership = candidacy.snapshot().leadership.expect("it leads by now");
        assert_eq!(became, ElectionEvent::BecameLeader { fence: leadership.fence });
        let me = Some(candidacy.candidate().into());
        let fence = Some(leadership.fence);
        assert_eq!(
            events.next().await,
            Some(ElectionEvent::LeaderChanged { previous: None, new: me, fence })
        );
        world.depose().await;
        let lost = event(&mut events, |it| matches!(it, ElectionEvent::LostLeadership { .. })).await;
        let cause = LeadershipEnd::Lost(LossCause::NotOwner);
        assert_eq!(lost, ElectionEvent::LostLeadership { fence: leadership.fence, cause });
        assert_ne!(candidacy.snapshot().leadership, Some(leadership));
        // It asks again by itself.
        let again = event(&mut events, |it| matches!(it, ElectionEvent::BecameLeader { .. })).await;
        assert!(matches!(again, ElectionEvent::BecameLeader { fence } if fence > leadership.fence));
    }

    /// LE-22: without standing.
    async fn who_does_not_stand_sees_one_leader_after_the_other(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (three, wire) = world.process_on_a_wire().await;
        let (ours, theirs) = (candidate(&one, "web-1"), candidate(&two, "web-2"));
        let hasty = candidate(&three, "nobody").retry_interval(Duration::ZERO);
        assert!(hasty.follow().is_err(), "as for who stands");
        let mut leaders = pin!(candidate(&three, "nobody").follow().expect("it may look"));
        let mut next = async || {
            let next = timeout(Duration::from_secs(10), leaders.next()).await;
            let next = next.expect("somebody else leads").expect("it never ends");
            next.map(|leader| leader.map(|leader| (leader.id, leader.fence)))
        };
        assert!(matches!(next().await, Ok(None)));
        let first = lead(&ours).await;
        let wanted = (Arc::from(ours.candidate()), first.fence());
        assert_eq!(next().await.expect("it is answered"), Some(wanted));
        wire.cut();
        next().await.expect_err("it is away");
        wire.mend();
        first.resign().await;
        let second = lead(&theirs).await;
        let wanted = (Arc::from(theirs.candidate()), second.fence());
        // It may be away yet, or have seen that nobody leads.
        for _ in 0..100 {
            if let Ok(Some(seen)) = next().await {
                return assert_eq!(seen, wanted);
            }
        }
        panic!("it sees nobody");
    }

    /// LE-22: without ever leading.
    async fn who_follows_sees_one_leader_after_the_other(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (three, wire) = world.process_on_a_wire().await;
        let (ours, theirs) = (candidate(&one, "web-1"), candidate(&two, "web-2"));
        wire.grant_nothing();
        let first = lead(&ours).await;
        let follower = candidate(&three, "web-3").start().expect("it stands");
        let mut events = follower.events();
        let changed = |it: &ElectionEvent| matches!(it, ElectionEvent::LeaderChanged { new: Some(_), .. });
        let (a, b): (Arc<str>, Arc<str>) = (ours.candidate().into(), theirs.candidate().into());
        let new = Some(Arc::clone(&a));
        assert_eq!(
            event(&mut events, changed).await,
            ElectionEvent::LeaderChanged { previous: None, new, fence: Some(first.fence()) }
        );
        assert_eq!(follower.snapshot().role, Role::Follower);
        first.resign().await;
        let second = lead(&theirs).await;
        let seen = event(&mut events, changed).await;
        let ElectionEvent::LeaderChanged { previous, new, fence } = seen else { unreachable!() };
        assert!(previous.is_none_or(|previous| previous == a), "or that nobody led");
        assert_eq!((new, fence), (Some(b), Some(second.fence())));
        assert!(!follower.is_leader());
    }

    /// LE-03, LE-25, LE-29 and LE-64: a store that is away, and comes back.
    async fn a_store_that_is_away_is_told_of_and_asked_seldom(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let other = world.process().await;
        let leadership = lead(&candidate(&other, "other")).await;
        let candidacy = candidate(&process, "web").start().expect("it stands");
        let mut events = candidacy.events();
        event(&mut events, |it| matches!(it, ElectionEvent::LeaderChanged { .. })).await;
        assert_eq!(candidacy.health().status, HealthStatus::Healthy);

        wire.cut();
        event(&mut events, |it| matches!(it, ElectionEvent::AcquisitionFailed { .. })).await;
        let health = candidacy.health();
        assert_eq!(health.status, HealthStatus::Unhealthy);
        assert!(health.reason.expect("it is told").contains("the wire is cut"));
        let (before, asked) = (candidacy.current_leader().expect("it was seen"), wire.acquisitions());
        pass(RETRY * 40).await;
        let after = candidacy.current_leader().expect("it is not forgotten");
        assert!(after.age >= before.age + RETRY * 40 && after.leader == before.leader, "{after:?}");
        let asked = wire.acquisitions() - asked;
        assert!((4..=16).contains(&asked), "{asked} times");

        wire.mend();
        leadership.resign().await;
        until(&candidacy, Role::Leader).await;
        assert_eq!(candidacy.health().status, HealthStatus::Healthy);
    }

    /// LE-64.
    async fn health_is_that_somebody_leads(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        wire.grant_nothing();
        let candidacy = candidate(&process, "web").start().expect("it stands");
        assert_eq!(candidacy.health().status, HealthStatus::Degraded, "nothing was seen yet");
        until(&candidacy, Role::Candidate).await;
        assert_eq!(candidacy.health().status, HealthStatus::Degraded);

        let other = world.process().await;
        let (theirs, mut events) = (candidate(&other, "other"), candidacy.events());
        let leadership = lead(&theirs).await;
        event(&mut events, |it| matches!(it, ElectionEvent::LeaderChanged { .. })).await;
        let ElectionHealth { status, is_leader, current_leader_id, candidate_id, reason, .. } =
            candidacy.health();
        assert_eq!((status, is_leader, reason), (HealthStatus::Healthy, false, None));
        assert_eq!(current_leader_id.as_deref(), Some(theirs.candidate()));
        assert_eq!(&*candidate_id, candidacy.candidate());

        leadership.resign().await;
        event(&mut events, |it| matches!(it, ElectionEvent::LeaderChanged { new: None, .. })).await;
        assert_eq!(candidacy.health().status, HealthStatus::Degraded);
        candidacy.stop().await;
        assert_eq!(candidacy.health().status, HealthStatus::Degraded);
    }

    /// LE-32: where a lease is given back, nobody waits for the next look.
    async fn who_follows_is_told_that_the_leader_has_stopped(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let seldom = |process: &Coordination| {
            candidate(process, "web").retry_interval(Duration::from_secs(3600)).start().expect("it stands")
        };
        let mut fastest = Duration::MAX;
        for _ in 0..10 {
            let first = seldom(&one);
            until(&first, Role::Leader).await;
            let second = seldom(&two);
            until(&second, Role::Follower).await;
            pass(LEASE / 4).await;
            first.stop().await;
            let stopped = Instant::now();
            timeout(LEASE * 2 / 3, until(&second, Role::Leader)).await.expect("it is told");
            fastest = fastest.min(stopped.elapsed());
            second.stop().await;
            // A machine that is busy is late at times, and not always.
            if fastest < Duration::from_millis(50) {
                return;
            }
        }
        panic!("it is told late: {fastest:?}");
    }

    /// LE-32: and where it is not, the lease has to run out.
    async fn who_follows_leads_when_the_lease_of_a_crashed_leader_is_over(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let second = candidate(&two, "web-2");
        let takeover = second.terms().expect("they can be followed").margins().takeover;
        let first = candidate(&one, "web-1").start().expect("it stands");
        until(&first, Role::Leader).await;
        let second = second.start().expect("it stands");
        // As much of a crash as others see of it.
        first.stop_now().await;
        assert!(!second.is_leader());
        timeout(takeover + Duration::from_millis(300), until(&second, Role::Leader)).await.expect("in time");
    }

    /// LE-67.
    async fn a_candidate_leads_releases_and_follows(world: World) {
        let process = world.process().await;
        let candidacy = candidate(&process, "web").start().expect("it stands");
        let mut states = candidacy.watch();
        let mut roles = Vec::new();
        let watching = async {
            while let Some(state) = states.next().await {
                roles.push(state.role);
            }
        };
        let stopping = async {
            until(&candidacy, Role::Leader).await;
            let work = candidacy.run_if_leader(pass(LEASE / 4));
            let (_, stopped) = tokio::join!(work, candidacy.stop());
            stopped
        };
        let ((), stopped) = tokio::join!(watching, stopping);
        assert_eq!(stopped, Stopped::Released(ReleaseOutcome::Released));
        roles.dedup();
        assert!(roles.ends_with(&[Role::Leader, Role::Releasing, Role::Follower]), "{roles:?}");
        let before = &roles[..roles.len() - 3];
        assert!(before.iter().all(|role| matches!(role, Role::Follower | Role::Candidate)), "{roles:?}");
    }

    /// LE-42.
    async fn what_one_process_leads_another_takes_over(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        // Many of them are renewed at a time, on a machine that has more to do.
        let lease = LEASE * 5;
        let stand = |process: &Coordination, number: usize| {
            let election = process.election(format!("election-{number}"));
            election.lease_duration(lease).retry_interval(RETRY).start().expect("it stands")
        };
        let first: Vec<_> = (0..50).map(|number| stand(&one, number)).collect();
        join_all(first.iter().map(|it| until(it, Role::Leader))).await;
        let second: Vec<_> = (0..50).map(|number| stand(&two, number)).collect();
        pass(lease).await;
        assert!(first.iter().all(|it| it.is_leader()) && !second.iter().any(|it| it.is_leader()));
        drop(first);
        join_all(second.iter().map(|it| until(it, Role::Leader))).await;
    }

    /// LE-28.
    async fn what_is_told_can_be_written_and_read(world: World) {
        let process = world.process().await;
        let candidacy = candidate(&process, "web").start().expect("it stands");
        let mut events = candidacy.events();
        until(&candidacy, Role::Leader).await;
        let (snapshot, health) = (candidacy.snapshot(), candidacy.health());
        candidacy.stop().await;
        let mut told = 0;
        while let Some(event) = events.next().await {
            let text = serde_json::to_string(&event).expect("it can be written");
            assert_eq!(serde_json::from_str::<ElectionEvent>(&text).expect("it can be read"), event);
            told += 1;
        }
        assert_eq!(told, 4, "it led, and it led no more");
        let text = serde_json::to_string(&(&snapshot, &health)).expect("they can be written");
        let read: (ElectionSnapshot, ElectionHealth) = serde_json::from_str(&text).expect("they can be read");
        assert_eq!(read, (snapshot, health));
        assert_eq!(leader(&candidate(&process, "web")).await, None);
    }
}

/// LE-24: nothing has run since, and it is known all the same.
#[tokio::test]
async fn whether_it_leads_is_read_from_the_clock() {
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let election = process.election("any").lease_duration(LEASE / 2);
    let candidacy = election.start().expect("it stands");
    until(&candidacy, Role::Leader).await;
    assert!(candidacy.is_leader());
    thread::sleep(LEASE);
    let (is_leader, snapshot, health) =
        (candidacy.is_leader(), candidacy.snapshot(), candidacy.health());
    assert!(!is_leader && snapshot.leadership.is_none());
    assert_eq!((snapshot.role, health.status), (Role::Follower, HealthStatus::Unhealthy));
}

/// LE-29: the fence of one tenure is never seen with the time of another.
#[tokio::test]
async fn a_snapshot_is_of_one_moment() {
    let process = Coordination::new(MemoryLeases::new());
    let election = process.election("any").retry_interval(Duration::from_millis(1));
    let candidacy = Arc::new(election.start().expect("it stands"));
    let reader = Arc::clone(&candidacy);
    let reading = tokio::task::spawn_blocking(move || {
        let mut tenures = BTreeMap::new();
        for read in 0..100_000_000 {
            if read >= 100_000 && tenures.len() > 2 {
                break;
            }
            let snapshot = reader.snapshot();
            let Some(leadership) = snapshot.leadership else { continue };
            let seen = snapshot.observed.and_then(|it| it.leader).expect("it knows that it leads");
            assert_eq!((seen.fence, seen.acquired_at), (leadership.fence, leadership.acquired_at));
            let since = *tenures.entry(leadership.fence).or_insert(leadership.acquired_at);
            assert_eq!(since, leadership.acquired_at);
        }
        tenures.len()
    });
    while !reading.is_finished() {
        candidacy.step_down();
        sleep(Duration::from_millis(1)).await;
    }
    assert!(reading.await.expect("it holds") > 2, "it led more than once");
}
