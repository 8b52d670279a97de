//! What is said in logs and traces.

use std::pin::pin;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        Coordination, CoordinationEvent, CoordinationOptions, ElectionEvent, Happened, LeaseEvent,
        Role,
    },
};
use futures_util::{FutureExt as _, StreamExt as _};
use tracing::{Instrument as _, Level};

use crate::{
    recorder::{Recorder, Seen},
    stands::{ELECTION, candidate, event, until},
    world::{LEASE, NAME, lease_events, pass, take, wanted},
};

/// The words of the log, for what they are about.
fn word(what: &Happened) -> &'static str {
    match what {
        Happened::Acquired { .. } => "acquired",
        Happened::NotAcquired { .. } => "not acquired: somebody else has it",
        Happened::GaveUp { .. } => "not waited for any more",
        Happened::Renewed { .. } => "renewed",
        Happened::Released { .. } => "released",
        Happened::Detached { .. } => "left to run out",
        Happened::Lost { .. } => "lost",
        Happened::StillUsed { .. } => "lost, and its holder goes on",
        Happened::Forced { .. } => "taken away by an operator",
        Happened::ReaderForced { .. } => "a share was taken away by an operator",
        other => panic!("nobody expects {other:?}"),
    }
}

/// The fields that a line has besides its key, its owner and its words.
fn fields(what: &Happened) -> &'static [&'static str] {
    match what {
        Happened::Acquired { .. } => &["fence", "attempts", "waited"],
        Happened::NotAcquired { .. } => &["attempts", "waited", "holder"],
        Happened::GaveUp { .. } => &["waited"],
        Happened::Renewed { .. } => &["took"],
        Happened::Released { .. } | Happened::Detached { .. } => &["fence", "held"],
        Happened::Lost { .. } => &["fence", "cause", "held"],
        Happened::Forced { .. } => &["fence", "why"],
        Happened::ReaderForced { .. } => &["why"],
        Happened::StillUsed { .. } => &["fence"],
        other => panic!("nobody expects {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_says_what_the_events_say() {
    let (recorder, _guard) = Recorder::start();
    let store = MemoryLeases::new();
    let process = Coordination::on_this_runtime(store.clone());
    let monitor = process.monitor();
    let mut events = lease_events(&process);

    let held = take(wanted(&process)).await;
    let owner = monitor.active_locks().await.expect("memory answers");
    let owner = owner[0].holder.as_ref().expect("it is held").owner.clone();
    assert!(wanted(&process).try_acquire().await.expect("memory answers").is_none());
    let waits = wanted(&process);
    assert!(tokio::time::timeout(LEASE / 4, waits.acquire()).await.is_err());
    pass(LEASE).await;
    held.check().expect("it is renewed");
    let fence = held.fence();
    monitor.force_release(NAME, fence, "a test").await.expect("memory answers");
    held.lost().await;
    pass(LEASE).await;
    drop(held);
    take(wanted(&process)).await.detach();
    take(process.lease("other").ttl(LEASE)).await.release().await;
    let reading = process.rw_lock("catalogue").lease(LEASE).read().await.expect("it is free");
    let readers = monitor.readers("catalogue").await.expect("memory answers");
    let reader = &readers[0].owner;
    monitor.force_release_reader("catalogue", reader, "a test").await.expect("memory answers");
    reading.lost().await;
    drop(reading);
    process.shutdown(LEASE * 10).await;

    let mut told = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        told.push(event);
    }
    let said = recorder.with(|all| all.events.clone());
    let of_names = |seen: &&Seen| seen.fields.get("key") != "?";
    let said: Vec<_> = said.iter().filter(of_names).collect();
    assert_eq!(said.len(), told.len(), "one for each: {told:?}, {said:?}");
    for (said, LeaseEvent { name, owner, what, .. }) in said.iter().zip(&told) {
        assert_eq!(said.fields.get("message"), word(what), "{said:?}");
        assert_eq!(said.fields.get("key"), &**name);
        assert_eq!(said.fields.get("owner"), format!("{owner:?}"));
        for field in fields(what) {
            assert_ne!(said.fields.get(field), "?", "no {field} in {said:?}");
        }
    }
    let words = |word: &str| said.iter().filter(|said| said.fields.get("message") == word).count();
    for word in ["acquired", "released", "renewed", "lost", "lost, and its holder goes on"] {
        assert!(words(word) > 0, "nobody said `{word}`: {said:?}");
    }
    // Whoever has an owner has the name.
    assert!(!recorder.words().contains(owner.as_str()), "the log tells no secrets");
}

#[tokio::test(start_paused = true)]
async fn a_trace_says_how_a_lock_was_waited_for_and_held() {
    let (recorder, _guard) = Recorder::start();
    let store = MemoryLeases::new();
    // Whoever waits in the process that has it comes before others.
    let (one, two) =
        (Coordination::on_this_runtime(store.clone()), Coordination::on_this_runtime(store));
    let lock = |process: &Coordination| process.lock(NAME).lease(LEASE);
    let first = lock(&one).acquire().await.expect("it is free");
    let request = tracing::info_span!("request");
    let waiting = [lock(&one), lock(&two)].map(|lock| {
        let work = async move { lock.acquire().await.expect("its turn comes").release().await };
        tokio::spawn(work.instrument(request.clone()))
    });
    pass(LEASE / 10).await;
    first.release().await;
    for waiting in waiting {
        waiting.await.expect("nothing panics");
    }

    let spans = |name: &str| recorder.spans(name);
    let (waits, holds) = (spans("lock.wait"), spans("lock.hold"));
    let how: Vec<_> = waits.iter().map(|wait| wait.fields.get("woken")).collect();
    assert_eq!(how, ["?", "handed over", "told"], "{waits:?}");
    assert_eq!(waits[0].fields.get("attempts"), "1");
    assert_eq!(waits[0].inside, None);
    for wait in &waits[1..] {
        let within = wait.inside.expect("it is part of the request");
        assert_eq!(recorder.with(|all| all.spans[within].name), "request");
    }
    let fences = |spans: &[Seen]| -> Vec<String> {
        spans.iter().map(|span| span.fields.get("fence").to_owned()).collect()
    };
    assert_eq!(fences(&waits), fences(&holds), "each was granted what it waited for");
    assert!(holds.iter().all(|hold| hold.inside.is_none() && hold.holders == 0), "{holds:?}");
}

#[tokio::test(start_paused = true)]
async fn each_change_of_an_election_is_logged_once() {
    for (wanted, level) in [(true, Level::INFO), (false, Level::DEBUG)] {
        let (recorder, _guard) = Recorder::start();
        let mut options = CoordinationOptions::default();
        options.debugging.enable_leader_election_logging = wanted;
        let process = Coordination::on_this_runtime(MemoryLeases::new());
        let process = process.with_options(options).expect("they are fine");
        let candidacy = candidate(&process, "web-1").start().expect("it may stand");
        let mut events = candidacy.events();
        let mut all = pin!(process.monitor().events());
        let leads = |event: &ElectionEvent| {
            matches!(event, ElectionEvent::LeaderChanged { new: Some(_), .. })
        };
        event(&mut events, leads).await;
        candidacy.step_down();
        event(&mut events, |event| matches!(event, ElectionEvent::LostLeadership { .. })).await;
        until(&candidacy, Role::Leader).await;
        candidacy.stop().await;

        let said = recorder.with(|all| all.events.clone());
        let said: Vec<_> =
            said.iter().filter(|seen| seen.fields.get("election") == ELECTION).collect();
        let count = |what: &str| {
            let is_it = |said: &&&Seen| said.fields.get("event").starts_with(what);
            said.iter().filter(is_it).inspect(|said| assert_eq!(said.level, level)).count()
        };
        assert_eq!((count("BecameLeader"), count("LostLeadership")), (2, 2), "{said:?}");
        assert_eq!(count("LeaderChanged"), 4, "to itself and to nobody: {said:?}");

        // Those who listen to all are told the same, each with who stands.
        let mut told = Vec::new();
        while let Some(Some(event)) = all.next().now_or_never() {
            if let CoordinationEvent::Election { election, candidate, event } = event {
                told.push([election.to_string(), candidate.to_string(), format!("{event:?}")]);
            }
        }
        let said = said.iter().filter(|seen| seen.fields.get("message") == "election");
        let said: Vec<_> = said
            .map(|seen| ["election", "candidate", "event"].map(|it| seen.fields.get(it).to_owned()))
            .collect();
        assert_eq!(told, said);
    }
}
