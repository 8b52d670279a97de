//! A plain `fn` runs on a thread that nobody can take away: what it returns is heard, however late.
//!
//! While such a thread runs, the paused clock stands still, and is moved by hand.

use std::{
    pin::pin,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use distributed_task::{
    OutcomeError, backend::memory::MemoryJournal, kernel::SagaStatus, prelude::*,
};
use futures_util::FutureExt;
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{advance, sleep},
};

use crate::log::Log;

/// Holds a thread up until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let is_open = is_open.lock().expect("nobody panics at the gate");
        drop(opened.wait_while(is_open, |is_open| !*is_open).expect("nobody panics at the gate"));
    }

    fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock().expect("nobody panics at the gate") = true;
        opened.notify_all();
    }
}

/// A test that fails leaves no thread behind.
struct OpenAtEnd(Gate);

impl Drop for OpenAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Waits, and lets the time pass.
async fn in_time<T>(wanted: impl Future<Output = T>) -> T {
    let mut wanted = pin!(wanted);
    for _ in 0..10_000 {
        for _ in 0..20 {
            if let Some(here) = wanted.as_mut().now_or_never() {
                return here;
            }
            yield_now().await;
        }
        advance(Duration::from_millis(50)).await;
    }
    panic!("it takes too long");
}

#[distributed_task(request = (), response = u32)]
struct Charge {
    log: Log,
    gate: Gate,
    running: Arc<Notify>,
}

#[steps]
impl Charge {
    #[step(compensate = refund, timeout = "200ms", retry(max = 0))]
    fn charge(&self) -> u32 {
        self.running.notify_one();
        self.gate.pass();
        self.log.note("charged");
        self.running.notify_one();
        7
    }

    async fn refund(&self, charge: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("refund {charge:?}"));
        Ok(())
    }
}

struct Shop {
    task: Task<Charge>,
    log: Log,
    gate: Gate,
    running: Arc<Notify>,
    _end: OpenAtEnd,
}

async fn shop(journal: &Arc<MemoryJournal>) -> Shop {
    let (log, gate, running) = (Log::default(), Gate::default(), Arc::new(Notify::new()));
    let builder = Charge::builder().log(log.clone()).gate(gate.clone()).running(running.clone());
    let builder = builder.use_in_process_mode().override_journal(Arc::clone(journal));
    let task = builder.grace(Duration::from_millis(200)).build().await.expect("it builds");
    Shop { task, log, _end: OpenAtEnd(gate.clone()), gate, running }
}

#[tokio::test(start_paused = true)]
async fn j5_c8_inv6_a_thread_that_succeeds_after_its_undo_is_undone_again() {
    let Shop { task, log, gate, _end, .. } = shop(&Arc::default()).await;
    let saga = task.submit(()).await.expect("submitted");
    let outcome = in_time(saga.outcome()).await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: false, .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["refund Unknown"]);
    gate.open();
    sleep(Duration::from_secs(60)).await;
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: true, .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["refund Unknown", "charged", "refund Done(7)"]);
}

#[tokio::test(start_paused = true)]
async fn k5_a_thread_of_a_saga_that_was_killed_is_heard_and_listed() {
    let Shop { task, gate, running, _end, .. } = shop(&Arc::default()).await;
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    let operator = task.operator("alice");
    operator.kill(saga.id(), "not wanted").await.expect("told");
    let outcome = in_time(saga.outcome()).await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Killed { .. }), "{outcome:?}");
    gate.open();
    sleep(Duration::from_secs(60)).await;
    let late = operator.late().await.expect("it answers");
    assert_eq!(late.iter().map(|late| late.saga).collect::<Vec<_>>(), [saga.id()]);
}

#[tokio::test(start_paused = true)]
async fn j5_what_a_thread_returns_after_its_host_left_counts() {
    let journal = Arc::default();
    let old = shop(&journal).await;
    let saga = old.task.submit(()).await.expect("submitted");
    old.running.notified().await;
    assert!(!in_time(old.task.shutdown(Duration::ZERO)).await.in_time);
    old.gate.open();
    old.running.notified().await;
    sleep(Duration::from_secs(60)).await;
    let new = shop(&journal).await;
    let saga = new.task.handle(saga.id()).await.expect("the journal has it");
    let outcome = in_time(saga.outcome()).await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(new.log.entries(), Vec::<String>::new(), "it is not charged twice");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_thread_that_was_given_up_until_its_limit() {
    let Shop { task, _end, .. } = shop(&Arc::default()).await;
    let saga = task.submit(()).await.expect("submitted");
    in_time(saga.outcome()).await.expect("an outcome");
    let report = in_time(task.shutdown(Duration::from_secs(2))).await;
    assert!(!report.in_time, "a thread is under way");
}

#[distributed_task(request = (), response = ())]
struct Sale {
    gate: Gate,
}

#[steps]
impl Sale {
    #[step(pivot, timeout = "200ms", retry(max = 0))]
    fn sell(&self) -> u32 {
        self.gate.pass();
        1
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn p2_a_thread_that_succeeds_answers_for_a_pivot_that_nobody_could_tell_of() {
    let gate = Gate::default();
    let _end = OpenAtEnd(gate.clone());
    let builder = Sale::builder().gate(gate.clone()).use_in_process_mode();
    let task = builder.grace(Duration::from_millis(200)).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let parked = in_time(saga.outcome()).await.expect_err("nobody can say");
    assert!(matches!(parked, OutcomeError::Parked { .. }), "{parked}");
    gate.open();
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(())), "{outcome:?}");
    assert_eq!(saga.status().await.expect("known"), SagaStatus::Completed);
}
