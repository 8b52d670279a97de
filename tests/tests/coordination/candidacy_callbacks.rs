//! What a process is told that stands in an election.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    coordination::{
        Candidacy, CoordinationEvent, Election, ElectionEvent, LeadershipContext, LeadershipEnd,
        LossCause, ReleaseOutcome, Role, Stopped,
    },
    kernel::Fence,
};
use futures_util::StreamExt as _;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    chance::Chance,
    stands::{RETRY, candidate, event, until},
    world::{LEASE, World, on_both, pass},
};

type NoError = std::convert::Infallible;

/// What was told, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Told>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Acquired(Fence),
    Lost(Fence, LeadershipEnd),
}

impl Log {
    fn note(&self, told: Told) {
        self.0.lock().expect("nobody panics").push(told);
    }

    fn told(&self) -> Vec<Told> {
        self.0.lock().expect("nobody panics").clone()
    }

    /// Returns when so much was told.
    async fn until(&self, told: usize) {
        let waiting = async {
            while self.told().len() < told {
                pass(RETRY / 10).await;
            }
        };
        timeout(Duration::from_secs(10), waiting).await.expect("it is told");
    }

    /// Notes all that it is told.
    fn of(&self, election: Election) -> Election {
        let (acquired, lost) = (self.clone(), self.clone());
        election
            .on_acquired(move |leader| {
                acquired.note(Told::Acquired(leader.fence()));
                async { Ok::<_, NoError>(()) }
            })
            .on_lost(move |leader, why| {
                assert!(leader.check().is_err(), "it leads no more when it is told");
                lost.note(Told::Lost(leader.fence(), why.cause));
                async {}
            })
    }

    /// Each tenure has a beginning and an end, once each, and in order.
    fn check_pairs(&self) -> usize {
        let told = self.told();
        let mut last = Fence::NONE;
        for pair in told.chunks(2) {
            let [Told::Acquired(fence), Told::Lost(ended, _)] = pair else { panic!("{told:?}") };
            assert!(last < *fence && fence == ended, "{told:?}");
            last = *fence;
        }
        told.len() / 2
    }
}

async fn leading(election: Election) -> Candidacy {
    let candidacy = election.start().expect("it stands");
    until(&candidacy, Role::Leader).await;
    candidacy
}

/// Takes the leadership away, and waits until it leads again.
async fn deposed(world: &World, candidacy: &Candidacy) {
    let before = candidacy.snapshot().leadership.expect("it leads").fence;
    let mut events = candidacy.events();
    world.depose().await;
    let again =
        |it: &ElectionEvent| matches!(it, ElectionEvent::BecameLeader { fence } if *fence > before);
    event(&mut events, again).await;
}

on_both! {
    /// LE-06: the lease is renewed for as long as it takes.
    async fn a_slow_callback_costs_nobody_the_leadership(world: World) {
        let process = world.process().await;
        let ended = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ended);
        let slow = candidate(&process, "web").on_acquired(move |_| {
            let ended = Arc::clone(&counted);
            async move {
                pass(LEASE * 5).await;
                ended.fetch_add(1, Ordering::AcqRel);
                Ok::<_, NoError>(())
            }
        });
        let candidacy = leading(slow).await;
        let fence = candidacy.snapshot().leadership.expect("it leads").fence;
        pass(LEASE * 4).await;
        assert_eq!(candidacy.snapshot().leadership.expect("it leads still").fence, fence);
        // Who stops waits for it.
        assert_eq!(candidacy.stop().await, Stopped::Released(ReleaseOutcome::Released));
        assert_eq!(ended.load(Ordering::Acquire), 1);
    }

    /// LE-06 and LE-08: it is told to end, and ends.
    async fn what_runs_for_a_leader_is_told_to_end(world: World) {
        let process = world.process().await;
        let log = Log::default();
        let (acquired, lost) = (log.clone(), log.clone());
        let worker = candidate(&process, "web")
            .extension("shared")
            .on_acquired(move |leader: LeadershipContext| {
                let log = acquired.clone();
                async move {
                    assert_eq!(leader.extension::<&str>().as_deref(), Some(&"shared"));
                    log.note(Told::Acquired(leader.fence()));
                    leader.cancelled().await;
                    Ok::<_, NoError>(())
                }
            })
            .on_lost(move |leader, why| {
                assert_eq!(leader.extension::<&str>().as_deref(), Some(&"shared"));
                lost.note(Told::Lost(leader.fence(), why.cause));
                async {}
            });
        let candidacy = leading(worker).await;
        log.until(1).await;
        deposed(&world, &candidacy).await;
        log.until(3).await;
        assert_eq!(candidacy.stop().await, Stopped::Released(ReleaseOutcome::Released));
        assert_eq!(log.check_pairs(), 2);
        let [Told::Lost(_, first), Told::Lost(_, last)] = [log.told()[1], log.told()[3]] else { unreachable!() };
        assert_eq!([first, last], [LeadershipEnd::Lost(LossCause::NotOwner), LeadershipEnd::Resigned]);
    }

    /// LE-06.
    async fn a_callback_that_fails_steps_down_and_stands_again(world: World) {
        let process = world.process().await;
        let (log, begun) = (Log::default(), Arc::new(AtomicUsize::new(0)));
        // From before it stands: the first leadership may be over at once.
        let mut events = pin!(process.monitor().events());
        let candidacy = log
            .of(candidate(&process, "web"))
            .on_acquired({
                let log = log.clone();
                move |leader| {
                    log.note(Told::Acquired(leader.fence()));
                    let begun = begun.fetch_add(1, Ordering::AcqRel);
                    async move {
                        match begun {
                            0 => Err("it cannot begin"),
                            1 => std::panic::resume_unwind(Box::new("nobody sees it")),
                            _ => Ok(()),
                        }
                    }
                }
            })
            .start()
            .expect("it stands");
        for _ in 0..2 {
            let losing = async {
                loop {
                    let told = events.next().await.expect("it goes on");
                    if let CoordinationEvent::Election { event: ElectionEvent::LostLeadership { cause, .. }, .. } = told {
                        return cause;
                    }
                }
            };
            let cause = timeout(Duration::from_secs(10), losing).await.expect("it steps down");
            assert_eq!(cause, LeadershipEnd::Failed);
        }
        until(&candidacy, Role::Leader).await;
        pass(LEASE).await;
        assert!(candidacy.is_leader());
        candidacy.stop().await;
        assert_eq!(log.check_pairs(), 3);
    }

    /// LE-07: what hangs is dropped, and what follows is told all the same.
    async fn a_callback_that_does_not_end_is_dropped_after_the_limit(world: World) {
        let process = world.process().await;
        let log = Log::default();
        let hangs = log
            .of(candidate(&process, "web").stop_timeout(LEASE / 4))
            .on_acquired({
                let log = log.clone();
                move |leader: LeadershipContext| {
                    log.note(Told::Acquired(leader.fence()));
                    std::future::pending::<Result<(), NoError>>()
                }
            });
        let candidacy = leading(hangs).await;
        log.until(1).await;
        deposed(&world, &candidacy).await;
        log.until(3).await;
        let stopped = timeout(LEASE * 3, candidacy.stop()).await.expect("it does not wait for ever");
        assert_eq!(stopped, Stopped::StillRunning(1));
        assert_eq!(log.check_pairs(), 2);
    }

    /// LE-07: the limit is one for callbacks, not for tenures.
    async fn the_end_of_a_long_tenure_is_told(world: World) {
        let process = world.process().await;
        let log = Log::default();
        let candidacy = leading(log.of(candidate(&process, "web").stop_timeout(LEASE / 2))).await;
        log.until(1).await;
        pass(LEASE * 2).await;
        assert_eq!(candidacy.stop().await, Stopped::Released(ReleaseOutcome::Released));
        assert_eq!(log.check_pairs(), 1);
    }

    /// LE-07: what would be told of when it is over is not told of at all.
    async fn a_tenure_that_passes_while_a_callback_runs_is_not_told_of(world: World) {
        let process = world.process().await;
        let (log, gate) = (Log::default(), Arc::new(Semaphore::new(0)));
        let blocked = log.of(candidate(&process, "web")).on_acquired({
            let (log, gate) = (log.clone(), Arc::clone(&gate));
            move |leader: LeadershipContext| {
                log.note(Told::Acquired(leader.fence()));
                let gate = Arc::clone(&gate);
                async move { gate.acquire().await.map(|permit| permit.forget()) }
            }
        });
        let candidacy = leading(blocked).await;
        let first = candidacy.snapshot().leadership.expect("it leads").fence;
        log.until(1).await;
        deposed(&world, &candidacy).await;
        deposed(&world, &candidacy).await;
        let third = candidacy.snapshot().leadership.expect("it leads").fence;
        gate.add_permits(2);
        log.until(3).await;
        let cause = LeadershipEnd::Lost(LossCause::NotOwner);
        assert_eq!(log.told(), [Told::Acquired(first), Told::Lost(first, cause), Told::Acquired(third)]);
        candidacy.stop().await;
        assert_eq!(log.check_pairs(), 2);
    }

    /// LE-07 and LE-21: whatever happens, and while callbacks ask what they are told about.
    async fn callbacks_come_in_pairs_whatever_happens(world: World) {
        let rounds = match world {
            World::Memory(_) => 30,
            World::Redis(_) => 1,
        };
        let mut tenures = 0;
        for seed in 0..rounds {
            let (process, wire) = world.process_on_a_wire().await;
            let other = candidate(&world.process().await, "other");
            let (log, mut chance) = (Log::default(), Chance::new(seed));
            let candidacy = log.of(candidate(&process, "web")).start().expect("it stands");
            for _ in 0..10 {
                match chance.below(6) {
                    0 | 1 => candidacy.step_down(),
                    2 => wire.cut(),
                    3 if other.leader_info().await.expect("it is answered").is_some() => world.depose().await,
                    4 => drop(other.try_campaign().await.expect("it is answered")),
                    _ => {}
                }
                pass(RETRY * u32::try_from(chance.below(8)).expect("it is small")).await;
                wire.mend();
            }
            match chance.below(2) {
                0 => candidacy.stop().await,
                _ => candidacy.stop_now().await,
            };
            tenures += log.check_pairs();
            assert_eq!(process.shutdown(LEASE * 2).await, 0);
        }
        assert!(tenures >= usize::try_from(rounds).expect("it is small"), "{tenures}");
    }

    /// LE-27.
    async fn leaders_never_overlap_while_processes_are_restarted(world: World) {
        let rounds = match world {
            World::Memory(_) => 1000,
            World::Redis(_) => 100,
        };
        let (leading, tenures) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stand = async |number: usize| {
            let (process, leading, tenures) = (world.process().await, Arc::clone(&leading), Arc::clone(&tenures));
            let election = candidate(&process, &format!("web-{number}")).on_acquired(move |leader| {
                let (leading, tenures) = (Arc::clone(&leading), Arc::clone(&tenures));
                async move {
                    assert_eq!(leading.fetch_add(1, Ordering::AcqRel), 0, "nobody else leads");
                    tenures.fetch_add(1, Ordering::AcqRel);
                    leader.cancelled().await;
                    // What is under way is ended first.
                    pass(Duration::from_millis(5)).await;
                    leading.fetch_sub(1, Ordering::AcqRel);
                    Ok::<_, NoError>(())
                }
            });
            (process, election.start().expect("it stands"))
        };
        let mut processes = vec![stand(0).await, stand(1).await, stand(2).await];
        for number in 0..rounds {
            let led = tenures.load(Ordering::Acquire);
            let (process, candidacy) = processes.remove(0);
            let was_leader = candidacy.is_leader();
            let stopped = candidacy.stop().await;
            assert!(matches!(stopped, Stopped::NotLeading | Stopped::Released(_)), "{stopped:?}");
            if was_leader {
                assert!(tenures.load(Ordering::Acquire) >= led);
            }
            drop((process, candidacy));
            processes.push(stand(number + 3).await);
            pass(Duration::from_millis(20)).await;
        }
        for (_, candidacy) in processes {
            candidacy.stop().await;
        }
        assert_eq!(leading.load(Ordering::Acquire), 0);
        assert!(tenures.load(Ordering::Acquire) >= rounds / 4, "{tenures:?} of {rounds}");
    }
}
