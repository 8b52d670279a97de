//! Progress and handles.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    OutcomeError, StatusError,
    backend::memory::MemoryJournal,
    kernel::SagaId,
    prelude::*,
    progress::{Progress, SagaStatus},
};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use crate::tapped::{Tap, Tapped};

#[distributed_task(request = bool, response = ())]
struct Watched;

#[steps]
impl Watched {
    #[step(read_only)]
    async fn copy(&self, cx: &StepContext) {
        for done in 1..=4 {
            sleep(Duration::from_secs(1)).await;
            cx.progress(ByteCount::of(done, 4));
        }
    }

    #[step(read_only)]
    async fn check(&self, request: &bool) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        if *request {
            return Err(StepError::refuse(Refusal::new("bad", "not the same")));
        }
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

async fn watched(fails: bool) -> SagaHandle<Watched> {
    let task = Watched::builder().build().await.expect("it builds");
    task.submit(fails).await.expect("submitted")
}

fn steps(seen: &[Progress]) -> Vec<(SagaStatus, usize)> {
    let mut steps: Vec<_> =
        seen.iter().map(|p| (p.status, p.step.as_ref().map_or(0, |step| step.number))).collect();
    steps.dedup();
    steps
}

#[tokio::test(start_paused = true)]
async fn every_watcher_sees_every_step_and_the_end() {
    let saga = watched(false).await;
    let early = tokio::spawn(saga.progress().collect::<Vec<_>>());
    sleep(Duration::from_millis(4500)).await;
    let late = saga.progress().collect::<Vec<_>>().await;
    let early = early.await.expect("it did not panic");
    use SagaStatus::{Completed, Running};
    assert_eq!(steps(&early), [(Running, 1), (Running, 2), (Completed, 0)]);
    assert_eq!(steps(&late), [(Running, 2), (Completed, 0)]);
    let bytes: Vec<_> = early.iter().filter_map(|p| p.bytes).map(|bytes| bytes.done).collect();
    assert_eq!(bytes.last(), Some(&4));
}

#[tokio::test(start_paused = true)]
async fn a_failing_saga_is_seen_to_go_back() {
    let seen: Vec<_> = watched(true).await.progress().collect().await;
    assert_eq!(seen.last().map(|p| p.status), Some(SagaStatus::Compensated));
}

#[distributed_task(request = (), response = ())]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    async fn nothing(&self) {}
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_another_task_is_refused() {
    let journal = Arc::new(MemoryJournal::new());
    let watched = Watched::builder().use_in_process_mode().override_journal(journal.clone());
    let watched = watched.build().await.expect("it builds");
    let other = Other::builder().use_in_process_mode().override_journal(journal);
    let other = other.build().await.expect("it builds");
    let saga = other.submit(()).await.expect("submitted");
    let error = watched.handle(saga.id()).await.expect_err("another task");
    assert!(matches!(error, StatusError::OtherTask { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handle_can_be_had_again_by_id_even_after_the_end() {
    let task = Watched::builder().build().await.expect("it builds");
    let saga = task.submit(false).await.expect("submitted");
    let again = task.handle(saga.id()).await.expect("it is known");
    saga.outcome().await.expect("an outcome");
    for saga in [again, task.handle(saga.id()).await.expect("it is still known")] {
        let outcome = saga.outcome().await.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(())), "{outcome:?}");
    }
    let nobody: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id");
    let error = task.handle(nobody).await.expect_err("there is none");
    assert!(matches!(error, StatusError::NoSuch { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn progress_of_a_saga_that_another_host_drives_shows_its_end() {
    let journal = Arc::new(MemoryJournal::new());
    let build = || Watched::builder().use_in_process_mode().override_journal(journal.clone());
    let there = build().build().await.expect("it builds");
    let saga = there.submit(false).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    let here = build().build().await.expect("it builds");
    let saga = here.handle(saga.id()).await.expect("it is known");
    let seen = timeout(Duration::from_secs(3600), saga.progress().collect::<Vec<_>>()).await;
    let seen = seen.expect("it ends");
    assert_eq!(seen.first().map(|p| p.status), Some(SagaStatus::Running));
    assert_eq!(seen.last().map(|p| p.status), Some(SagaStatus::Completed));
}

/// What a host sees of a saga whose journal does not answer the read of this number, counted from 1,
/// of those that begin with the stream.
async fn seen_in_spite_of(fails: u32, elsewhere: bool) -> [Option<SagaStatus>; 2] {
    let (journal, reads) = (Arc::new(MemoryJournal::new()), Arc::new(AtomicU32::new(100)));
    let counted = Arc::clone(&reads);
    let tapped = Tapped::new(&journal, move |call| match call {
        "read" if counted.fetch_add(1, Ordering::SeqCst) + 1 == fails => Tap::Fails,
        _ => Tap::Through,
    });
    let here = Watched::builder().use_in_process_mode().override_journal(tapped);
    let there = Watched::builder().use_in_process_mode().override_journal(journal);
    let there = there.build().await.expect("it builds");
    let saga = match elsewhere {
        true => {
            let saga = there.submit(false).await.expect("submitted");
            sleep(Duration::from_millis(1)).await;
            let here = here.build().await.expect("it builds");
            here.handle(saga.id()).await.expect("it is known")
        }
        false => here.build().await.expect("it builds").submit(false).await.expect("submitted"),
    };
    reads.store(0, Ordering::SeqCst);
    let seen = timeout(Duration::from_secs(3600), saga.progress().collect::<Vec<_>>()).await;
    let seen = seen.expect("it ends");
    [seen.first(), seen.last()].map(|progress| progress.map(|progress| progress.status))
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_does_not_end_what_is_seen_of_a_saga() {
    let all = [Some(SagaStatus::Running), Some(SagaStatus::Completed)];
    for elsewhere in [true, false] {
        for fails in 1..=3 {
            let seen = seen_in_spite_of(fails, elsewhere).await;
            assert_eq!(seen, all, "read {fails}, elsewhere: {elsewhere}");
        }
    }
}

#[distributed_task(request = (), response = ())]
struct Parking;

#[steps]
impl Parking {
    #[step(read_only)]
    async fn work(&self) {
        sleep(Duration::from_secs(1)).await;
    }

    #[response]
    fn respond(&self) {
        panic!("never")
    }
}

#[tokio::test(start_paused = true)]
async fn every_clone_of_a_handle_hears_that_its_saga_is_parked() {
    let task = Parking::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let clones = [saga.clone(), saga.clone(), saga];
    let outcomes = clones.iter().map(|saga| timeout(Duration::from_secs(60), saga.outcome()));
    for outcome in futures_util::future::join_all(outcomes).await {
        let outcome = outcome.expect("in time");
        assert!(matches!(outcome, Err(OutcomeError::Parked { .. })), "{outcome:?}");
    }
}
