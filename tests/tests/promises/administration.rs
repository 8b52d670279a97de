//! What a host does for sagas whose code it does not have (B10), when the journal is in trouble.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    OperatorAnswer,
    backend::memory::MemoryJournal,
    journal::Journal,
    kernel::{Place, SagaId, SagaStatus},
    prelude::*,
};
use futures_util::FutureExt;
use tokio::time::{sleep, timeout};

use crate::tapped::{Tap, Tapped};

#[distributed_task(request = (), response = ())]
struct Capable;

#[steps]
impl Capable {
    #[step(read_only, on_exhausted = "park", retry(max = 0))]
    async fn call(&self) -> StepResult<()> {
        Err("no answer")?
    }

    #[response]
    fn respond(&self) {}
}

#[distributed_task(request = (), response = ())]
struct Incapable;

#[steps]
impl Incapable {
    #[step(read_only)]
    async fn rest(&self) {}
}

/// A parked saga, whose host is gone.
async fn parked(journal: &Arc<MemoryJournal>) -> SagaId {
    let builder = Capable::builder().use_in_process_mode().override_journal(Arc::clone(journal));
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    saga.outcome().await.expect_err("it is parked");
    task.shutdown(Duration::from_secs(1)).await;
    saga.id()
}

/// What becomes of it where the code is.
async fn with_the_code(journal: &Arc<MemoryJournal>, saga: SagaId) -> SagaStatus {
    let builder = Capable::builder().use_in_process_mode().override_journal(Arc::clone(journal));
    let task = builder.build().await.expect("it builds");
    sleep(Duration::from_secs(60)).await;
    task.handle(saga).await.expect("it is there").status().await.expect("it is known")
}

/// Its journal does this with the next so many calls of one kind.
async fn incapable(
    journal: &Arc<MemoryJournal>,
    call: &'static str,
    tap: impl Fn() -> Tap + Send + Sync + 'static,
) -> (Task<Incapable>, Arc<AtomicU32>) {
    let left = Arc::new(AtomicU32::new(0));
    let calls = Arc::clone(&left);
    let journal = Tapped::new(journal, move |called| {
        let one_less = |left: u32| left.checked_sub(1);
        let hit = called == call
            && calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        if hit { tap() } else { Tap::Through }
    });
    let builder = Incapable::builder().use_in_process_mode().override_journal(journal);
    (builder.build().await.expect("it builds"), left)
}

#[tokio::test(start_paused = true)]
async fn schedule_b10_a_claim_is_given_back_when_the_journal_answers_again() {
    for (call, times) in [("commit", 1), ("commit", 20), ("claim", 1)] {
        let journal = Arc::new(MemoryJournal::new());
        let saga = parked(&journal).await;
        let (task, left) = incapable(&journal, call, || Tap::Fails).await;
        sleep(Duration::from_secs(1)).await;
        left.store(times, Ordering::SeqCst);
        let operator = task.operator("alice");
        let told = timeout(Duration::from_secs(1), operator.kill(saga, "not wanted")).await;
        assert_eq!(told.expect("at once").expect("told"), OperatorAnswer::Recorded);
        sleep(Duration::from_secs(60)).await;
        let place = journal.read(saga, 0).await.expect("memory").expect("it is there").place;
        // What could not be claimed is left to somebody who can.
        assert_eq!(place, if call == "claim" { Place::Ready } else { Place::Ended });
        assert_eq!(with_the_code(&journal, saga).await, SagaStatus::Killed);
    }
}

#[tokio::test(start_paused = true)]
async fn schedule_b10_a_claim_is_given_back_although_the_operator_waits_no_more() {
    let slow = || Tap::Late(Duration::from_secs(5));
    for call in ["claim", "commit"] {
        let journal = Arc::new(MemoryJournal::new());
        let saga = parked(&journal).await;
        let (task, left) = incapable(&journal, call, slow).await;
        sleep(Duration::from_secs(1)).await;
        left.store(1, Ordering::SeqCst);
        let operator = task.operator("alice");
        let told = operator.kill(saga, "not wanted").now_or_never();
        assert!(told.is_none(), "it waits for the journal");
        drop(operator);
        // The task waits for what it claimed.
        assert!(task.shutdown(Duration::from_secs(60)).await.in_time);
        assert_eq!(with_the_code(&journal, saga).await, SagaStatus::Killed);
    }
}
