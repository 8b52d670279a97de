//! An API step that is parked: its start was accepted, and an operator decides.

use std::{sync::Arc, time::Duration};

use distributed_task::{OutcomeError, backend::memory::MemoryJournal, prelude::*};
use tokio::time::{sleep, timeout};

use crate::log::Log;

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

#[distributed_task(request = (), response = u32)]
struct Receive {
    log: Log,
    fails: u32,
}

#[steps]
impl Receive {
    #[step(host = "api", compensate = give_back, retry(max = 0), on_exhausted = "park")]
    async fn take(&self, cx: &StepContext) -> StepResult<u32> {
        self.log.note("take");
        if cx.attempt() <= self.fails {
            Err("not now")?;
        }
        Ok(cx.attempt())
    }

    async fn give_back(&self) -> StepResult<()> {
        self.log.note("give back");
        Ok(())
    }

    #[step(read_only)]
    async fn work(&self, take: &u32) -> u32 {
        *take
    }
}

/// A task whose API step parked, and that saga, which was started under the key `17`.
async fn parked(fails: u32) -> (Task<Receive>, SagaHandle<Receive>, Log) {
    let (log, journal) = (Log::default(), Arc::new(MemoryJournal::new()));
    let builder = Receive::builder().log(log.clone()).fails(fails).use_in_process_mode();
    let task = builder.override_journal(journal).build().await.expect("it builds");
    let saga = task.submit_with_key("17", ()).await.expect("it is accepted");
    assert!(matches!(saga.outcome().await, Err(OutcomeError::Parked { .. })));
    (task, saga, log)
}

async fn completes(task: &Task<Receive>, saga: &SagaHandle<Receive>, with: u32) {
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(response) if response == with));
    let again = task.submit_with_key("17", ()).await.expect("it is known");
    assert_eq!(again.id(), saga.id(), "its key was acknowledged");
}

#[tokio::test(start_paused = true)]
async fn schedule_a6_a_parked_api_step_is_tried_again_when_an_operator_says_so() {
    let (task, saga, log) = parked(1).await;
    task.operator("alice").retry(saga.id()).await.expect("it is recorded");
    completes(&task, &saga, 2).await;
    assert_eq!(log.entries(), ["take", "take"]);
}

#[tokio::test(start_paused = true)]
async fn schedule_a6_it_may_park_again_and_again() {
    let (task, saga, log) = parked(3).await;
    for _ in 0..2 {
        task.operator("alice").retry(saga.id()).await.expect("it is recorded");
        sleep(Duration::from_secs(1)).await;
        assert!(matches!(saga.outcome().await, Err(OutcomeError::Parked { .. })));
    }
    task.operator("alice").retry(saga.id()).await.expect("it is recorded");
    completes(&task, &saga, 4).await;
    assert_eq!(log.entries().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn schedule_a6_a_parked_api_step_is_done_when_an_operator_says_so() {
    let (task, saga, log) = parked(1).await;
    let alice = task.operator("alice");
    alice.mark_done_with(saga.id(), "take", 7_u32, "a receipt").await.expect("it is recorded");
    completes(&task, &saga, 7).await;
    assert_eq!(log.entries(), ["take"]);
}
