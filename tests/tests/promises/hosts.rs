//! Hosts: what they cost while there is nothing to do, and what they do when they may be taken for
//! dead, or when sagas kill them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::{MemoryJournal, MemoryQueue},
    journal::{ClaimFrom, Journal, Reaped, SeatId, Signal, Signals},
    prelude::*,
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

const LEASE: Duration = Duration::from_secs(10);

/// Beats once a second, as long as it is let.
#[distributed_task(request = u64, response = ())]
struct Heart {
    log: Log,
    beating: Beating,
}

/// How many hearts beat, and how many did at most.
#[derive(Clone, Default)]
struct Beating(Arc<(AtomicUsize, AtomicUsize)>);

#[steps]
impl Heart {
    #[step(read_only, timeout = "1h")]
    async fn beat(&self, request: &u64) {
        let Beating(counts) = &self.beating;
        let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        counts.1.fetch_max(now, Ordering::SeqCst);
        for _ in 0..*request {
            self.log.note("beat");
            sleep(Duration::from_secs(1)).await;
        }
        counts.0.fetch_sub(1, Ordering::SeqCst);
    }

    #[response]
    fn respond(&self) {}
}

fn heart(log: &Log, beating: &Beating) -> distributed_task::builder::TaskBuilder<Heart> {
    Heart::builder().log(log.clone()).beating(beating.clone()).use_in_process_mode()
}

/// How often each operation was called.
type Calls = Arc<Mutex<BTreeMap<&'static str, usize>>>;

fn counting(calls: &Calls) -> impl Fn(&'static str) -> Tap + Send + Sync + 'static {
    let calls = Arc::clone(calls);
    move |name| {
        *calls.lock().expect("no panic").entry(name).or_default() += 1;
        Tap::Through
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_host_asks_its_journal_for_nothing() {
    let calls = Calls::default();
    let journal = Tapped::new(&Arc::new(MemoryJournal::new()), counting(&calls));
    let builder = heart(&Log::default(), &Beating::default());
    let task = builder.override_journal(journal).build().await.expect("it builds");
    task.submit(1).await.expect("submitted").outcome().await.expect("an outcome");
    sleep(Duration::from_secs(1)).await;
    calls.lock().expect("no panic").clear();
    sleep(Duration::from_secs(365 * 24 * 3600)).await;
    assert_eq!(*calls.lock().expect("no panic"), BTreeMap::new(), "a year without a saga");
    // The counter does count.
    task.submit(1).await.expect("submitted");
    assert!(!calls.lock().expect("no panic").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_host_with_a_lease_renews_it_and_does_nothing_else() {
    let calls = Calls::default();
    let inner = Arc::new(MemoryJournal::builder().lease(LEASE).build());
    let journal = Tapped::new(&inner, counting(&calls));
    let builder = heart(&Log::default(), &Beating::default());
    let _task = builder.override_journal(journal).build().await.expect("it builds");
    sleep(Duration::from_secs(1)).await;
    calls.lock().expect("no panic").clear();
    sleep(LEASE * 30).await;
    let calls = calls.lock().expect("no panic").clone();
    assert_eq!(calls.keys().collect::<Vec<_>>(), [&"pulse"], "{calls:?}");
    assert!((80..=95).contains(&calls["pulse"]), "at a third of the lease: {calls:?}");
}

#[tokio::test(start_paused = true)]
async fn f3_a_host_that_cannot_renew_stops_before_others_may_take_its_sagas() {
    let inner = Arc::new(MemoryJournal::builder().lease(LEASE).build());
    let deaf = Arc::new(AtomicBool::new(false));
    let is_deaf = Arc::clone(&deaf);
    let journal = Tapped::new(&inner, move |_| match is_deaf.load(Ordering::SeqCst) {
        true => Tap::Silence,
        false => Tap::Through,
    });
    let (cut_off, well) = (Log::default(), Log::default());
    let beating = Beating::default();
    let old = heart(&cut_off, &beating).override_journal(journal).build().await.expect("it builds");
    let saga = old.submit(30).await.expect("submitted").id();
    sleep(LEASE).await;

    deaf.store(true, Ordering::SeqCst);
    let silent_since = Instant::now();
    let new = heart(&well, &Beating::default()).override_journal(Arc::clone(&inner));
    let new = new.build().await.expect("it builds");
    let saga = new.handle(saga).await.expect("the journal has it");
    let outcome =
        timeout(Duration::from_secs(120), saga.outcome()).await.expect("it is taken over");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(()))), "{outcome:?}");

    let stopped = cut_off.times().last().copied().expect("it did beat");
    let taken = well.times().first().copied().expect("it does beat");
    assert!(stopped >= silent_since, "it went on as long as it could");
    assert!(stopped < silent_since + LEASE, "and no longer");
    assert!(stopped < taken, "the two never overlap");
}

/// Hears nothing.
struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

/// A host that claims whatever there is, and dies of it.
async fn dies_of_everything(journal: &MemoryJournal, name: u128) {
    let definitions = journal.definitions().await.expect("memory");
    let hashes: Vec<_> = definitions.iter().map(|definition| definition.hash()).collect();
    let listener = journal.listen(Arc::new(Deaf)).await.expect("memory");
    let seat = SeatId(Uuid::from_u128(name));
    journal.enter(seat, listener).await.expect("memory");
    journal.claim(seat, ClaimFrom::Definitions(&hashes), 100).await.expect("memory");
    sleep(LEASE + Duration::from_secs(1)).await;
    assert!(matches!(journal.reap(seat).await, Ok(Reaped::Reaped(n)) if n > 0));
}

/// Two sagas of which this many hosts died, and one that is new; how many hearts beat at once. Hosts are told
/// of them by the journal, or by a queue.
async fn beat_together(deaths: u128, queue: Option<MemoryQueue>) -> usize {
    let journal = Arc::new(MemoryJournal::builder().lease(LEASE).build());
    let heart = |beating: &Beating| {
        let heart = heart(&Log::default(), beating).override_journal(Arc::clone(&journal));
        match queue.clone() {
            Some(queue) => heart.override_queue(queue),
            None => heart,
        }
    };
    let submitter = heart(&Beating::default()).build().await.expect("it builds");
    for _ in 0..2 {
        submitter.submit(3600).await.expect("submitted");
    }
    assert!(!submitter.shutdown(Duration::ZERO).await.in_time, "they are given back as they are");
    for death in 1..=deaths {
        dies_of_everything(&journal, death).await;
    }
    let beating = Beating::default();
    let host = heart(&beating).build().await.expect("it builds");
    host.submit(3600).await.expect("submitted");
    sleep(Duration::from_secs(60)).await;
    beating.0.1.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn r3_schedule_b4_a_host_runs_one_suspect_at_a_time_beside_everything_else() {
    for queue in [false, true] {
        let queue = || queue.then(MemoryQueue::new);
        assert_eq!(beat_together(1, queue()).await, 3, "one death is no suspicion");
        assert_eq!(beat_together(2, queue()).await, 2, "the new one, and one of two suspects");
    }
}

/// First something short, then something long.
#[distributed_task(request = (), response = ())]
struct Two {
    log: Log,
}

#[steps]
impl Two {
    #[step(read_only)]
    async fn short(&self) {
        self.log.note("short");
        sleep(Duration::from_secs(1)).await;
    }

    #[step(read_only, timeout = "48h")]
    async fn long(&self) {
        self.log.note("long");
        sleep(Duration::from_secs(24 * 3600)).await;
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn r3_a_saga_that_is_a_suspect_no_more_makes_room_for_the_next() {
    let journal = Arc::new(MemoryJournal::builder().lease(LEASE).build());
    let two = |log: &Log| {
        Two::builder().log(log.clone()).use_in_process_mode().override_journal(journal.clone())
    };
    let submitter = two(&Log::default()).build().await.expect("it builds");
    for _ in 0..2 {
        submitter.submit(()).await.expect("submitted");
    }
    submitter.shutdown(Duration::ZERO).await;
    for death in 1..=2 {
        dies_of_everything(&journal, death).await;
    }
    let log = Log::default();
    let _host = two(&log).build().await.expect("it builds");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(log.entries(), ["short", "long", "short", "long"]);
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_saga_that_runs_here_asks_the_journal_only_when_something_happens() {
    let calls = Calls::default();
    let journal = Tapped::new(&Arc::new(MemoryJournal::new()), counting(&calls));
    let builder = heart(&Log::default(), &Beating::default()).override_journal(journal);
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(3600).await.expect("submitted");
    let mut events = saga.events();
    let soon = Duration::from_secs(10);
    while timeout(soon, events.next()).await.is_ok() {}
    calls.lock().expect("no panic").clear();
    let waited = timeout(Duration::from_secs(3000), events.next()).await;
    assert!(waited.is_err(), "nothing happens: {waited:?}");
    assert_eq!(*calls.lock().expect("no panic"), BTreeMap::new());
    let done = timeout(Duration::from_secs(3600), events.next()).await.expect("it ends");
    assert_eq!(done.expect("an event").to_string(), "2: `beat` done");
}
