//! Cancelling, and the deadline.

use std::{collections::HashMap, sync::Arc, time::Duration};

use distributed_task::{
    Cancelled, CompensationCause, OperatorError, OutcomeError,
    backend::memory::MemoryJournal,
    journal::{Journal, Told},
    kernel::{AttemptEnd, EntryId, Letter, Mail, SagaStatus, Value, Way},
    prelude::*,
};
use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

use crate::log::Log;

#[distributed_task(request = bool, response = (), cancellable, timeout = "1h")]
struct Sale {
    log: Log,
    running: Arc<Notify>,
}

#[steps]
impl Sale {
    #[step(compensate = undo_reserve)]
    async fn reserve(&self) -> u32 {
        self.log.note("reserve");
        1
    }

    async fn undo_reserve(&self, reserve: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo reserve {reserve:?}"));
        Ok(())
    }

    #[step(compensate = undo_pack)]
    async fn pack(&self, cx: &StepContext, request: &bool) -> u32 {
        self.running.notify_one();
        if *request {
            cx.cancelled().await;
            self.log.note("pack was told");
        } else {
            sleep(Duration::from_secs(7200)).await;
        }
        2
    }

    async fn undo_pack(&self, pack: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo pack {pack:?}"));
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

struct Shop {
    task: Task<Sale>,
    log: Log,
    running: Arc<Notify>,
}

async fn shop() -> Shop {
    let (log, running) = (Log::default(), Arc::new(Notify::new()));
    let builder = Sale::builder().running(running.clone()).log(log.clone());
    let task = builder.use_in_process_mode().build().await.expect("it builds");
    Shop { task, log, running }
}

#[tokio::test(start_paused = true)]
async fn k2_a_running_step_is_told_and_what_it_did_is_undone() {
    let Shop { task, log, running } = shop().await;
    let saga = task.submit(true).await.expect("submitted");
    running.notified().await;
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    let wanted = ["reserve", "pack was told", "undo pack Done(2)", "undo reserve Done(1)"];
    assert_eq!(log.entries(), wanted);
    let again = saga.cancel().await.expect("answered");
    assert_eq!(again, Cancelled::TooLate(SagaStatus::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn k2_a_step_that_does_not_listen_is_ended_after_its_grace_and_is_unknown() {
    let Shop { task, log, running } = shop().await;
    let saga = task.submit(false).await.expect("submitted");
    running.notified().await;
    saga.cancel().await.expect("recorded");
    saga.outcome().await.expect("an outcome");
    assert_eq!(log.entries(), ["reserve", "undo pack Unknown", "undo reserve Done(1)"]);
}

#[tokio::test(start_paused = true)]
async fn schedule_b9_a_saga_that_is_cancelled_before_its_first_claim_does_nothing() {
    let Shop { task, log, .. } = shop().await;
    // The paused runtime has one thread: no worker runs before this test awaits something else.
    let saga = task.submit(true).await.expect("submitted");
    saga.cancel().await.expect("recorded");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(log.entries(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn t2_a_saga_that_reaches_its_deadline_goes_back() {
    let Shop { task, log, .. } = shop().await;
    let saga = task.submit(false).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause, CompensationCause::Deadline);
    assert_eq!(log.entries(), ["reserve", "undo pack Unknown", "undo reserve Done(1)"]);
}

#[distributed_task(request = (), response = u32, cancellable)]
struct Reserve {
    log: Log,
}

#[steps]
impl Reserve {
    #[step(compensate = release)]
    async fn reserve(&self) -> u32 {
        1
    }

    async fn release(&self) {
        self.log.note("released");
    }
}

#[tokio::test(start_paused = true)]
async fn p4_without_a_pivot_the_end_of_a_saga_is_its_point_of_no_return() {
    let log = Log::default();
    let task = Reserve::builder().log(log.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(1))));
    let answer = saga.cancel().await.expect("answered");
    assert_eq!(answer, Cancelled::TooLate(SagaStatus::Completed));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(log.entries(), Vec::<String>::new());
}

#[distributed_task(request = (), response = u32, cancellable)]
struct Payment {
    running: Arc<Notify>,
}

#[steps]
impl Payment {
    #[step(pivot)]
    async fn charge(&self, cx: &StepContext) -> bool {
        self.running.notify_one();
        sleep(Duration::from_secs(60)).await;
        cx.is_cancelled()
    }

    #[step(retriable)]
    async fn ship(&self, charge: &bool) -> u32 {
        u32::from(*charge)
    }
}

#[tokio::test(start_paused = true)]
async fn k3_a_cancel_while_the_pivot_runs_is_too_late_when_the_pivot_succeeds() {
    let running = Arc::new(Notify::new());
    let task = Payment::builder().running(running.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(
        matches!(outcome, SagaOutcome::Completed(0)),
        "the pivot is not disturbed: {outcome:?}"
    );
}

#[distributed_task(request = (), response = (), cancellable)]
struct Blocking {
    log: Log,
    running: Arc<Notify>,
    go_on: Arc<std::sync::Barrier>,
}

#[steps]
impl Blocking {
    #[step(compensate = undo_write)]
    fn write(&self, cx: &StepContext) {
        self.running.notify_one();
        while !cx.is_cancelled() {
            std::thread::yield_now();
        }
        self.go_on.wait();
        self.log.note("written");
    }

    async fn undo_write(&self, write: Outcome<&()>) -> StepResult<()> {
        self.log.note(format!("undo {write:?}"));
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn c3_nothing_is_undone_while_a_plain_fn_still_works() {
    let (log, running) = (Log::default(), Arc::new(Notify::new()));
    let go_on = Arc::new(std::sync::Barrier::new(2));
    let builder = Blocking::builder().log(log.clone()).running(running.clone());
    let builder = builder.go_on(go_on.clone()).use_in_process_mode().grace(Duration::ZERO);
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    saga.cancel().await.expect("recorded");
    // Its grace is over at once, but its thread cannot be interrupted: were it given up, its undo
    // would find it unknown.
    tokio::task::spawn_blocking(move || go_on.wait()).await.expect("it does not panic");
    saga.outcome().await.expect("an outcome");
    assert_eq!(log.entries(), ["written", "undo Done(())"]);
}

/// What nobody knows of can be undone, what happened cannot.
#[distributed_task(request = (), response = (), cancellable)]
struct Letters {
    running: Arc<Notify>,
}

#[steps]
impl Letters {
    #[step(read_only, retry(max = 0))]
    async fn address(&self) {}

    #[step(compensate = fetch_back)]
    async fn post(&self) -> u32 {
        self.running.notify_one();
        std::future::pending().await
    }

    async fn fetch_back(&self, cx: &UndoContext, post: Outcome<&u32>) -> StepResult<()> {
        match post {
            Outcome::Unknown if cx.attempt() == 1 => Err("the office is closed")?,
            Outcome::Unknown => Ok(()),
            _ => Err(StepError::refuse(Refusal::new("gone", "it is on its way"))),
        }
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn c8_c11_a_cancelled_saga_says_that_it_is_not_settled_and_what_becomes_of_it() {
    let (journal, running) = (Arc::new(MemoryJournal::new()), Arc::new(Notify::new()));
    let builder = Letters::builder().running(Arc::clone(&running)).use_in_process_mode();
    let task = builder.override_journal(Arc::clone(&journal)).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    saga.cancel().await.expect("recorded");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { settled: false, .. }), "{outcome:?}");

    let end = AttemptEnd::Done(Value::journaled(1_u32));
    let letter = Letter::Late { step: 1, generation: 0, attempt: 1, way: Way::Do, end };
    let mail = Mail { id: EntryId(Uuid::from_u128(7)), letter };
    assert_eq!(journal.tell(saga.id(), mail).await.expect("memory"), Told::Told);
    sleep(Duration::from_secs(1)).await;
    let stuck = saga.outcome().await.expect_err("it is open again");
    assert!(matches!(stuck, OutcomeError::Stuck { .. }), "{stuck}");

    task.operator("alice").waive(saga.id(), "post", "let it be").await.expect("told");
    sleep(Duration::from_secs(1)).await;
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Cancelled { failures, residual, settled, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(settled, "it is known now what happened");
    assert_eq!(residual.len(), 1);
    assert!(failures.iter().any(|failure| failure.step == "post"), "{failures:?}");
}

/// What it packs has no JSON. In memory only debug builds look.
#[cfg(debug_assertions)]
#[distributed_task(request = (), response = (), cancellable)]
struct Odd {
    log: Log,
    running: Arc<Notify>,
}

#[cfg(debug_assertions)]
#[steps]
impl Odd {
    #[step(compensate = unpack)]
    async fn pack(&self, cx: &StepContext) -> HashMap<(u8, u8), u8> {
        self.running.notify_one();
        cx.cancelled().await;
        HashMap::from([((1, 2), 3)])
    }

    async fn unpack(&self, pack: Outcome<&HashMap<(u8, u8), u8>>) {
        self.log.note(format!("unpack {pack:?}"));
    }

    #[response]
    fn respond(&self) {}
}

#[cfg(debug_assertions)]
#[tokio::test(start_paused = true)]
async fn e2_an_output_that_cannot_be_written_does_not_keep_a_cancelled_saga_from_going_back() {
    let (log, running) = (Log::default(), Arc::new(Notify::new()));
    let builder = Odd::builder().log(log.clone()).running(Arc::clone(&running));
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    saga.cancel().await.expect("recorded");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["unpack Unknown"]);
}

/// Nobody will know whether it was paid.
#[distributed_task(request = (), response = (), cancellable)]
struct Silent {
    running: Arc<Notify>,
}

#[steps]
impl Silent {
    #[step(pivot, retry(max = 0))]
    async fn pay(&self) -> StepResult<()> {
        self.running.notify_one();
        sleep(Duration::from_secs(60)).await;
        Err("the line is dead")?
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn k1_an_operator_whose_cancel_cannot_move_a_saga_is_told_what_can() {
    let running = Arc::new(Notify::new());
    let task = Silent::builder().running(Arc::clone(&running)).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    running.notified().await;
    assert_eq!(saga.cancel().await.expect("recorded"), Cancelled::Recorded);
    assert!(matches!(saga.outcome().await, Err(OutcomeError::Parked { .. })));

    let alice = task.operator("alice");
    let error = alice.cancel(saga.id(), "fraud").await.expect_err("it changes nothing");
    assert!(matches!(error, OperatorError::NotNow { status: SagaStatus::Parked, .. }), "{error}");
    assert!(error.to_string().contains("waits at `pay`: `retry` tries that again"), "{error}");
    assert_eq!(saga.cancel().await.expect("answered"), Cancelled::Already);
    alice.mark_not_done(saga.id(), "pay", "nothing on the statement").await.expect("answered");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Cancelled { .. }), "{outcome:?}");
}
