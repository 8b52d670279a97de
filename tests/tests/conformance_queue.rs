//! The queues keep their contract.

use std::time::Duration;

use distributed_task::{
    backend::{memory::MemoryQueue, redis::RedisQueue},
    conformance::{self, queue::Subject},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_in_redis_keeps_the_contract() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let mut queues = 0;
    conformance::queue::run(async || {
        queues += 1;
        let queue = RedisQueue::builder(server.url()).namespace(format!("test-{queues}"));
        Subject {
            queue: queue.open().await.expect("the server is there"),
            capacity: None,
            moment: 3 * MOMENT,
        }
    })
    .await;
}
