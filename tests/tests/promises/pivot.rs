//! The point of no return, when nobody knows whether it was passed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    Cancelled, CompensationCause, OutcomeError, backend::memory::MemoryJournal, kernel::SagaStatus,
    prelude::*,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::tapped::{Tap, Tapped};

/// How opening the file goes for the second host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Refused,
    Fails,
    Slow,
}

#[distributed_task(request = (), response = u32, cancellable)]
struct Sale {
    again: Again,
    moved: Arc<AtomicBool>,
    opened: Arc<AtomicU32>,
    running: Arc<Notify>,
}

#[steps]
impl Sale {
    #[step(ephemeral, read_only, retry(max = 2, delay = "1s", jitter = "none"))]
    async fn open(&self, cx: &StepContext) -> StepResult<u32> {
        let opened = self.opened.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(opened < 100, "it is tried again and again");
        match self.again {
            _ if !self.moved.load(Ordering::SeqCst) => Ok(1),
            Again::Refused => Err(StepError::refuse(Refusal::new("gone", "no such file"))),
            Again::Fails => Err("busy")?,
            Again::Slow => tokio::select! {
                () = cx.cancelled() => Err("told to stop")?,
                () = sleep(Duration::from_secs(5)) => Ok(1),
            },
        }
    }

    #[step(pivot)]
    async fn charge(&self, open: &u32) -> u32 {
        if !self.moved.load(Ordering::SeqCst) {
            self.running.notify_one();
            std::future::pending::<()>().await;
        }
        *open
    }

    #[response]
    fn respond(&self, charge: &u32) -> u32 {
        *charge
    }
}

/// The first host is interrupted while it charges; the outcome that a second host comes to, and how
/// often it opened the file.
async fn sale(again: Again, cancelled: bool) -> (Result<SaleOutcome, OutcomeError>, u32) {
    let (journal, running) = (Arc::new(MemoryJournal::new()), Arc::new(Notify::new()));
    let (moved, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let build = || {
        let builder = Sale::builder().again(again).moved(Arc::clone(&moved));
        let builder = builder.opened(Arc::clone(&opened)).running(Arc::clone(&running));
        builder.use_in_process_mode().override_journal(Arc::clone(&journal)).build()
    };
    let old = build().await.expect("it builds");
    let saga = old.submit(()).await.expect("submitted");
    running.notified().await;
    old.shutdown(Duration::ZERO).await;
    if cancelled {
        assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    }
    moved.store(true, Ordering::SeqCst);
    opened.store(0, Ordering::SeqCst);
    let new = build().await.expect("it builds");
    let saga = new.handle(saga.id()).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(3600), saga.outcome()).await;
    (outcome.expect("it ends"), opened.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_that_may_have_happened_parks_when_its_input_is_refused_the_second_time() {
    let (outcome, opened) = sale(Again::Refused, false).await;
    assert!(matches!(outcome, Err(OutcomeError::Parked { .. })), "{outcome:?}");
    assert_eq!(opened, 1);
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_that_may_have_happened_parks_when_its_input_cannot_be_made_again() {
    let (outcome, opened) = sale(Again::Fails, false).await;
    assert!(matches!(outcome, Err(OutcomeError::Parked { .. })), "{outcome:?}");
    assert_eq!(opened, 3);
}

#[tokio::test(start_paused = true)]
async fn k3_a_cancel_does_not_stop_what_a_pivot_that_may_have_happened_needs() {
    let (outcome, opened) = sale(Again::Slow, true).await;
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(1))), "{outcome:?}");
    assert_eq!(opened, 1);
}

#[distributed_task(request = (), response = u32, cancellable)]
struct Payment {
    running: Arc<Notify>,
}

#[steps]
impl Payment {
    #[step(pivot)]
    async fn charge(&self) -> u32 {
        self.running.notify_one();
        sleep(Duration::from_secs(60)).await;
        1
    }

    #[step(retriable)]
    async fn ship(&self, charge: &u32) -> u32 {
        self.running.notify_one();
        sleep(Duration::from_secs(60)).await;
        *charge
    }
}

#[tokio::test(start_paused = true)]
async fn k3_a_cancel_past_the_pivot_is_too_late_also_when_one_was_recorded_before() {
    let running = Arc::new(Notify::new());
    let task = Payment::builder().running(Arc::clone(&running)).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    assert_eq!(saga.cancel().await.expect("answered"), Cancelled::Already);
    running.notified().await;
    let late = saga.cancel().await.expect("answered");
    assert_eq!(late, Cancelled::TooLate(SagaStatus::Running));
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(1)), "{outcome:?}");
}

/// Its deadline passes a minute after the first step began.
#[distributed_task(request = (), response = (), timeout = "1m")]
struct Auction {
    running: Arc<Notify>,
}

#[steps]
impl Auction {
    #[step(read_only)]
    async fn bid(&self) {
        self.running.notify_one();
        sleep(Duration::from_secs(5)).await;
    }

    #[step(pivot)]
    async fn buy(&self) {
        panic!("it is too late");
    }

    #[response]
    fn respond(&self) {}
}

async fn ran_out_of_time(saga: &SagaHandle<Auction>) {
    let outcome = timeout(Duration::from_secs(3600), saga.outcome()).await.expect("it ends");
    let Ok(SagaOutcome::Compensated { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(cause, CompensationCause::Deadline), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn p3_the_host_that_claims_what_another_one_left_sells_nothing_behind_the_deadline() {
    let (journal, running) = (Arc::new(MemoryJournal::new()), Arc::new(Notify::new()));
    let build = || {
        let builder = Auction::builder().running(Arc::clone(&running)).use_in_process_mode();
        builder.override_journal(Arc::clone(&journal)).build()
    };
    let old = build().await.expect("it builds");
    let saga = old.submit(()).await.expect("submitted");
    running.notified().await;
    assert!(old.shutdown(Duration::from_secs(10)).await.in_time);
    sleep(Duration::from_secs(60)).await;
    let new = build().await.expect("it builds");
    ran_out_of_time(&new.handle(saga.id()).await.expect("the journal has it")).await;
}

#[tokio::test(start_paused = true)]
async fn p3_nor_does_a_host_whose_journal_took_its_time() {
    let (running, late) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let is_late = Arc::clone(&late);
    let journal = Tapped::new(&Arc::new(MemoryJournal::new()), move |call| match call {
        "commit" if is_late.swap(false, Ordering::SeqCst) => Tap::Late(Duration::from_secs(60)),
        _ => Tap::Through,
    });
    let builder = Auction::builder().running(Arc::clone(&running)).use_in_process_mode();
    let task = builder.override_journal(journal).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    late.store(true, Ordering::SeqCst);
    ran_out_of_time(&saga).await;
}
