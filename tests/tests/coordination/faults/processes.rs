//! Processes that are killed, or stopped and go on, while they hold a lease.

use std::time::Duration;

use distributed_task::coordination::{OnBusy, Role, SingletonRun};

use distributed_task_tests::leases::{
    history::{End, Event, What},
    holder::{Orders, election},
};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    holder::Holder,
    site::{PATIENT, RETRY, Site, micros},
};
use crate::{
    stands::until,
    world::{NAME, is_busy},
};

const LEASE: Duration = Duration::from_millis(800);

fn orders(site: &Site) -> Orders {
    Orders {
        url: site.server.url(),
        name: NAME.to_owned(),
        lease: LEASE,
        retry_delay: RETRY,
        register: site.register.path(),
        go_on: None,
        beats: None,
        elections: None,
        is_job: false,
    }
}

fn is_granted(event: &Event) -> bool {
    event.name == NAME && event.what == What::Granted
}

/// Until when this tenure was promised at most.
fn promised(site: &Site, tenure: &str) -> u64 {
    let held = |event: &Event| match event.what {
        What::Held { until } if event.tenure == tenure => Some(until),
        _ => None,
    };
    site.history.events().iter().filter_map(held).max().expect("it looked")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_had_is_taken_over_when_its_lease_is_over() {
    let site = Site::new().await;
    let mut holder = Holder::start(&orders(&site), &site.history);
    let granted = site.history.wait_for("it has the name", is_granted).await;
    let is_accepted = |event: &Event| event.what == What::Wrote { accepted: true };
    site.history.wait_for("it writes", is_accepted).await;
    let waiting = site.waiting(LEASE);
    holder.kill();
    let killed = site.history.now();
    let next = waiting.await.expect("nothing panics");
    let took = micros(next.granted - killed);
    site.control.within("taken over", took, LEASE + RETRY * 2);
    assert!(next.granted >= promised(&site, &granted.tenure), "it was promised{}", site.history);
    assert!(next.fence().0 > granted.fence && next.write(&site.register));
    next.release().await;
    site.nothing_is_wrong();
}

/// What was half done by two that were killed, the third one knows of; the fourth one need not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_told_how_many_before_it_were_killed() {
    let site = Site::new().await;
    let orders = Orders { is_job: true, ..orders(&site) };
    let attempt =
        |attempt: u64| move |event: &Event| event.what == What::Began { attempt: Some(attempt) };
    let mut first = Holder::start(&orders, &site.history);
    site.history.wait_for("the first one runs it", attempt(1)).await;
    let mut second = Holder::start(&orders, &site.history);
    first.kill();
    site.history.wait_for("the second one runs it", attempt(2)).await;
    second.kill();
    let job = site.two.singleton(NAME).lease(LEASE).on_busy(OnBusy::Wait(LEASE * 20));
    for attempt in [3, 1] {
        let ran = job.run(async |held| held.attempt()).await.expect("the server answers");
        assert_eq!(ran, SingletonRun::Done(Some(attempt)));
    }
}

/// A process is stopped between a look at its lease and its write, with all of its lease before it. What it
/// sees when it goes on.
async fn stopped_for(site: &Site, lasts: Duration) -> Vec<Event> {
    let go_on = site.register.path().with_extension("go-on");
    let orders = Orders { go_on: Some(go_on.clone()), ..orders(site) };
    let mut holder = Holder::start(&orders, &site.history);
    let stops = site.history.wait_for("it is about to be stopped", |e| e.what == What::Stops).await;
    holder.stop();
    std::fs::write(go_on, "").expect("there is room");
    let waiting = site.waiting(LEASE);
    // Nothing tells a process that it is stopped: there is only time.
    tokio::time::sleep(lasts).await;
    match lasts > LEASE {
        true => {
            let next = waiting.await.expect("nothing panics");
            site.control.within("taken over", micros(next.granted - stops.at), LEASE + RETRY * 2);
            assert!(next.write(&site.register));
            holder.resume();
            holder.wait_for_the_end();
            next.renewed().await;
            next.release().await;
        }
        false => {
            holder.resume();
            holder.wait_for_the_end();
            waiting.await.expect("nothing panics").release().await;
        }
    }
    let later = |event: &Event| event.tenure == stops.tenure && event.at > stops.at;
    site.history.events().into_iter().filter(later).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_for_longer_than_the_lease_finds_it_lost_and_its_write_refused() {
    for lasts in [LEASE * 3 / 2, LEASE * 5] {
        let site = Site::new().await;
        let seen = stopped_for(&site, lasts).await;
        let seen: Vec<_> = seen.iter().map(|event| event.what).collect();
        let refused = What::Wrote { accepted: false };
        assert_eq!(seen[..2], [refused, What::Ended(End::Expired)], "{seen:?}{}", site.history);
        site.nothing_is_wrong();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_for_half_of_the_lease_still_has_it() {
    // A machine that is busy may stop it for longer: then it says nothing, and is asked again.
    for _ in 0..5 {
        let site = Site::new().await;
        let seen = stopped_for(&site, LEASE / 2).await;
        let [wrote, looked, ..] = &seen[..] else { panic!("{seen:?}") };
        let until = promised(&site, &looked.tenure);
        assert_eq!(wrote.what, What::Wrote { accepted: true });
        site.nothing_is_wrong();
        match looked.what {
            What::Held { .. } => return,
            _ => assert!(looked.at >= until, "it was promised: {seen:?}{}", site.history),
        }
    }
    panic!("it was never on time");
}

/// LE-42: each of them by the other one that stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_elections_that_a_killed_process_led_are_taken_over() {
    const ELECTIONS: usize = 100;
    let (site, lease) = (Site::new().await, LEASE * 4);
    let orders = Orders { elections: Some(ELECTIONS), lease, ..orders(&site) };
    let mut holder = Holder::start(&orders, &site.history);
    let elections: Vec<_> = (0..ELECTIONS)
        .map(|number| {
            let election = site.two.election(election(NAME, number)).lease_duration(lease);
            election.retry_interval(RETRY)
        })
        .collect();
    let led_by = async |who: &str| {
        for election in &elections {
            let is_led = async {
                loop {
                    let leader = election.leader_info().await.expect("the server answers");
                    match leader {
                        Some(leader) if leader.id.starts_with(who) => return leader.fence,
                        _ => tokio::time::sleep(RETRY / 3).await,
                    }
                }
            };
            timeout(Duration::from_secs(30), is_led).await.expect("somebody leads in the end");
        }
    };
    led_by("killed/").await;
    let stands: Vec<_> = elections.iter().map(|it| it.start().expect("it may stand")).collect();
    tokio::time::sleep(RETRY * 3).await;
    assert!(stands.iter().all(|it| !it.is_leader()), "the other one leads");
    holder.kill();
    let killed = site.history.now();
    led_by("candidate/").await;
    site.control.within("taken over", micros(site.history.now() - killed), lease + RETRY * 2);
    join_all(stands.iter().map(|it| until(it, Role::Leader))).await;
}

/// Who misses three beats is not counted, and who goes on is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_is_stopped_is_gone_until_it_goes_on() {
    let (site, beats) = (Site::new().await, LEASE / 4);
    let orders = Orders { beats: Some(beats), ..orders(&site) };
    let holder = Holder::start(&orders, &site.history);
    let election = site.two.election(NAME);
    let count = async |stand: usize| {
        let counting = async {
            while election.candidates().await.expect("the server answers").len() != stand {
                tokio::time::sleep(RETRY / 10).await;
            }
            site.history.now()
        };
        timeout(Duration::from_secs(30), counting).await.expect("so many stand in the end")
    };
    count(1).await;
    holder.stop();
    let stopped = site.history.now();
    let took = micros(count(0).await - stopped);
    site.control.within("gone", took, beats * 3);
    assert!(took > beats / 2, "it had beaten a moment ago: {took:?}");
    holder.resume();
    let resumed = site.history.now();
    site.control.within("back", micros(count(1).await - resumed), beats);
    // It goes on to say so. A machine that is busy may keep it from that for a moment.
    tokio::time::sleep(beats * 4).await;
    count(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_lets_go_is_followed_at_once() {
    let site = Site::new().await;
    let held = site.held(LEASE, PATIENT).await;
    let mut holder = Holder::start(&orders(&site), &site.history);
    assert!(is_busy(site.two.lease(NAME).ttl(LEASE)).await);
    let (mine, fence) = (held.granted, held.fence().0);
    held.release().await;
    let released = site.history.now();
    let is_its = |event: &Event| is_granted(event) && event.at > mine;
    let granted = site.history.wait_for("it has the name", is_its).await;
    site.control.within("followed", micros(granted.at.saturating_sub(released)), RETRY * 2);
    assert!(granted.fence > fence);
    holder.kill();
    site.nothing_is_wrong();
}
