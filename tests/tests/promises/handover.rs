//! Timers and wake-ups outlive the host that set them or got them.
//!
//! A journal wakes one idle host, and which one depends on the ids of seats, which are random: what
//! may go wrong only for one order is tried several times.

use std::{sync::Arc, time::Duration};

use distributed_task::{backend::memory::MemoryJournal, prelude::*};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

const ORDERS: u32 = 20;

#[distributed_task(request = (), response = u32)]
struct LongWait;

#[steps]
impl LongWait {
    #[step(read_only, retry(max = 1, delay = "1h", max_delay = "1h", jitter = "none"))]
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

async fn long_wait(journal: &Arc<MemoryJournal>) -> Task<LongWait> {
    let builder = LongWait::builder().use_in_process_mode();
    builder.override_journal(Arc::clone(journal)).build().await.expect("it builds")
}

/// The saga's second attempt is due in an hour, and the host that set the timer is to leave.
async fn waiting(journal: &Arc<MemoryJournal>) -> (Task<LongWait>, SagaHandle<LongWait>) {
    let old = long_wait(journal).await;
    let saga = old.submit(()).await.expect("submitted");
    sleep(Duration::from_secs(60)).await;
    (old, saga)
}

async fn is_called_again(task: &Task<LongWait>, saga: SagaHandle<LongWait>) {
    let saga = task.handle(saga.id()).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(2 * 3600), saga.outcome()).await;
    let outcome = outcome.expect("the timer fires").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(2)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn t2_a_timer_of_a_host_that_left_fires_at_a_host_that_comes_later() {
    let journal = Arc::new(MemoryJournal::new());
    let (old, saga) = waiting(&journal).await;
    assert!(old.shutdown(Duration::from_secs(1)).await.in_time);
    is_called_again(&long_wait(&journal).await, saga).await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_a_host_that_left_fires_at_a_host_that_was_there() {
    let journal = Arc::new(MemoryJournal::new());
    let (old, saga) = waiting(&journal).await;
    let new = long_wait(&journal).await;
    sleep(Duration::from_secs(60)).await;
    assert!(old.shutdown(Duration::from_secs(1)).await.in_time);
    is_called_again(&new, saga).await;
}

/// Runs for so many seconds: at once, or in its second attempt.
#[distributed_task(request = (bool, u64), response = ())]
struct Haul {
    running: Arc<Notify>,
}

#[steps]
impl Haul {
    #[step(read_only, retry(max = 1, delay = "3s", jitter = "none"))]
    async fn load(&self, cx: &StepContext, request: &(bool, u64)) -> StepResult<()> {
        self.running.notify_one();
        let (at_once, seconds) = *request;
        if !at_once && cx.attempt() == 1 {
            Err("too early")?;
        }
        sleep(Duration::from_secs(seconds)).await;
        Ok(())
    }

    #[step(read_only)]
    async fn drive(&self) {}

    #[response]
    fn respond(&self) {}
}

async fn haul(journal: &Arc<MemoryJournal>, slots: usize) -> (Task<Haul>, Arc<Notify>) {
    let running = Arc::new(Notify::new());
    let builder = Haul::builder().running(Arc::clone(&running)).use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(journal)).concurrency(slots);
    (builder.build().await.expect("it builds"), running)
}

#[tokio::test(start_paused = true)]
async fn what_a_leaving_host_gives_back_wakes_the_idle_other() {
    for _ in 0..ORDERS {
        let journal = Arc::new(MemoryJournal::new());
        // The old host has a slot left, so the wake-up may come to itself.
        let (old, running) = haul(&journal, 2).await;
        let saga = old.submit((true, 5)).await.expect("submitted");
        running.notified().await;
        let (new, _) = haul(&journal, 2).await;
        sleep(Duration::from_secs(1)).await;
        assert!(old.shutdown(Duration::from_secs(60)).await.in_time);
        let saga = new.handle(saga.id()).await.expect("the journal has it");
        let outcome = timeout(Duration::from_secs(60), saga.outcome()).await;
        outcome.expect("the other host goes on").expect("an outcome");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_that_comes_to_a_busy_host_goes_on_to_an_idle_one() {
    for _ in 0..ORDERS {
        let journal = Arc::new(MemoryJournal::new());
        let (busy, _) = haul(&journal, 1).await;
        // While it waits for its retry its host is idle, and then it takes the only slot.
        busy.submit((false, 500)).await.expect("submitted");
        sleep(Duration::from_secs(1)).await;
        let (_idle, _) = haul(&journal, 1).await;
        sleep(Duration::from_secs(10)).await;
        let begun = Instant::now();
        let saga = busy.submit((true, 0)).await.expect("submitted");
        saga.outcome().await.expect("an outcome");
        assert!(begun.elapsed().as_secs() <= 1, "after {:?}", begun.elapsed());
    }
}
