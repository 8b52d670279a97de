//! What processes tell of their statistics, and the sums of it.

use std::time::Duration;

use distributed_task::{
    backend::{memory::MemoryLeases, quorum::QuorumLeases},
    coordination::{Coordination, LossCause, SharedStatistics, StaleReason},
    lease::{Acquired, Beat, CandidateStore as _, LeaseStore, Owner},
};
use tokio::time::timeout;

use crate::{
    candidates::BEAT,
    monitor::adds_up,
    world::{LEASE, NAME, World, hands_on, on_both, pass, take, wanted},
};

async fn of_all(process: &Coordination) -> SharedStatistics {
    process.monitor().statistics_of_all().await
}

/// The sums, when it has come to that; what is seen before adds up as well.
async fn seen(
    process: &Coordination,
    is_wanted: impl Fn(&SharedStatistics) -> bool,
) -> SharedStatistics {
    let looking = async {
        loop {
            let now = of_all(process).await;
            adds_up(&now.all);
            if is_wanted(&now) {
                return now;
            }
            pass(BEAT / 10).await;
        }
    };
    timeout(Duration::from_secs(20), looking).await.expect("it comes to that")
}

/// How many keys there are of those who tell.
fn keys(world: &World) -> String {
    match world {
        World::Memory(_) => String::new(),
        World::Redis(server) => server.cli(&["KEYS", "*statistics*"]),
    }
}

on_both! {
    /// Each ends what it had in another way; who looks tells nothing, and its own counts.
    async fn counts_of_all_processes_are_summed(world: World) {
        let (looks, silent) = (world.process().await, world.process().await);
        let one = world.process().await.tell_statistics_every(BEAT);
        let two = world.process().await.tell_statistics_every(BEAT);
        take(looks.lease("looks").ttl(LEASE)).await.release().await;
        take(silent.lease("silent").ttl(LEASE)).await.release().await;
        let held = take(wanted(&one)).await;
        assert!(wanted(&two).try_acquire().await.expect("it answers").is_none());
        take(two.lease("left").ttl(LEASE)).await.detach();
        let lost = take(two.lease("lost").ttl(LEASE)).await;
        world.take_away("lost").await;
        assert_eq!(lost.lost().await.cause, LossCause::NotOwner);
        drop(lost);

        let now = seen(&looks, |now| now.all.acquired == 4 && now.all.lost.not_owner == 1).await;
        assert_eq!((now.processes, &now.partial), (3, &None));
        let all = now.all;
        assert_eq!((all.detached, all.held, all.released, all.not_acquired), (1, 1, 1, 1), "{all:?}");
        assert_eq!((all.waits.count, all.holds.count), (4, 3), "{all:?}");
        // Who tells is not counted twice, and knows of itself what it has not told yet.
        drop(held);
        let now = seen(&one, |now| now.all.held == 0).await;
        assert_eq!((now.processes, now.all.acquired), (2, 3));

        // Who ends has left, with its counts, and nothing of it stays.
        assert_eq!(two.shutdown(LEASE * 10).await, 0);
        let now = of_all(&looks).await;
        assert_eq!((now.processes, now.all.acquired), (2, 2), "{now:?}");
        drop(one);
        let now = seen(&looks, |now| now.processes == 1).await;
        assert_eq!((now.all, now.partial), (looks.monitor().statistics(), None));
        assert_eq!(keys(&world), "");
    }

    /// Nothing of it comes through any more, as when it is killed.
    async fn who_died_is_counted_for_three_intervals_and_no_longer(world: World) {
        let (looks, (dies, wire)) = (world.process().await, world.process_on_a_wire().await);
        let dies = dies.tell_statistics_every(BEAT);
        take(wanted(&dies)).await.release().await;
        seen(&looks, |now| now.all.acquired == 1).await;
        wire.cut();
        let told = wire.beats();
        // A machine that is busy may take longer for it.
        if matches!(world, World::Memory(_)) {
            pass(BEAT).await;
            assert_eq!(of_all(&looks).await.processes, 2);
        }
        let now = seen(&looks, |now| now.processes == 1).await;
        assert_eq!((now.all.acquired, now.partial), (0, None));
        // It does not know that others do not hear it; who cannot look says so, and what it knows.
        let now = of_all(&dies).await;
        assert_eq!((now.processes, now.all.acquired), (1, 1));
        assert!(now.partial.expect("they are not all").contains("the wire is cut"));
        wire.mend();
        seen(&looks, |now| now.all.acquired == 1).await;
        assert!(wire.beats() > told);
    }

    /// LM-03: where all tell, a holder that tells nothing is stale before its lease is over.
    async fn who_has_a_lock_and_tells_nothing_any_more_is_stale(world: World) {
        let (process, store) = (world.process().await, world.store().await);
        let _ours = take(wanted(&process)).await;
        let lease = LEASE * 100;
        for owner in [&format!("{}/7", "0a".repeat(16)), "made/elsewhere", "saga:1"] {
            let asked = store.try_acquire(owner, &Owner::from(owner.to_owned()), lease).await;
            assert!(matches!(asked, Ok(Acquired::Granted(_))), "{asked:?}");
        }
        let stale = async |process: &Coordination| {
            let stale = process.monitor().stale_locks(lease).await.expect("it answers");
            stale.into_iter().map(|it| (it.lock.name, it.reason)).collect::<Vec<_>>()
        };
        assert_eq!(stale(&process).await, [], "nobody tells, so nobody is silent");
        let process = process.tell_statistics_every(BEAT);
        seen(&world.process().await, |now| now.processes == 2).await;
        let silent = (format!("{}/7", "0a".repeat(16)), StaleReason::Silent);
        assert_eq!(stale(&process).await, [silent]);
    }

    /// And who does so again does it so often from then on.
    async fn nothing_is_told_by_who_is_not_told_to(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        take(wanted(&process)).await.release().await;
        let now = of_all(&process).await;
        assert_eq!((now.processes, now.partial), (1, None));
        assert_eq!((wire.beats(), keys(&world)), (0, String::new()));

        let process = process.tell_statistics_every(Duration::from_secs(3600));
        let beats = async |many| while wire.beats() < many { pass(BEAT / 10).await };
        let in_time = Duration::from_secs(20);
        timeout(in_time, beats(1)).await.expect("it tells");
        let process = process.tell_statistics_every(BEAT);
        timeout(in_time, beats(4)).await.expect("it tells so often");
        seen(&world.process().await, |now| now.processes == 2).await;
        assert_eq!(process.shutdown(LEASE * 10).await, 0);
        let told = wire.beats();
        pass(BEAT * 2).await;
        assert_eq!((wire.beats(), of_all(&process).await.processes), (told, 1));
        // No election and no lock is called as what is told.
        let told = Coordination::tell_statistics_every(world.process().await, BEAT);
        let election = process.election("").metadata("held", "many");
        let leads = election.try_campaign().await.expect("it answers").expect("nobody leads");
        let locks = take(process.lease("statistics\u{1f}").ttl(LEASE)).await;
        assert_eq!(seen(&process, |now| now.processes == 2).await.partial, None);
        drop((told, leads, locks));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_left_out_and_told() {
    let store = MemoryLeases::new();
    let process = Coordination::on_this_runtime(store.clone()).tell_statistics_every(BEAT);
    let said = [("held".to_owned(), "many".to_owned())].into();
    let beat = Beat {
        name: "statistics\u{1f}",
        candidate: "somebody",
        owner: None,
        is_healthy: true,
        health_score: 1.0,
        metadata: &said,
        interval: BEAT,
    };
    store.beat(beat).await.expect("it is memory");
    let now = of_all(&process).await;
    assert_eq!((now.processes, now.all), (1, process.monitor().statistics()));
    assert_eq!(now.partial.as_deref(), Some("1 processes say what cannot be read"));
}

/// With one of three servers away.
#[tokio::test(start_paused = true)]
async fn statistics_are_summed_over_several_servers() {
    let servers = [(); 3].map(|()| MemoryLeases::new());
    let over = async |servers: &[MemoryLeases]| {
        let builder = servers.iter().cloned().fold(QuorumLeases::builder(), |all, it| all.node(it));
        Coordination::on_this_runtime(builder.open().await.expect("they can vote"))
    };
    let away = [servers[0].clone(), servers[1].clone(), MemoryLeases::new()];
    let one = over(&servers).await.tell_statistics_every(BEAT);
    let two = over(&away).await.tell_statistics_every(BEAT);
    let held = [take(one.lease("one").ttl(LEASE)).await, take(two.lease("two").ttl(LEASE)).await];
    let now = seen(&over(&servers).await, |now| now.all.held == 2).await;
    assert_eq!((now.processes, now.partial), (3, None));
    drop(held);
}

/// A store that knows leases and nothing else.
struct Plain(MemoryLeases);

impl LeaseStore for Plain {
    hands_on!(0: safety try_acquire try_renew release inspect);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_knows_nobody_who_tells_says_so() {
    let process = Coordination::on_this_runtime(Plain(MemoryLeases::new()));
    let process = process.tell_statistics_every(BEAT);
    let held = take(process.lease(NAME).ttl(LEASE)).await;
    let now = of_all(&process).await;
    assert_eq!((now.processes, now.all.held), (1, 1));
    assert!(now.partial.expect("nobody else is known").contains("does not know"));
    drop(held);
    assert_eq!(process.shutdown(LEASE).await, 0);
}
