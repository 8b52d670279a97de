//! The queues keep their contract.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryQueue,
    conformance::{self, queue::Subject},
};

const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn the_queue_in_memory_keeps_the_contract() {
    conformance::queue::run(async || Subject {
        queue: MemoryQueue::with_capacity(8),
        capacity: Some(8),
        moment: MOMENT,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_for_two_tickets_keeps_the_contract() {
    conformance::queue::run(async || Subject {
        queue: MemoryQueue::with_capacity(2),
        capacity: Some(2),
        moment: MOMENT,
    })
    .await;
}

#[tokio::test]
async fn the_queue_in_memory_keeps_the_contract_in_real_time() {
    conformance::queue::run(async || Subject {
        queue: MemoryQueue::with_capacity(8),
        capacity: Some(8),
        moment: MOMENT,
    })
    .await;
}
