//! The host: a clock that skips time, whatever the runtime of the test, and parts that stay
//! replaceable.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::Duration,
};

use distributed_task::{
    Cancelled, SagaStatus,
    backend::memory::{MemoryJournal, MemoryProgress},
    journal::Journal,
    prelude::*,
    testing::{TestHost, crash_matrix},
};

use crate::shop::{Order, order};

#[tokio::test]
async fn hours_of_back_off_take_no_time_in_a_plain_test() {
    let test = TestHost::new(order).fail_times("charge", 3);
    let saga = test.submit(1200).await;
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(1200))));
    assert_eq!(test.ledger().runs_of("charge"), 4);
    let history = saga.history().await.expect("it is there");
    let waited = history.last().map(|last| last.at.since(history[0].at));
    assert!(waited.is_some_and(|waited| waited >= Duration::from_secs(3 * 3600)), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_test_keeps_its_own_time() {
    let begun = tokio::time::Instant::now();
    let test = TestHost::new(order).fail_times("charge", 3);
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(1200))));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits without any runtime.
fn wait<R>(what: impl Future<Output = R>) -> R {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut what = pin!(what);
    loop {
        match what.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_test_needs_no_runtime_at_all() {
    let test = TestHost::new(order);
    assert!(matches!(wait(test.run(1200)), Ok(SagaOutcome::Completed(1200))));
    assert!(wait(crash_matrix::<Order>(1200).check()).runs > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_of_many_threads_will_do() {
    let test = TestHost::new(order);
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(1200))));
}

#[tokio::test]
async fn between_two_calls_nothing_happens() {
    let test = TestHost::new(order).fail_once("charge");
    let saga = test.submit(1200).await;
    let runs = test.ledger().runs().len();
    tokio::task::yield_now().await;
    assert_eq!(test.ledger().runs().len(), runs);
    test.advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(saga.status().await.ok(), Some(SagaStatus::Completed));
}

#[tokio::test]
async fn k1_a_saga_is_cancelled_while_it_waits() {
    let test = TestHost::new(order).fail_times("charge", 3);
    let saga = test.submit(1200).await;
    test.advance(Duration::from_secs(1)).await;
    assert!(matches!(saga.cancel().await, Ok(Cancelled::Recorded)));
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Cancelled { .. })));
    assert!(test.ledger().balances().values().all(|balance| *balance == 0), "{}", test.ledger());
}

#[tokio::test]
async fn a_restart_goes_on_where_the_dead_process_was() {
    let test = TestHost::new(order).hang_once("ship");
    let saga = test.submit(1200).await;
    test.advance(Duration::from_secs(60)).await;
    test.restart().await;
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(1200))));
    assert_eq!((test.ledger().runs_of("charge"), test.ledger().runs_of("ship")), (1, 2));
    assert_eq!(test.ledger().balance("parcels"), 1);
}

#[tokio::test]
async fn parts_of_the_builder_stay_replaced() {
    let journal = Arc::new(MemoryJournal::new());
    let kept = Arc::clone(&journal);
    let test = TestHost::new(move |ledger| {
        let builder = order(ledger).override_journal(Arc::clone(&kept));
        builder.override_progress(MemoryProgress::default()).concurrency(1)
    });
    let saga = test.submit(1200).await;
    let read = journal.read(saga.id(), 0).await.expect("it answers");
    assert!(!read.expect("it is there").records.is_empty());
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(1200))));
}

#[tokio::test]
#[should_panic(expected = "nothing came of it within 100s")]
async fn what_never_comes_is_a_panic() {
    let test = TestHost::new(order).within(Duration::from_secs(100));
    test.act(|_| std::future::pending::<()>()).await;
}

#[tokio::test]
#[should_panic(expected = "the task under test cannot be built: `order`")]
async fn a_task_that_cannot_be_built_is_a_panic_that_says_why() {
    let test = TestHost::new(|ledger| order(ledger).concurrency(0));
    let _ = test.run(1).await;
}
