//! What is learned late, or from an operator, of a pivot that was given up.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    Cancelled, OutcomeError,
    backend::memory::MemoryJournal,
    journal::{Journal, Told},
    kernel::{AttemptEnd, EntryId, Letter, Mail, SagaId, SagaStatus, Value, Way},
    prelude::*,
};
use tokio::time::{sleep, timeout};

use crate::{log::Log, recorder::Recorder};

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// Its probe says whether it was sold, if it can tell.
#[distributed_task(request = bool, response = u32, cancellable)]
struct Sale {
    log: Log,
}

#[steps]
impl Sale {
    #[step(compensate = release)]
    async fn hold(&self) {}

    async fn release(&self) -> StepResult<()> {
        sleep(Duration::from_secs(100)).await;
        self.log.note("release");
        Ok(())
    }

    #[step(pivot, timeout = "1s", at_most_once, probe = ask)]
    async fn sell(&self) -> u32 {
        sleep(Duration::from_secs(1_000)).await;
        1
    }

    async fn ask(&self, request: &bool) -> StepResult<Probe<u32>> {
        Ok(if *request { Probe::DidNot } else { Probe::CannotTell })
    }

    #[step(retriable, timeout = "1h")]
    async fn ship(&self, sell: &u32) -> u32 {
        sleep(Duration::from_secs(600)).await;
        *sell
    }
}

async fn sale(journal: &Arc<MemoryJournal>) -> (Task<Sale>, Log) {
    let log = Log::default();
    let builder = Sale::builder().log(log.clone()).use_in_process_mode();
    let builder = builder.grace(Duration::from_secs(1)).override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), log)
}

/// A host that nobody heard of any more has sold it.
async fn sold_late(journal: &MemoryJournal, saga: SagaId) -> Told {
    let end = AttemptEnd::Done(Value::journaled(1_u32));
    let letter = Letter::Late { step: 1, generation: 0, attempt: 1, way: Way::Do, end };
    let id: SagaId = "00000000-0000-0000-0000-000000000009".parse().expect("a valid id");
    journal.tell(saga, Mail { id: EntryId(id.0), letter }).await.expect("it is told")
}

async fn residual(saga: &SagaHandle<Sale>) -> Vec<String> {
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    match outcome {
        SagaOutcome::Compensated { residual, .. } => {
            residual.iter().map(|left| format!("{}: {}", left.step, left.reason)).collect()
        }
        _ => panic!("it is compensated"),
    }
}

#[tokio::test(start_paused = true)]
async fn c11_a_pivot_that_happened_after_its_probe_denied_it_is_reported() {
    let journal = Arc::default();
    let (task, log) = sale(&journal).await;
    let saga = task.submit(true).await.expect("submitted");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(saga.status().await.expect("it is there"), SagaStatus::Compensating);
    let (recorder, _guard) = Recorder::start();
    assert_eq!(sold_late(&journal, saga.id()).await, Told::Told);
    assert_eq!(residual(&saga).await, ["sell: done and not undone"]);
    assert_eq!(log.entries(), ["release"]);
    let alarms = recorder.with(|all| {
        let said = all.events.iter().map(|event| event.fields.get("message").to_owned());
        said.filter(|message| message.starts_with("the pivot happened")).count()
    });
    assert_eq!(alarms, 1, "somebody must hear of it");
}

#[tokio::test(start_paused = true)]
async fn c11_so_is_one_that_an_operator_called_not_done() {
    let journal = Arc::default();
    let (task, _) = sale(&journal).await;
    let saga = task.submit(false).await.expect("submitted");
    assert!(matches!(saga.outcome().await, Err(OutcomeError::Parked { .. })));
    let alice = task.operator("alice");
    alice.mark_not_done(saga.id(), "sell", "not in the ledger").await.expect("it is recorded");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(sold_late(&journal, saga.id()).await, Told::Told);
    assert_eq!(residual(&saga).await, ["sell: done and not undone"]);
}

#[tokio::test(start_paused = true)]
async fn schedule_b16_one_that_is_heard_of_when_the_saga_is_over_is_listed() {
    let journal = Arc::default();
    let (task, _) = sale(&journal).await;
    let saga = task.submit(true).await.expect("submitted");
    assert_eq!(residual(&saga).await, Vec::<String>::new());
    let told = sold_late(&journal, saga.id()).await;
    assert_eq!(told, Told::TooLate(SagaStatus::Compensated));
    assert_eq!(journal.late().await.expect("it answers").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn k3_a_cancel_behind_a_pivot_that_was_marked_as_done_comes_too_late() {
    let journal = Arc::default();
    let (task, log) = sale(&journal).await;
    let saga = task.submit(false).await.expect("submitted");
    assert!(matches!(saga.outcome().await, Err(OutcomeError::Parked { .. })));
    let alice = task.operator("alice");
    alice.mark_done_with(saga.id(), "sell", 1_u32, "a receipt").await.expect("it is recorded");
    sleep(Duration::from_secs(10)).await;
    let cancelled = saga.cancel().await.expect("it is answered");
    assert!(matches!(cancelled, Cancelled::TooLate(_)), "{cancelled:?}");
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(1)));
    assert_eq!(log.entries(), Vec::<String>::new());
}
