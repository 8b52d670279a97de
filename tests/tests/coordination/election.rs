//! Who leads, and work that runs where its process leads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::coordination::{
    CampaignError, LeadershipContext, LeadershipEnd, LossCause, ReleaseOutcome,
};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{
    stands::{ELECTION, RETRY, candidate, lead, leader},
    world::{LEASE, Work, on_both, pass},
};

on_both! {
    /// LE-01.
    async fn one_of_many_leads_and_another_follows_it(world: World) {
        let processes = join_all((0..5).map(|_| world.process())).await;
        let candidates = || processes.iter().map(|process| candidate(process, "web"));
        let asked = join_all(candidates().map(|it| async move { it.try_campaign().await })).await;
        let mut leading: Vec<_> = asked.into_iter().filter_map(|it| it.expect("it is answered")).collect();
        assert_eq!(leading.len(), 1);

        let next = candidate(&processes[0], "next");
        let waiting = tokio::spawn(async move { next.campaign().await.expect("it is answered") });
        pass(LEASE * 2).await;
        assert!(!waiting.is_finished(), "the leader renews its lease");
        assert_eq!(leading.remove(0).resign().await, ReleaseOutcome::Released);
        let next = timeout(LEASE, waiting).await.expect("it looks often").expect("nothing panics");

        // Dropping it does as well.
        drop(next);
        assert_eq!(processes[0].shutdown(LEASE).await, 0);
        lead(&candidate(&processes[1], "last")).await.check().expect("nobody else leads");
    }

    /// LE-09: it tells who leads, and looking changes nothing.
    async fn whoever_looks_sees_who_leads_and_changes_nothing(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (candidate(&one, "web-1"), candidate(&two, "web-2"));
        assert_eq!(theirs.leader_info().await.expect("it is answered"), None);

        let leadership = lead(&ours).await;
        let seen = theirs.leader_info().await.expect("it is answered").expect("somebody leads");
        assert_eq!((&*seen.id, seen.fence), (ours.candidate(), leadership.fence()));
        let left = seen.expires_in.expect("it has an end");
        assert!(left <= LEASE, "{left:?}");
        pass(LEASE / 10).await;
        let later = theirs.leader_info().await.expect("it is answered").expect("somebody leads");
        assert!(later.expires_in.expect("it has an end") < left, "a look renews nothing");
        assert_eq!((later.fence, later.acquired_at), (seen.fence, seen.acquired_at));

        leadership.resign().await;
        assert_eq!(theirs.leader_info().await.expect("it is answered"), None);
        lead(&theirs).await.check().expect("the looks took nothing");
    }

    /// LE-23 and LE-34: what two processes are called may be one, they are two all the same.
    async fn candidates_of_one_name_are_two(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (candidate(&one, "web"), candidate(&two, "web"));
        assert_ne!(ours.candidate(), theirs.candidate());
        assert!(ours.candidate().starts_with("web/"));
        let leadership = lead(&ours).await;
        assert!(theirs.try_campaign().await.expect("it is answered").is_none());
        // Nor does one that asks twice lead twice.
        assert!(ours.try_campaign().await.expect("it is answered").is_none());
        leadership.check().expect("nobody renewed or took it");
    }

    /// LE-44: any text is a name, and no election is a lock.
    async fn an_election_shares_no_name_with_a_lease_or_another_election(world: World) {
        let process = world.process().await;
        let long = "é".repeat(5_000);
        let names = ["a", "A", "a:b", "{a}", "%7Ba%7D", "лидер", "", &long];
        let mut held = Vec::new();
        for name in names {
            let leads = process.election(name).try_campaign().await.expect("it is answered");
            let leases = process.lease(name).try_acquire().await.expect("it is answered");
            held.push((leads.expect("nobody leads it"), leases.expect("nobody has it")));
        }
        for name in names {
            assert!(process.election(name).try_campaign().await.expect("it is answered").is_none());
        }
    }

    /// LE-02.
    async fn work_ends_with_the_leadership_and_is_told_why(world: World) {
        let process = world.process().await;
        let election = candidate(&process, "web");
        let leadership = lead(&election).await;
        let work = Work::default();
        let (ran, ()) = tokio::join!(leadership.run(work.run()), async {
            assert_eq!(work.running(), 1);
            world.depose().await;
        });
        let lost = ran.expect_err("it was taken away");
        assert_eq!((&*lost.election, lost.cause), (ELECTION, LeadershipEnd::Lost(LossCause::NotOwner)));
        assert_eq!(work.running(), 0, "it was dropped");
        assert_eq!(leadership.check().expect_err("it is lost"), lost);
        assert_eq!(leadership.context().check().expect_err("it is lost"), lost);
        assert_eq!(leadership.run(async {}).await, Err(lost));
    }

    /// LE-02 and LE-33: a store that is away for the grace period, and no longer.
    async fn an_outage_is_borne_for_the_grace_period(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let election = candidate(&process, "web").grace_period(LEASE / 2);
        let outage = election.terms().expect("they can be followed").margins().longest_outage;
        let leadership = lead(&election).await;
        wire.cut();
        // It is asked to renew it after a third at the latest.
        pass(LEASE / 3 + outage / 3).await;
        wire.mend();
        pass(LEASE).await;
        leadership.check().expect("it was renewed in time");

        wire.cut();
        let lost = timeout(LEASE * 2, leadership.lost()).await.expect("it gives up");
        assert_eq!(lost.cause, LeadershipEnd::Lost(LossCause::Unreachable));
        assert!(leadership.check().is_err());
    }

    /// LE-08: what the work is told, and that it is told to end.
    async fn the_context_says_what_is_led_and_when_to_end(world: World) {
        let process = world.process().await;
        let election = candidate(&process, "web").metadata("region", "eu").extension(7_u8);
        let leadership = lead(&election).await;
        let context = leadership.context().clone();
        assert_eq!((context.election(), context.candidate()), (ELECTION, election.candidate()));
        assert_eq!(context.fence(), leadership.fence());
        assert_eq!(context.metadata()["region"], "eu");
        assert_eq!((context.extension::<u8>().as_deref(), context.extension::<u16>()), (Some(&7), None));
        assert!(context.check().is_ok() && !context.is_cancelled());
        leadership.resign().await;
        timeout(LEASE, context.cancelled()).await.expect("it is told");
        assert_eq!(context.check().expect_err("it is over").cause, LeadershipEnd::Resigned);
    }

    async fn options_that_cannot_be_followed_ask_nobody(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        let election = candidate(&process, "web").renew_interval(LEASE);
        let Err(CampaignError::Invalid(one)) = election.campaign().await else { panic!("they cannot") };
        let Err(CampaignError::Invalid(two)) = election.try_campaign().await else { panic!("they cannot") };
        let three = election.run_elected(|_| async {}).await.expect_err("they cannot");
        assert_eq!([&one, &two], [&three; 2]);
        assert_eq!(wire.acquisitions(), 0);
    }

    async fn work_that_has_ended_lets_another_lead(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let (ours, theirs) = (candidate(&one, "web-1"), candidate(&two, "web-2"));
        let seen = ours.run_elected(async |leader| (leader.fence(), leader.check().is_ok()));
        assert!(seen.await.expect("it runs").1);
        assert_eq!(leader(&theirs).await, None);
        // What is dropped is given up as well.
        let endless = timeout(LEASE, ours.run_elected(|_| std::future::pending::<()>())).await;
        endless.expect_err("it has no end");
        assert_eq!(one.shutdown(LEASE).await, 0);
        assert_eq!(leader(&theirs).await, None);
    }

    /// LE-03: it loses the leadership, and begins again.
    async fn work_begins_again_after_a_loss(world: World) {
        let process = world.process().await;
        let election = candidate(&process, "web");
        let begun = Arc::new(AtomicUsize::new(0));
        let fences = election.run_elected(|leader: LeadershipContext| {
            let begun = Arc::clone(&begun);
            let world = &world;
            async move {
                if begun.fetch_add(1, Ordering::AcqRel) == 0 {
                    world.depose().await;
                    leader.cancelled().await;
                    std::future::pending::<()>().await;
                }
                leader.fence()
            }
        });
        timeout(LEASE * 10, fences).await.expect("it leads again").expect("it runs");
        assert_eq!(begun.load(Ordering::Acquire), 2);
    }

    /// LE-03: while the store is away it neither ends nor asks all the time.
    async fn who_cannot_reach_the_store_asks_seldom_and_does_not_give_up(world: World) {
        let (process, wire) = world.process_on_a_wire().await;
        wire.cut();
        let election = candidate(&process, "web");
        let running = tokio::spawn(async move { election.run_elected(|_| async {}).await });
        let outage = RETRY * 40;
        pass(outage).await;
        assert!(!running.is_finished(), "it does not give up");
        // Steps of once, twice, four and five times the interval, less up to a half.
        let asked = wire.acquisitions();
        assert!((6..=20).contains(&asked), "{asked} times in {outage:?}");
        wire.mend();
        let longest = RETRY * 5 * 3 / 2;
        let ran = timeout(longest + Duration::from_secs(2), running).await.expect("it asks again");
        ran.expect("nothing panics").expect("it runs");
    }
}
