//! A host that loses its seat: what it held is another's, and it goes on with a new one (A4, B17).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::{MemoryJournal, MemoryQueue},
    journal::{Journal, Reaped, SeatId, Signal, Signals},
    prelude::*,
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

const LEASE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

/// Somebody sees that the lease of others is over, and reaps them.
async fn others_reap(journal: &MemoryJournal) {
    let listener = journal.listen(Arc::new(Deaf)).await.expect("memory");
    let seat = SeatId(Uuid::new_v4());
    journal.enter(seat, listener).await.expect("memory");
    let dead = journal.pulse(seat, None).await.expect("it lives").dead;
    assert!(!dead.is_empty(), "their lease is over");
    for dead in dead {
        assert!(matches!(journal.reap(dead).await, Ok(Reaped::Reaped(_))));
    }
    journal.leave(seat).await.expect("memory");
}

/// The calls that fail, and how often one was made.
#[derive(Clone, Default)]
struct Line(Arc<(Mutex<Vec<&'static str>>, AtomicUsize)>);

impl Line {
    fn cut(&self, calls: &[&'static str]) {
        *self.0.0.lock().expect("no panic") = calls.to_vec();
        self.0.1.store(0, Ordering::SeqCst);
    }

    fn failed(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn journal(&self, inner: &Arc<MemoryJournal>) -> Arc<impl Journal> {
        let Self(line) = self.clone();
        Tapped::new(inner, move |call| {
            if line.0.lock().expect("no panic").contains(&call) {
                line.1.fetch_add(1, Ordering::SeqCst);
                return Tap::Fails;
            }
            Tap::Through
        })
    }
}

#[distributed_task(request = u64, response = u64)]
struct Work {
    log: Log,
    name: String,
}

#[steps]
impl Work {
    #[step(host = "api", read_only)]
    async fn check(&self, request: &u64) -> u64 {
        *request
    }

    #[step(read_only, timeout = "10h")]
    async fn work(&self, check: &u64) -> u64 {
        self.log.note(format!("{} works", self.name));
        sleep(Duration::from_secs(*check)).await;
        *check
    }
}

fn lasting() -> Arc<MemoryJournal> {
    Arc::new(MemoryJournal::builder().lease(LEASE).build())
}

fn work(log: &Log, name: &str) -> distributed_task::builder::TaskBuilder<Work> {
    Work::builder().log(log.clone()).name(name.to_owned()).use_in_process_mode()
}

#[tokio::test(start_paused = true)]
async fn schedule_b17_a_host_that_lost_its_seat_goes_on_with_a_new_one() {
    for with_queue in [false, true] {
        let (inner, line, log) = (lasting(), Line::default(), Log::default());
        let builder = work(&log, "it").override_journal(line.journal(&inner));
        let builder = match with_queue {
            true => builder.override_queue(MemoryQueue::new()),
            false => builder,
        };
        let task = builder.build().await.expect("it builds");
        let saga = task.submit(60).await.expect("submitted");
        sleep(Duration::from_secs(1)).await;
        line.cut(&["pulse"]);
        sleep(2 * LEASE).await;
        others_reap(&inner).await;
        sleep(LEASE).await;
        line.cut(&[]);
        // Submits, timers and the handle of before: all go on.
        let outcome = timeout(HOUR, saga.outcome()).await.expect("it is taken up again");
        assert!(matches!(outcome, Ok(SagaOutcome::Completed(60))), "{outcome:?}");
        let saga = timeout(HOUR, task.submit(5)).await.expect("in time").expect("submitted");
        let outcome = timeout(HOUR, saga.outcome()).await.expect("it runs");
        assert!(matches!(outcome, Ok(SagaOutcome::Completed(5))), "{outcome:?}");
        assert_eq!(log.entries(), ["it works", "it works", "it works"]);
        assert!(task.shutdown(HOUR).await.in_time);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_saga_is_somebody_elses_now_still_works_and_hears_its_end() {
    let (inner, line, log) = (lasting(), Line::default(), Log::default());
    let old = work(&log, "old").override_journal(line.journal(&inner));
    let old = old.build().await.expect("it builds");
    let saga = old.submit(30).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    let new = work(&log, "new").override_journal(Arc::clone(&inner)).build().await;
    let new = new.expect("it builds");
    line.cut(&["pulse", "enter"]);
    sleep(3 * LEASE).await;
    line.cut(&[]);
    let outcome = timeout(HOUR, saga.outcome()).await.expect("it ends");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(30))), "{outcome:?}");
    assert_eq!(log.entries(), ["old works", "new works"]);
    new.shutdown(HOUR).await;
    let saga = timeout(HOUR, old.submit(1)).await.expect("in time").expect("submitted");
    timeout(HOUR, saga.outcome()).await.expect("it runs").expect("an outcome");
    assert_eq!(log.entries(), ["old works", "new works", "old works"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_gets_no_seat_asks_ever_more_rarely_and_a_submit_waits_for_it() {
    let (inner, line, log) = (lasting(), Line::default(), Log::default());
    let task = work(&log, "it").override_journal(line.journal(&inner));
    let task = task.build().await.expect("it builds");
    line.cut(&["pulse", "enter"]);
    sleep(2 * LEASE).await;
    others_reap(&inner).await;
    line.cut(&["enter"]);
    let waiting = tokio::spawn({
        let task = task.clone();
        async move { task.submit(1).await }
    });
    sleep(HOUR).await;
    assert!((100..=130).contains(&line.failed()), "{} times an hour", line.failed());
    assert!(!waiting.is_finished());
    line.cut(&[]);
    let saga = timeout(HOUR, waiting).await.expect("in time").expect("no panic");
    saga.expect("submitted").outcome().await.expect("an outcome");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_while_a_new_seat_is_looked_for() {
    let (inner, line, log) = (lasting(), Line::default(), Log::default());
    let task = work(&log, "it").override_journal(line.journal(&inner));
    let task = task.build().await.expect("it builds");
    line.cut(&["pulse", "enter"]);
    sleep(2 * LEASE).await;
    others_reap(&inner).await;
    line.cut(&["enter"]);
    sleep(LEASE).await;
    let waiting = tokio::spawn({
        let task = task.clone();
        async move { task.submit(1).await }
    });
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert!(task.shutdown(HOUR).await.in_time);
    assert!(begun.elapsed() < Duration::from_secs(5), "after {:?}", begun.elapsed());
    let refused = waiting.await.expect("no panic").expect_err("it leaves");
    assert!(matches!(refused, distributed_task::SubmitError::ShuttingDown { .. }), "{refused}");
}

/// Two at a time, one of which takes a second longer.
#[distributed_task(request = (), response = (u32, u32))]
struct Pair {
    log: Log,
}

#[steps]
impl Pair {
    #[step(group = "both", no_undo = "it is only noted")]
    async fn left(&self) -> u32 {
        sleep(Duration::from_secs(2)).await;
        self.log.note("left");
        1
    }

    #[step(group = "both", no_undo = "it is only noted")]
    async fn right(&self) -> u32 {
        sleep(Duration::from_secs(3)).await;
        self.log.note("right");
        2
    }

    #[response]
    fn respond(&self, left: &u32, right: &u32) -> (u32, u32) {
        (*left, *right)
    }
}

#[tokio::test(start_paused = true)]
async fn j5_what_is_in_hand_when_the_seat_is_lost_is_told_to_the_next_owner() {
    // The end of the first cannot be written, and nobody looks for that of the second meanwhile.
    for silent in [&["pulse", "commit"][..], &["pulse", "commit", "read"]] {
        let (inner, line, log) = (lasting(), Line::default(), Log::default());
        let pair = |log: &Log| Pair::builder().log(log.clone()).use_in_process_mode();
        let old = pair(&log).override_journal(line.journal(&inner)).build().await;
        let saga = old.expect("it builds").submit(()).await.expect("submitted");
        sleep(Duration::from_secs(1)).await;
        line.cut(silent);
        sleep(2 * LEASE).await;
        others_reap(&inner).await;
        // It hears that it has lost its seat, and says what it knows.
        line.cut(&[&silent[1..], &["enter"]].concat());
        sleep(LEASE).await;
        let again = Log::default();
        let new = pair(&again).override_journal(Arc::clone(&inner)).build().await;
        let saga = new.expect("it builds").handle(saga.id()).await.expect("the journal has it");
        let outcome = timeout(HOUR, saga.outcome()).await.expect("it is taken over");
        assert!(matches!(outcome, Ok(SagaOutcome::Completed((1, 2)))), "{outcome:?}");
        assert_eq!(log.entries(), ["left", "right"]);
        assert_eq!(again.entries(), Vec::<String>::new(), "neither runs again");
    }
}

/// The store was away for longer than the lease, for everybody: nobody was dead.
#[tokio::test(start_paused = true)]
async fn schedule_b17_a_host_whose_seat_nobody_took_goes_on_where_it_was() {
    let (inner, line, log) = (lasting(), Line::default(), Log::default());
    let task = work(&log, "it").override_journal(line.journal(&inner));
    let task = task.build().await.expect("it builds");
    let saga = task.submit(60).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    line.cut(&["pulse", "commit", "claim", "tell", "enter"]);
    sleep(3 * LEASE).await;
    line.cut(&[]);
    let outcome = timeout(HOUR, saga.outcome()).await.expect("it ends");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(60))), "{outcome:?}");
    assert_eq!(log.entries(), ["it works"], "once");
    let history = saga.history().await.expect("it answers");
    assert!(history.iter().all(|event| !event.to_string().contains("crash")), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_while_the_host_holds_still() {
    let (inner, line, log) = (lasting(), Line::default(), Log::default());
    let task = work(&log, "it").override_journal(line.journal(&inner));
    let task = task.build().await.expect("it builds");
    task.submit(3600).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    line.cut(&["pulse", "commit", "claim", "tell", "read", "inbox", "enter", "leave"]);
    sleep(2 * LEASE).await;
    let (begun, limit) = (Instant::now(), Duration::from_secs(1));
    assert!(!task.shutdown(limit).await.in_time);
    assert!(begun.elapsed() < 4 * limit, "after {:?}", begun.elapsed());
}
