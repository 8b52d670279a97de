//! Back-pressure, concurrency, and what a builder refuses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    BuildError, OutcomeError, backend::memory::MemoryJournal, clock::SystemClock, prelude::*,
};
use futures_util::FutureExt;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::keep::Keep;

#[derive(Clone, Default)]
struct Gauge {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[distributed_task(request = (), response = ())]
struct Busy {
    gauge: Gauge,
    gate: Arc<Semaphore>,
}

#[steps]
impl Busy {
    #[step(read_only)]
    async fn work(&self) {
        let now = self.gauge.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.gauge.most.fetch_max(now, Ordering::SeqCst);
        self.gate.acquire().await.expect("it stays open").forget();
        sleep(Duration::from_secs(1)).await;
        self.gauge.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn submit_waits_while_too_many_sagas_wait_for_a_worker() {
    let gate = Arc::new(Semaphore::new(0));
    let task = Busy::builder()
        .gauge(Gauge::default())
        .gate(gate.clone())
        .use_in_process_mode()
        .override_journal(MemoryJournal::builder().capacity(3).build())
        .concurrency(2)
        .build()
        .await
        .expect("it builds");
    let mut sagas = Vec::new();
    // Two run, three wait; the worker needs a turn to take its two.
    for _ in 0..2 {
        sagas.push(task.submit(()).await.expect("submitted"));
    }
    sleep(Duration::from_millis(1)).await;
    for _ in 0..3 {
        sagas.push(task.submit(()).now_or_never().expect("there is room").expect("submitted"));
    }
    let mut sixth = Box::pin(task.submit(()));
    assert!(sixth.as_mut().now_or_never().is_none(), "there is no room for a sixth");
    gate.add_permits(6);
    sagas.push(sixth.await.expect("submitted when there was room again"));
    for saga in sagas {
        saga.outcome().await.expect("an outcome");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_sagas_run_at_a_time_than_allowed() {
    let gauge = Gauge::default();
    let task = Busy::builder()
        .gauge(gauge.clone())
        .gate(Arc::new(Semaphore::new(100)))
        .use_in_process_mode()
        .concurrency(3)
        .build()
        .await
        .expect("it builds");
    let mut sagas = Vec::new();
    for _ in 0..20 {
        sagas.push(task.submit(()).await.expect("submitted"));
    }
    for saga in sagas {
        saga.outcome().await.expect("an outcome");
    }
    assert_eq!(gauge.most.load(Ordering::SeqCst), 3);
}

fn busy() -> distributed_task::builder::TaskBuilder<Busy> {
    Busy::builder().gauge(Gauge::default()).gate(Arc::new(Semaphore::new(0))).use_in_process_mode()
}

#[tokio::test]
async fn a_builder_says_what_has_no_effect() {
    let error = busy().concurrency(0).build().await.expect_err("never runs a saga");
    assert!(matches!(error, BuildError::NoConcurrency { task: "busy" }), "{error}");
    let error = busy()
        .override_journal(MemoryJournal::new())
        .override_clock(SystemClock::default())
        .build()
        .await
        .expect_err("the journal has its own clock");
    assert!(matches!(error, BuildError::ClockWithoutEffect { .. }), "{error}");
    let error = busy().wait_for_turn(Duration::from_secs(1)).build().await;
    let error = error.expect_err("no saga waits for another one");
    assert!(matches!(error, BuildError::NothingToWaitFor { task: "busy" }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn half_a_task_needs_a_journal_that_the_other_half_sees() {
    let api = Other::builder().use_in_process_mode().build_api().await.map(drop);
    let worker = Other::builder().use_in_process_mode().build_worker().await.map(drop);
    for (half, call) in [(api, "`.build_api()`"), (worker, "`.build_worker()`")] {
        let error = half.expect_err("nobody could see its journal");
        assert!(matches!(error, BuildError::NotShared { task: "other", .. }), "{error}");
        for part in [call, "`.build()`", "`.override_journal(..)`", "`.use_distributed_mode(..)`"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
    let journal = Arc::new(MemoryJournal::new());
    let other = || Other::builder().use_in_process_mode().override_journal(Arc::clone(&journal));
    let api = other().build_api().await.expect("it builds");
    let _worker = other().build_worker().await.expect("it builds");
    let saga = api.submit(()).await.expect("submitted");
    let outcome = timeout(Duration::from_secs(60), saga.outcome()).await.expect("in time");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(()))), "{outcome:?}");
}

#[tokio::test]
async fn a_task_of_many_processes_that_uploads_is_told_how_they_share_files() {
    let keep = Keep::builder().use_distributed_mode(|with| with);
    let error = keep.override_journal(MemoryJournal::new()).build_api().await;
    let error = error.expect_err("each process would have files of its own");
    assert!(matches!(error, BuildError::NoFileStore { step: "keep", .. }), "{error}");
    for way in ["`.s3(..)`", "`.override_files(..)`"] {
        assert!(error.to_string().contains(way), "{error}");
    }
}

#[distributed_task(request = f32, response = f32)]
struct Weigh;

#[steps]
impl Weigh {
    /// There is no infinity in JSON.
    #[step(host = "api", read_only)]
    async fn weigh(&self, request: &f32) -> f32 {
        request / 0.0
    }

    #[step(read_only)]
    async fn price(&self, weigh: &f32) -> f32 {
        *weigh
    }
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_parks_in_its_api_phase_gives_its_room_back() {
    let builder = Weigh::builder().use_in_process_mode();
    let builder = builder.override_journal(MemoryJournal::builder().capacity(1).build());
    let task = builder.build().await.expect("it builds");
    for _ in 0..2 {
        let saga = timeout(Duration::from_secs(60), task.submit(1.0)).await;
        let saga = saga.expect("there is room").expect("submitted");
        let outcome = saga.outcome().await;
        assert!(matches!(outcome, Err(OutcomeError::Parked { .. })), "{outcome:?}");
    }
}

/// Takes its time.
#[distributed_task(request = (), response = ())]
struct Slow;

#[steps]
impl Slow {
    #[step(read_only)]
    async fn work(&self) {
        sleep(Duration::from_secs(5)).await;
    }

    #[response]
    fn respond(&self) {}
}

#[distributed_task(request = (), response = ())]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    async fn work(&self) {}

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn v3_schedule_b5_sagas_that_nobody_claims_hold_up_no_other_task() {
    let journal = Arc::new(MemoryJournal::builder().capacity(1).build());
    let slow = Slow::builder().use_in_process_mode().concurrency(1);
    let slow = slow.override_journal(Arc::clone(&journal));
    let slow = slow.build().await.expect("it builds");
    for _ in 0..2 {
        slow.submit(()).await.expect("submitted");
        sleep(Duration::from_secs(1)).await;
    }
    slow.shutdown(Duration::from_secs(60)).await;
    let other = Other::builder().use_in_process_mode().override_journal(journal);
    let other = other.build().await.expect("it builds");
    let saga = timeout(Duration::from_secs(60), other.submit(())).await.expect("there is room");
    saga.expect("submitted").outcome().await.expect("an outcome");
}
