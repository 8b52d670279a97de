//! Signals save waits, and no more: where all of them are lost, everything happens, later.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::memory::{MemoryJournal, MemoryQueue},
    prelude::*,
};
use tokio::time::{sleep, timeout};

use crate::tapped::{Tap, Tapped};

const LEASE: Duration = Duration::from_secs(30);
/// A third of the lease, and a silence of 5 s.
const LATER: Duration = Duration::from_secs(16);

#[distributed_task(request = u64, response = u64)]
struct Double;

#[steps]
impl Double {
    #[step(read_only)]
    async fn double(&self, request: &u64) -> u64 {
        sleep(Duration::from_secs(1)).await;
        request * 2
    }
}

#[tokio::test(start_paused = true)]
async fn schedule_b19_a_saga_is_claimed_and_its_end_is_heard_without_any_signal() {
    for carried in [false, true] {
        let journal = Arc::new(MemoryJournal::builder().lease(LEASE).build());
        let journal = Tapped::far_away(&journal, |_| Tap::Through);
        let task = Double::builder().use_in_process_mode().override_journal(journal);
        let task = match carried {
            true => task.override_queue(MemoryQueue::new()),
            false => task,
        };
        let task = task.build().await.expect("it builds");
        // Now it is idle, and would have to be called.
        sleep(Duration::from_secs(100)).await;
        let saga = task.submit(21).await.expect("it is submitted");
        let outcome = timeout(LATER + Duration::from_secs(1), saga.outcome()).await;
        let outcome = outcome.expect("somebody looks").expect("it ends");
        assert!(matches!(outcome, SagaOutcome::Completed(42)), "carried: {carried}");
    }
}
