//! The same task with its tickets brought by a queue.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    backend::memory::{MemoryJournal, MemoryQueue},
    kernel::SagaId,
    prelude::*,
    queue::{Queue, Ticket},
};
use tokio::time::{Instant, sleep, timeout};

use crate::log::Log;

#[distributed_task(request = u32, response = u32, queue = "sums")]
struct Sum {
    log: Log,
}

#[steps]
impl Sum {
    #[step(read_only, retry(max = 1, delay = "10s", max_delay = "10s", jitter = "none"))]
    async fn add(&self, cx: &StepContext, request: &u32) -> StepResult<u32> {
        self.log.note(format!("try {}", cx.attempt()));
        match cx.attempt() {
            1 => Err("a wait that is long enough to be a timer")?,
            _ => Ok(request + 1),
        }
    }

    #[response]
    fn respond(&self, add: &u32) -> u32 {
        *add
    }
}

#[tokio::test(start_paused = true)]
async fn j4_v7_a_queue_brings_the_worker_messages_and_a_foreign_one_is_refused() {
    let (queue, log) = (MemoryQueue::with_capacity(1), Log::default());
    assert_eq!(Sum::WORKER_QUEUE, "sums");
    let foreign = Ticket {
        saga: "0192f0c1-0000-7000-8000-000000000000".parse::<SagaId>().expect("an id"),
        task: "another".to_owned(),
        definition: "00".to_owned(),
    };
    queue.publish(Sum::WORKER_QUEUE, foreign).await.expect("published");
    let builder = Sum::builder().log(log.clone()).use_in_process_mode();
    let task = builder.override_queue(queue).build().await.expect("it builds");
    let mut sagas = Vec::new();
    for number in 0..10 {
        sagas.push((number, task.submit(number).await.expect("submitted")));
    }
    for (number, saga) in sagas {
        let outcome = saga.outcome().await.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(n) if n == number + 1), "{outcome:?}");
    }
    assert_eq!(log.entries().len(), 20);
    assert!(task.shutdown(Duration::from_secs(1)).await.in_time);
}

#[distributed_task(request = (), response = u32)]
struct ShortWait;

#[steps]
impl ShortWait {
    #[step(read_only, retry(max = 1, delay = "2s", jitter = "none"))]
    async fn call(&self, cx: &StepContext) -> StepResult<u32> {
        match cx.attempt() {
            1 => Err("busy")?,
            attempt => Ok(attempt),
        }
    }

    #[response]
    fn respond(&self, call: &u32) -> u32 {
        *call
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_for_a_message_takes_no_slot_from_a_saga_that_waited() {
    let builder = ShortWait::builder().use_in_process_mode().concurrency(1);
    let task = builder.override_queue(MemoryQueue::new()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = timeout(Duration::from_secs(60), saga.outcome()).await;
    let outcome = outcome.expect("in time").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(2)), "{outcome:?}");
}

#[distributed_task(request = u64, response = ())]
struct Long;

#[steps]
impl Long {
    #[step(read_only)]
    async fn work(&self, request: &u64) {
        sleep(Duration::from_secs(*request)).await;
    }
}

async fn long(journal: &Arc<MemoryJournal>, queue: &MemoryQueue) -> Task<Long> {
    let builder = Long::builder().use_in_process_mode().override_journal(Arc::clone(journal));
    let builder = builder.override_queue(queue.clone()).concurrency(1);
    builder.build().await.expect("it builds")
}

#[tokio::test(start_paused = true)]
async fn a_busy_host_does_not_keep_a_message_from_an_idle_one() {
    let (journal, queue) = (Arc::new(MemoryJournal::new()), MemoryQueue::new());
    let busy = long(&journal, &queue).await;
    busy.submit(500).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    let saga = busy.submit(1).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    let _idle = long(&journal, &queue).await;
    let begun = Instant::now();
    saga.outcome().await.expect("an outcome");
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_busy_takes_the_next_message_itself() {
    let (journal, queue) = (Arc::new(MemoryJournal::new()), MemoryQueue::new());
    let task = long(&journal, &queue).await;
    let mut sagas = Vec::new();
    for _ in 0..4 {
        sagas.push(task.submit(10).await.expect("submitted"));
        sleep(Duration::from_secs(1)).await;
    }
    let begun = Instant::now();
    for saga in sagas {
        let outcome = timeout(Duration::from_secs(24 * 3600), saga.outcome()).await;
        outcome.expect("it is its turn").expect("an outcome");
    }
    assert_eq!(begun.elapsed().as_secs(), 36, "one after the other, without a pause");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_room_in_a_full_queue() {
    let (journal, queue) = (Arc::new(MemoryJournal::new()), MemoryQueue::with_capacity(1));
    let task = long(&journal, &queue).await;
    for _ in 0..5 {
        task.submit(5).await.expect("submitted");
    }
    sleep(Duration::from_secs(1)).await;
    let shutdown = timeout(Duration::from_secs(3600), task.shutdown(Duration::from_secs(60))).await;
    assert!(shutdown.expect("it ends").in_time);
}
