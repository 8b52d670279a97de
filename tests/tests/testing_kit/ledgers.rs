//! The ledger of a test.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use distributed_task::{
    builder::TaskBuilder,
    kernel::Way,
    prelude::*,
    testing::{EffectLedger, EntryKind, RunEnd, TestHost, crash_matrix},
};

use crate::shop::{Order, order};

#[tokio::test]
async fn every_run_is_noted_with_its_key_its_attempt_and_its_end() {
    let test = TestHost::new(order).lose_answer("charge").hang("check");
    let outcome = test.run(1200).await;
    assert!(matches!(outcome, Ok(SagaOutcome::Compensated { .. })), "{outcome:?}");
    let runs = test.ledger().runs();
    let charges: Vec<_> = runs.iter().filter(|run| run.step == "charge").collect();
    let seen = |n: usize| (charges[n].way, charges[n].attempt);
    assert_eq!([seen(0), seen(1), seen(2)], [(Way::Do, 1), (Way::Do, 2), (Way::Undo, 1)]);
    assert!(charges[0].key == charges[1].key && charges[1].key != charges[2].key);
    assert_eq!(charges[0].end, RunEnd::Failed("failed by the test".to_owned()));
    assert_eq!((&charges[1].end, &charges[2].end), (&RunEnd::Done, &RunEnd::Done));
    let checks = runs.iter().filter(|run| run.step == "check");
    assert!(checks.clone().count() == 4 && checks.clone().all(|run| run.end == RunEnd::Open));
}

#[tokio::test]
async fn what_a_fake_is_told_stands_in_the_ledger() {
    let test = TestHost::new(order).lose_answer("charge");
    assert!(test.run(1200).await.is_ok());
    let entries = test.ledger().entries();
    let charges: Vec<_> = entries.iter().filter(|entry| entry.account == "card/4711").collect();
    assert_eq!((charges[0].kind, charges[1].kind), (EntryKind::Once, EntryKind::Repeated));
    assert_eq!(test.ledger().balance("card/4711"), 1200);
    let text = test.ledger().to_string();
    assert!(text.contains("once more: nothing happens (`charge`)"), "{text}");
    assert!(text.contains("balance of card/4711: 1200"), "{text}");
}

#[tokio::test]
async fn a_task_of_defaults_finds_the_ledger_of_its_test() {
    let of_default = |_| TaskBuilder::new(Order::default());
    let test = TestHost::new(of_default);
    assert!(test.run(1200).await.is_ok());
    assert_eq!(test.ledger().balance("stock/lamp"), -1);
    assert!(EffectLedger::default().balances().is_empty());
}

/// A hotel whose register outlives the processes of its guests.
#[derive(Default)]
struct Register(Mutex<Vec<String>>);

#[derive(Default)]
#[distributed_task(request = (), response = usize)]
struct Stay {
    hotel: EffectLedger,
    /// What the process knows by itself.
    seen: AtomicUsize,
}

#[steps]
impl Stay {
    #[step(compensate = leave)]
    async fn arrive(&self, cx: &StepContext) -> usize {
        let register = self.hotel.state::<Register>();
        let mut guests = register.0.lock().expect("nobody panics");
        if !guests.contains(&cx.idempotency_key()) {
            guests.push(cx.idempotency_key());
        }
        self.hotel.once(cx.idempotency_key(), "rooms", -1);
        self.seen.fetch_add(1, SeqCst);
        guests.len()
    }

    async fn leave(&self, cx: &UndoContext) {
        self.hotel.take_back(cx.step_key());
    }

    #[step(read_only)]
    async fn sleep(&self, arrive: &usize) -> usize {
        *arrive
    }
}

/// Ten rooms are there before anybody comes.
fn hotel(ledger: EffectLedger) -> TaskBuilder<Stay> {
    ledger.add("the builder", "rooms", 10);
    Stay::builder().hotel(ledger).seen(AtomicUsize::new(0)).use_in_process_mode()
}

#[tokio::test]
async fn what_a_fake_remembers_outlives_a_process_and_what_stood_there_stands_there_once() {
    let test = TestHost::new(hotel).hang_once("sleep");
    let saga = test.submit(()).await;
    test.advance(Duration::from_secs(1)).await;
    test.restart().await;
    assert!(matches!(saga.outcome().await, Ok(SagaOutcome::Completed(1))));
    assert_eq!(test.ledger().state::<Register>().0.lock().expect("nobody panics").len(), 1);
    assert_eq!(test.ledger().balance("rooms"), 9);
}

#[tokio::test]
async fn each_run_of_a_matrix_has_a_register_of_its_own() {
    let report = crash_matrix::<Stay>(()).task(hotel).check().await;
    assert!(report.runs > 20, "{report:?}");
}
