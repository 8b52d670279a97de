//! A start that is said twice.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    OutcomeError, StartKey, StatusError, SubmitError,
    backend::memory::MemoryJournal,
    journal::{Journal, Stage},
    kernel::SagaStatus,
    prelude::*,
};
use futures_util::future::{join, join_all};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::log::Log;

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(100_000_000);

#[derive(Clone, Serialize, Deserialize)]
struct Wanted {
    item: String,
    count: u32,
}

fn wanted(count: u32) -> Wanted {
    Wanted { item: "tea".to_owned(), count }
}

#[distributed_task(request = Wanted, response = String)]
struct Order {
    log: Log,
}

#[steps]
impl Order {
    #[step(read_only)]
    async fn pack(&self, request: &Wanted) -> String {
        sleep(Duration::from_secs(60)).await;
        self.log.note(format!("{} of {}", request.count, request.item));
        format!("parcel {}", self.log.entries().len())
    }
}

async fn order(journal: &Arc<MemoryJournal>) -> (Task<Order>, Log) {
    let log = Log::default();
    let builder = Order::builder().log(log.clone()).use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), log)
}

async fn answer<T: distributed_task::TaskDefinition>(saga: &SagaHandle<T>) -> T::Response {
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends");
    match outcome.expect("an outcome") {
        SagaOutcome::Completed(response) => response,
        _ => panic!("it is completed"),
    }
}

#[tokio::test(start_paused = true)]
async fn i2_the_same_key_and_request_is_the_same_saga_and_its_original_answer() {
    let (task, log) = order(&Arc::default()).await;
    let saga = task.submit_with_key("17", wanted(1)).await.expect("submitted");
    let running = task.submit_with_key("17", wanted(1)).await.expect("it is known");
    assert_eq!((saga.id(), answer(&saga).await), (running.id(), "parcel 1".to_owned()));
    let ended = task.submit_with_key("17", wanted(1)).await.expect("it is known");
    assert_eq!(
        (answer(&running).await, answer(&ended).await),
        ("parcel 1".into(), "parcel 1".into())
    );
    assert_eq!(log.entries(), ["1 of tea"]);
}

#[tokio::test(start_paused = true)]
async fn i2_another_request_under_the_same_key_is_refused_and_disturbs_nobody() {
    let (task, log) = order(&Arc::default()).await;
    let saga = task.submit_with_key("17", wanted(1)).await.expect("submitted");
    let refused = task.submit_with_key("17", wanted(2)).await.expect_err("it is another one");
    assert!(matches!(&refused, SubmitError::KeyReused { saga: of, .. } if *of == saga.id()));
    assert!(refused.to_string().contains("use a new key"), "{refused}");
    assert_eq!(answer(&saga).await, "parcel 1");
    let refused = task.submit_with_key("17", wanted(2)).await.expect_err("also when it is over");
    assert!(matches!(refused, SubmitError::KeyReused { .. }), "{refused}");
    assert_eq!(log.entries(), ["1 of tea"]);
}

#[tokio::test(start_paused = true)]
async fn i2_a_key_belongs_to_its_tenant_and_two_tenants_may_use_the_same() {
    let (task, log) = order(&Arc::default()).await;
    let keys = ["17".into(), StartKey::new("17").tenant("acme"), StartKey::new("17").tenant("b")];
    let submits = keys.into_iter().map(|key| task.submit_with_key(key, wanted(1)));
    let sagas = join_all(submits).await.into_iter().map(|saga| saga.expect("submitted"));
    join_all(sagas.map(|saga| async move { answer(&saga).await })).await;
    assert_eq!(log.entries().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn i2_what_is_submitted_at_once_under_one_key_is_one_saga() {
    let journal = Arc::default();
    let (one, log) = order(&journal).await;
    let (other, other_log) = order(&journal).await;
    let submits = (0..20).map(|n| {
        let task = if n % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move { task.submit_with_key("17", wanted(1)).await })
    });
    let mut ids = Vec::new();
    for saga in join_all(submits).await {
        let saga = saga.expect("no panic").expect("submitted");
        assert_eq!(answer(&saga).await, "parcel 1");
        ids.push(saga.id());
    }
    ids.dedup();
    assert_eq!((ids.len(), log.entries().len() + other_log.entries().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn i2_two_submits_that_waited_for_room_at_once_are_one_saga_and_both_hear_its_end() {
    let journal = Arc::new(MemoryJournal::builder().capacity(1).build());
    let builder = Order::builder().log(Log::default()).use_in_process_mode();
    let builder = builder.override_journal(journal).concurrency(1);
    let task = builder.build().await.expect("it builds");
    task.submit(wanted(1)).await.expect("it runs");
    sleep(Duration::from_secs(1)).await;
    task.submit(wanted(2)).await.expect("it waits, and there is no more room");
    let submits = join_all((0..5).map(|_| task.submit_with_key("17", wanted(3)))).await;
    let sagas: Vec<_> = submits.into_iter().map(|saga| saga.expect("submitted")).collect();
    assert!(sagas.iter().all(|saga| saga.id() == sagas[0].id()));
    for answer in join_all(sagas.iter().map(answer)).await {
        assert_eq!(answer, "parcel 3");
    }
}

#[tokio::test(start_paused = true)]
async fn i2_a_key_is_known_on_every_host_and_after_a_restart() {
    let journal = Arc::default();
    let (old, _) = order(&journal).await;
    let saga = old.submit_with_key("17", wanted(1)).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    old.shutdown(FOR_EVER).await;
    let (new, log) = order(&journal).await;
    let again = new.submit_with_key("17", wanted(1)).await.expect("it is known");
    assert_eq!(again.id(), saga.id());
    assert_eq!(answer(&again).await, "parcel 1");
    assert_eq!(log.entries(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn i2_a_key_that_cannot_be_one_starts_nothing() {
    let (task, _) = order(&Arc::default()).await;
    for key in ["", "two\nlines", "größe", &"x".repeat(256)] {
        let refused = task.submit_with_key(key, wanted(1)).await.expect_err("it is no key");
        assert!(matches!(refused, SubmitError::BadKey { .. }), "{refused}");
    }
    let refused = task.submit_with_key(StartKey::new("17").tenant(""), wanted(1)).await;
    assert!(matches!(refused, Err(SubmitError::BadKey { .. })));
}

#[tokio::test(start_paused = true)]
async fn i3_schedule_b6_when_the_records_are_gone_the_key_still_tells_how_the_saga_ended() {
    let journal = MemoryJournal::builder().retain_ended(0).retain_keys(FOR_EVER);
    let (task, log) = order(&Arc::new(journal.build())).await;
    let saga = task.submit_with_key("17", wanted(1)).await.expect("submitted");
    assert_eq!(answer(&saga).await, "parcel 1");

    let again = task.submit_with_key("17", wanted(1)).await.expect("its key is known");
    assert_eq!(again.id(), saga.id());
    assert_eq!(again.status().await.expect("it is known"), SagaStatus::Completed);
    let outcome = again.outcome().await.expect_err("the response is gone");
    let is = |status| matches!(status, SagaStatus::Completed);
    assert!(matches!(outcome, OutcomeError::Forgotten { status, .. } if is(status)), "{outcome}");
    let handle = task.handle(saga.id()).await.expect_err("there are no records");
    assert!(matches!(handle, StatusError::Forgotten { status, .. } if is(status)), "{handle}");

    let refused = task.submit_with_key("17", wanted(2)).await.expect_err("the key is used");
    assert!(matches!(refused, SubmitError::KeyReused { .. }), "{refused}");
    assert_eq!(log.entries(), ["1 of tea"]);
}

#[tokio::test(start_paused = true)]
async fn i3_a_key_is_free_again_when_its_tombstone_is_gone() {
    let day = Duration::from_secs(86_400);
    let journal = MemoryJournal::builder().retain_ended(0).retain_keys(day);
    let (task, log) = order(&Arc::new(journal.build())).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let saga = task.submit_with_key("17", wanted(1)).await.expect("submitted");
        answer(&saga).await;
        ids.push(saga.id());
        sleep(3 * day).await;
    }
    assert_eq!(log.entries().len(), 2);
    assert_eq!(ids[0], ids[1], "to everybody outside it is the same");
}

/// Accepting takes so many seconds, and the work so many hours.
#[distributed_task(request = (u64, u64), response = u64)]
struct Receive {
    log: Log,
}

#[steps]
impl Receive {
    #[step(host = "api", compensate = undo_accept)]
    async fn accept(&self, request: &(u64, u64)) -> u64 {
        self.log.note("accept");
        sleep(Duration::from_secs(request.0)).await;
        request.0
    }

    async fn undo_accept(&self) -> StepResult<()> {
        sleep(Duration::from_secs(60)).await;
        self.log.note("undo accept");
        Ok(())
    }

    #[step(read_only, timeout = "1000h")]
    async fn work(&self, request: &(u64, u64), accept: &u64) -> u64 {
        sleep(Duration::from_secs(3600 * request.1)).await;
        *accept
    }
}

async fn receive(journal: &Arc<MemoryJournal>) -> (Task<Receive>, Log) {
    let log = Log::default();
    let builder = Receive::builder().log(log.clone()).use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), log)
}

#[tokio::test(start_paused = true)]
async fn i2_while_a_start_is_in_its_api_steps_its_key_says_so() {
    let (task, log) = receive(&Arc::default()).await;
    let saga = task.start_with_key("17", (60, 0)).await.expect("started");
    sleep(Duration::from_secs(1)).await;
    let refused = task.submit_with_key("17", (60, 0)).await.expect_err("it is not accepted yet");
    assert!(matches!(&refused, SubmitError::StillStarting { saga: of, .. } if *of == saga.id()));
    let refused = task.submit_with_key("17", (61, 0)).await.expect_err("it is another one");
    assert!(matches!(&refused, SubmitError::KeyReused { .. }), "{refused}");
    assert_eq!(answer(&saga).await, 60);
    let again = task.submit_with_key("17", (60, 0)).await.expect("it is accepted");
    assert_eq!(again.id(), saga.id());
    assert_eq!(log.entries(), ["accept"]);
}

#[tokio::test(start_paused = true)]
async fn i2_of_two_starts_at_once_one_runs_the_api_steps() {
    let journal = Arc::default();
    let ((one, log), (other, other_log)) = (receive(&journal).await, receive(&journal).await);
    for tasks in [[&one, &one], [&one, &other]] {
        let begun = log.entries().len() + other_log.entries().len();
        let key = format!("{begun}");
        let [first, second] = tasks.map(|task| task.submit_with_key(&*key, (5, 0)));
        let (first, second) = join(first, second).await;
        let (saga, refused) = match (first, second) {
            (Ok(saga), Err(refused)) | (Err(refused), Ok(saga)) => (saga, refused),
            (first, second) => panic!("{first:?} and {second:?}"),
        };
        assert!(matches!(refused, SubmitError::StillStarting { .. }), "{refused}");
        assert_eq!(answer(&saga).await, 5);
        assert_eq!(log.entries().len() + other_log.entries().len(), begun + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn i2_an_abandoned_start_does_not_hold_its_key() {
    let journal = Arc::default();
    let (old, old_log) = receive(&journal).await;
    let lost = old.start_with_key("17", (500, 0)).await.expect("started");
    sleep(Duration::from_secs(1)).await;
    old.shutdown(Duration::ZERO).await;
    let (new, log) = receive(&journal).await;
    sleep(Duration::from_secs(1)).await;
    let refused = new.submit_with_key("17", (500, 0)).await.expect_err("it is being undone");
    assert!(matches!(refused, SubmitError::StillStarting { .. }), "{refused}");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(log.entries(), ["undo accept"]);

    let saga = new.submit_with_key("17", (5, 0)).await.expect("the key is free, for any request");
    assert_ne!(saga.id(), lost.id());
    assert_eq!(answer(&saga).await, 5);
    let again = new.submit_with_key("17", (5, 0)).await.expect("it is known");
    assert_eq!(again.id(), saga.id());
    assert_eq!((old_log.entries().len(), log.entries().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn i2_a_start_whose_host_left_in_its_api_steps_was_not_accepted() {
    let journal = Arc::default();
    let (old, _) = receive(&journal).await;
    let submit = tokio::spawn({
        let old = old.clone();
        async move { old.submit_with_key("17", (500, 0)).await }
    });
    sleep(Duration::from_secs(1)).await;
    old.shutdown(Duration::ZERO).await;
    let refused = submit.await.expect("no panic").expect_err("it was not handed over");
    let SubmitError::HostLost { saga, .. } = refused else { panic!("{refused}") };
    let known = journal.find(saga).await.expect("it answers").expect("it is there");
    assert_eq!(known.stage, Stage::Starting);
}

#[tokio::test(start_paused = true)]
async fn i3_an_abandoned_start_may_be_forgotten_before_the_saga_that_followed_it() {
    let day = Duration::from_secs(86_400);
    let journal = MemoryJournal::builder().retain_ended(0).retain_keys(day);
    let journal = Arc::new(journal.build());
    let (old, _) = receive(&journal).await;
    old.start_with_key("17", (500, 0)).await.expect("started");
    sleep(Duration::from_secs(1)).await;
    old.shutdown(Duration::ZERO).await;
    let (new, log) = receive(&journal).await;
    sleep(Duration::from_secs(10_000)).await;
    let saga = new.submit_with_key("17", (5, 500)).await.expect("the key is free");
    sleep(5 * day).await;
    let again = new.submit_with_key("17", (5, 500)).await.expect("it is known");
    assert_eq!(again.id(), saga.id());
    assert_eq!(answer(&again).await, 5);
    assert_eq!(log.entries(), ["undo accept", "accept"]);
}

#[tokio::test(start_paused = true)]
async fn i3_however_many_starts_were_abandoned_a_key_has_one_open_saga() {
    let day = Duration::from_secs(86_400);
    let journal = MemoryJournal::builder().retain_ended(0).retain_keys(day);
    let journal = Arc::new(journal.build());
    let mut abandoned = Vec::new();
    for _ in 0..3 {
        let (old, _) = receive(&journal).await;
        abandoned.push(old.start_with_key("17", (500, 0)).await.expect("started").id());
        sleep(Duration::from_secs(1)).await;
        old.shutdown(Duration::ZERO).await;
        let (new, _) = receive(&journal).await;
        sleep(Duration::from_secs(10_000)).await;
        new.shutdown(Duration::ZERO).await;
    }
    let (new, log) = receive(&journal).await;
    let saga = new.submit_with_key("17", (5, 500)).await.expect("the key is free");
    sleep(5 * day).await;
    let again = new.submit_with_key("17", (5, 500)).await.expect("it is known");
    assert_eq!(again.id(), saga.id());
    let refused = new.submit_with_key("17", (6, 500)).await.expect_err("it is another request");
    assert!(matches!(refused, SubmitError::KeyReused { .. }), "{refused}");
    // Who held a handle of the first start is not told of the last one.
    let forgotten = new.handle(abandoned[0]).await.expect_err("there are no records");
    let is = |status| matches!(status, SagaStatus::Compensated);
    assert!(matches!(forgotten, StatusError::Forgotten { status, .. } if is(status)));
    assert_eq!(answer(&again).await, 5);
    assert_eq!(log.entries(), ["accept"]);
    sleep(3 * day).await;
    let later = new.submit_with_key("17", (5, 0)).await.expect("the key is forgotten");
    assert_ne!(later.id(), saga.id());
}
