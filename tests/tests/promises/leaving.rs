//! What those see who still wait for a task that leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    SubmitError,
    backend::memory::MemoryJournal,
    journal::{Journal, ListFilter},
    prelude::*,
};
use futures_util::FutureExt;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(100_000);

#[distributed_task(request = u64, response = (), cancellable)]
struct Shift {
    log: Log,
    running: Arc<Notify>,
}

#[steps]
impl Shift {
    /// Takes so many seconds, unless it is told to stop.
    #[step(read_only)]
    async fn first(&self, cx: &StepContext, request: &u64) {
        self.running.notify_one();
        tokio::select! {
            () = cx.cancelled() => self.log.note("told to stop"),
            () = sleep(Duration::from_secs(*request)) => {}
        }
    }

    #[step(read_only)]
    async fn second(&self) {}

    #[response]
    fn respond(&self) {}
}

struct Plant {
    task: Task<Shift>,
    log: Log,
    running: Arc<Notify>,
}

/// A task that runs one saga at a time.
async fn plant(journal: &Arc<MemoryJournal>) -> Plant {
    let (log, running) = (Log::default(), Arc::new(Notify::new()));
    let builder = Shift::builder().log(log.clone()).running(Arc::clone(&running));
    let builder = builder.use_in_process_mode().override_journal(Arc::clone(journal));
    let task = builder.concurrency(1).build().await.expect("it builds");
    Plant { task, log, running }
}

/// A task that runs a saga of so many seconds.
async fn at_work(journal: &Arc<MemoryJournal>, seconds: u64) -> (Plant, SagaHandle<Shift>) {
    let plant = plant(journal).await;
    let saga = plant.task.submit(seconds).await.expect("submitted");
    plant.running.notified().await;
    (plant, saga)
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_waits_for_room_is_refused_when_the_task_leaves() {
    let journal = Arc::new(MemoryJournal::builder().capacity(1).build());
    let (Plant { task, .. }, _) = at_work(&journal, 5).await;
    task.submit(5).await.expect("there is room for one");
    let waiting = tokio::spawn({
        let task = task.clone();
        async move { task.submit(5).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(task.shutdown(Duration::from_secs(60)).await.in_time);
    let refused = timeout(FOR_EVER, waiting).await.expect("it ends").expect("it does not panic");
    assert!(matches!(refused, Err(SubmitError::ShuttingDown { .. })), "{refused:?}");

    // Nor is it let in when another host makes room.
    let _other = plant(&journal).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(journal.list(ListFilter::default(), None, 10).await.expect("it answers").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_had_from_a_task_that_left_sees_the_end_elsewhere() {
    let journal = Arc::new(MemoryJournal::new());
    let (Plant { task, .. }, saga) = at_work(&journal, 5).await;
    task.shutdown(Duration::from_secs(60)).await;
    let saga = task.handle(saga.id()).await.expect("the journal has it");
    let _other = plant(&journal).await;
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(()))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn progress_ends_when_the_task_leaves() {
    let journal = Arc::new(MemoryJournal::new());
    let (Plant { task, .. }, saga) = at_work(&journal, 5).await;
    let mut progress = saga.progress();
    progress.next().await.expect("the state it is in");
    task.shutdown(Duration::from_secs(60)).await;
    let rest = async { while progress.next().await.is_some() {} };
    timeout(FOR_EVER, rest).await.expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn k2_a_cancel_reaches_a_running_step_while_the_task_leaves() {
    let journal = Arc::new(MemoryJournal::new());
    let (Plant { task, log, .. }, saga) = at_work(&journal, 500).await;
    let begun = Instant::now();
    let leaving = tokio::spawn(async move { task.shutdown(Duration::from_secs(600)).await });
    sleep(Duration::from_secs(1)).await;
    saga.cancel().await.expect("recorded");
    assert!(leaving.await.expect("it does not panic").in_time);
    assert_eq!(log.entries(), ["told to stop"]);
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[distributed_task(request = (), response = (), cancellable)]
struct Deaf {
    running: Arc<Notify>,
}

#[steps]
impl Deaf {
    #[step(read_only)]
    async fn work(&self) {
        self.running.notify_one();
        std::future::pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_shutdown_cuts_the_grace_of_a_cancel_short() {
    let running = Arc::new(Notify::new());
    let builder = Deaf::builder().running(Arc::clone(&running)).use_in_process_mode();
    let task = builder.grace(Duration::from_secs(3600)).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    saga.cancel().await.expect("recorded");
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert!(!task.shutdown(Duration::from_secs(5)).await.in_time);
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[test]
fn a_shutdown_ends_although_the_runtime_of_the_task_is_gone() {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().expect("it can be built")
    };
    let first = runtime();
    let task = first.block_on(async { plant(&Arc::default()).await.task });
    drop(first);
    runtime().block_on(async {
        let shutdown = timeout(FOR_EVER, task.shutdown(Duration::from_secs(1))).await;
        shutdown.expect("it ends");
    });
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_although_the_journal_does_not_answer() {
    let calls = ["commit", "read", "claim", "pulse", "inbox", "tell", "create", "leave", ""];
    for silent in calls {
        for mut fails in ["", "commit"] {
            let is_silent = Arc::new(AtomicBool::new(false));
            let deaf = Arc::clone(&is_silent);
            if silent == "commit" {
                fails = "";
            }
            let journal = Tapped::new(&Arc::new(MemoryJournal::new()), move |call| {
                match deaf.load(Ordering::SeqCst) {
                    true if call == fails => Tap::Fails,
                    true if call == silent || silent.is_empty() => Tap::Silence,
                    _ => Tap::Through,
                }
            });
            let (log, running) = (Log::default(), Arc::new(Notify::new()));
            let builder = Shift::builder().log(log.clone()).running(Arc::clone(&running));
            let builder = builder.use_in_process_mode().override_journal(journal);
            let task = builder.build().await.expect("it builds");
            let saga = task.submit(5).await.expect("submitted");
            running.notified().await;
            is_silent.store(true, Ordering::SeqCst);
            let other = tokio::spawn({
                let task = task.clone();
                async move { drop(task.submit(500).await) }
            });
            saga.cancel().now_or_never();
            sleep(Duration::from_secs(60)).await;
            let begun = Instant::now();
            let shutdown = timeout(FOR_EVER, task.shutdown(Duration::from_secs(10))).await;
            shutdown.unwrap_or_else(|_| panic!("it does not end while `{silent}` is silent"));
            assert!(begun.elapsed().as_secs() <= 15, "{silent}: after {:?}", begun.elapsed());
            timeout(FOR_EVER, other).await.expect("a submit ends, too").expect("no panic");
            is_silent.store(false, Ordering::SeqCst);
            let gone = timeout(FOR_EVER, saga.outcome()).await;
            gone.expect("who waits for the end hears of it").ok();
        }
    }
}
