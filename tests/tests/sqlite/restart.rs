//! What a process leaves behind, and what the next one makes of it.

use std::time::Duration;

use distributed_task::{
    OutcomeError,
    kernel::{SagaId, SagaStatus},
    prelude::*,
};

use crate::orders::{Order, Outside, Process, notes};

/// Two processes on one file: what the first begins, the second ends.
fn restarted(request: &str, end: impl FnOnce(Process)) -> (Process, SagaId, Outside) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let (path, outside) = (folder.join("orders.db"), Outside::default());
    let first = Process::start(&path, &outside);
    let saga = first.order(request);
    end(first);
    outside.lock().expect("nobody panics under it").push("restart".to_owned());
    let second = Process::start(&path, &outside);
    (second, saga, outside)
}

fn is_completed(outcome: Result<SagaOutcome<Order>, OutcomeError>) -> bool {
    matches!(outcome, Ok(SagaOutcome::Completed(response)) if response.starts_with("taken for"))
}

#[test]
fn a_saga_whose_process_is_killed_in_a_step_goes_on_with_that_step() {
    let (process, saga, outside) = restarted("h", Process::kill);
    assert!(is_completed(process.outcome(saga)));
    let sent = ["take", "send taken for h, attempt 1", "restart", "send taken for h, attempt 2"];
    assert_eq!(notes(&outside), sent);
}

#[test]
fn whoever_waits_in_the_next_process_hears_the_end_at_once() {
    let (process, saga, _) = restarted("h", Process::kill);
    let now = || process.runtime.block_on(async { tokio::time::Instant::now() });
    let begun = now();
    assert!(is_completed(process.outcome(saga)));
    assert!(
        now() - begun < Duration::from_millis(100),
        "it asks now and then: {:?}",
        now() - begun
    );
}

#[test]
fn a_saga_that_waits_for_a_retry_waits_on() {
    for end in [Process::kill, Process::leave] {
        let (process, saga, outside) = restarted("r", end);
        assert!(is_completed(process.outcome(saga)));
        assert_eq!(notes(&outside)[2..], ["restart", "send taken for r, attempt 2"]);
    }
}

#[test]
fn a_saga_that_is_over_can_be_read() {
    let (process, saga, _) = restarted("", Process::kill);
    assert_eq!(process.status(saga), SagaStatus::Completed);
    assert!(is_completed(process.outcome(saga)));
    let events = process.runtime.block_on(async {
        process.orders.handle(saga).await.expect("it is there").history().await.expect("it is read")
    });
    assert!(events.len() > 4, "{events:?}");
}

#[test]
fn a_saga_that_is_parked_stays_parked_and_goes_on_when_somebody_says_so() {
    let (process, saga, outside) = restarted("p", |first| {
        first.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(2 * 3600)).await });
        first.kill();
    });
    assert!(matches!(process.outcome(saga), Err(OutcomeError::Parked { .. })));
    process.runtime.block_on(async {
        let operator = process.orders.operator("alice");
        operator.mark_done_with(saga, "send", "by hand", "a receipt").await.expect("it is told");
    });
    assert!(is_completed(process.outcome(saga)));
    assert_eq!(notes(&outside).len(), 4, "two attempts, and no third: {outside:?}");
}

#[test]
fn a_key_means_the_same_saga_in_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, outside) = (folder.path().join("orders.db"), Outside::default());
    let start = |process: &Process| {
        process.runtime.block_on(async {
            let saga = process.orders.submit_with_key("17", String::new()).await.expect("taken");
            saga.outcome().await.expect("it ends");
            saga.id()
        })
    };
    let first = Process::start(&path, &outside);
    let saga = start(&first);
    first.kill();
    let second = Process::start(&path, &outside);
    assert_eq!(start(&second), saga);
    assert_eq!(notes(&outside), ["take", "send taken for , attempt 1"]);
}

#[test]
fn f2_a_fence_is_higher_and_the_time_no_earlier_in_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("orders.db");
    let seen = || {
        let first = Process::start(&path, &Outside::default());
        let saga = first.order("");
        first.kill();
        saga
    };
    let sagas = [seen(), seen(), seen()];
    // Of a journal that is closed, every saga is a row.
    Process::start(&path, &Outside::default()).leave();
    let file = rusqlite::Connection::open(&path).expect("nobody has it open");
    let of = |column: &str| -> Vec<i64> {
        let value = |saga: &SagaId| {
            let groups = "json_each('[0' || records || ']')";
            let query = format!(
                "SELECT max(value ->> '{column}') FROM saga, {groups} WHERE saga.id = ?1 AND type = 'object'"
            );
            file.query_row(&query, [saga.0.as_bytes()], |row| row.get(0)).expect("it is there")
        };
        sagas.iter().map(value).collect()
    };
    assert!(of("fence").is_sorted_by(|earlier, later| earlier < later), "{:?}", of("fence"));
    assert!(of("at").is_sorted_by(|earlier, later| earlier < later), "{:?}", of("at"));
}
