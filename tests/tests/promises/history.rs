//! The audit trail, read and followed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    OutcomeError, SagaEvent, SagaEventKind, SagaEvents, SagaStatus, WhyParked,
    backend::memory::MemoryJournal,
    journal::{Journal, Told},
    kernel::{AttemptEnd, EntryId, Letter, Mail, Value, Way},
    prelude::*,
};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use crate::tapped::{Tap, Tapped};

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// How a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Goes {
    Well,
    Back,
    Stuck,
}

const SECRET: &str = "hunter2";

#[distributed_task(request = (Goes, String), response = String)]
struct Order {
    mended: Arc<AtomicBool>,
}

#[steps]
impl Order {
    #[step(compensate = undo_hold, retry(max = 1, delay = "10s", jitter = "none"))]
    async fn hold(&self, cx: &StepContext) -> StepResult<String> {
        sleep(Duration::from_secs(1)).await;
        match cx.attempt() {
            1 => Err("busy")?,
            _ => Ok(SECRET.to_owned()),
        }
    }

    async fn undo_hold(&self, request: &(Goes, String)) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        if request.0 == Goes::Stuck && !self.mended.load(Ordering::SeqCst) {
            return Err(StepError::refuse(Refusal::new("jammed", "the shelf is jammed")));
        }
        Ok(())
    }

    fn is_gift(&self) -> bool {
        false
    }

    #[step(read_only, when = is_gift)]
    async fn wrap(&self) {}

    fn always(&self) -> bool {
        true
    }

    #[step(read_only, when = always)]
    async fn check(&self, request: &(Goes, String)) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        match request.0 {
            Goes::Well => Ok(()),
            _ => Err(StepError::refuse(Refusal::new("fraud", "a stolen card"))),
        }
    }

    #[response]
    fn respond(&self, hold: &str) -> String {
        hold.to_owned()
    }
}

async fn order(journal: &Arc<MemoryJournal>) -> (Task<Order>, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let builder = Order::builder().mended(Arc::clone(&mended)).use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), mended)
}

async fn all(events: SagaEvents) -> Vec<SagaEvent> {
    timeout(FOR_EVER, events.collect::<Vec<_>>()).await.expect("it ends")
}

fn words(events: &[SagaEvent]) -> Vec<String> {
    events.iter().map(|event| event.kind.to_string()).collect()
}

fn request(goes: Goes) -> (Goes, String) {
    (goes, SECRET.to_owned())
}

const FORWARD: [&str; 7] = [
    "submitted",
    "`hold` starts",
    "`hold` failed, attempt 1: busy",
    "`hold` done",
    "`wrap` skipped",
    "`check` is wanted",
    "`check` starts",
];

#[tokio::test(start_paused = true)]
async fn the_history_tells_what_happened_in_order_and_when() {
    let (task, _) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Well)).await.expect("submitted");
    saga.outcome().await.expect("an outcome");
    let history = saga.history().await.expect("it is kept");
    assert_eq!(words(&history[..7]), FORWARD);
    assert_eq!(words(&history[7..]), ["`check` done", "the saga is completed"]);
    assert!(history.iter().map(|event| event.seq).eq(0..9));
    assert!(history.is_sorted_by_key(|event| event.at));
    let took = history[8].at.since(history[0].at);
    assert_eq!(took.as_secs(), 13, "three seconds of work and ten of waiting");
    assert_eq!(history[0].fence, 0);
    assert!(history[3].fence > 0);
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_saga_that_needed_somebody_names_who_and_why() {
    let (task, mended) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Stuck)).await.expect("submitted");
    let stuck = saga.outcome().await.expect_err("it is stuck");
    assert!(matches!(stuck, OutcomeError::Stuck { .. }), "{stuck}");
    mended.store(true, Ordering::SeqCst);
    task.operator("alice").retry(saga.id()).await.expect("answered");
    saga.outcome().await.expect("an outcome");
    let history = saga.history().await.expect("it is kept");
    assert_eq!(
        words(&history[7..]),
        [
            "`check` refused: a stolen card (fraud)",
            "going back: `check` refused: a stolen card (fraud)",
            "undo of `hold` starts",
            "undo of `hold` failed, attempt 1: the shelf is jammed (jammed)",
            "to be tried again, says alice",
            "`hold` undone",
            "the saga is compensated",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn c7_the_event_that_makes_a_saga_stuck_says_so_and_the_attempts_are_counted_on() {
    let (task, mended) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Stuck)).await.expect("submitted");
    let followed = tokio::spawn(all(saga.events()));
    for _ in 0..3 {
        saga.outcome().await.expect_err("it is stuck");
        task.operator("alice").retry(saga.id()).await.expect("answered");
    }
    saga.outcome().await.expect_err("it is stuck");
    mended.store(true, Ordering::SeqCst);
    task.operator("alice").retry(saga.id()).await.expect("answered");
    saga.outcome().await.expect("an outcome");

    let followed = followed.await.expect("no panic");
    assert_eq!(followed, saga.history().await.expect("it is kept"));
    let stuck: Vec<_> = followed.iter().filter(|event| !event.stuck.is_empty()).collect();
    assert_eq!(stuck.len(), 4, "as often as it failed");
    for (attempt, event) in (1..).zip(&stuck) {
        assert_eq!(event.stuck, ["hold"]);
        let number = event.seq;
        let words = format!(
            "{number}: undo of `hold` failed, attempt {attempt}: the shelf is jammed (jammed); \
             stuck at `hold`"
        );
        assert_eq!(event.to_string(), words);
        let json = serde_json::to_value(event).expect("it is JSON");
        assert_eq!(json["stuck"][0], "hold");
    }
}

/// What is parked or stuck, by how it got there.
#[distributed_task(request = bool, response = ())]
struct Parcel;

#[steps]
impl Parcel {
    #[step(
        no_undo = "it is only a note",
        group = "notes",
        on_exhausted = "park",
        retry(max = 1, delay = "1s", jitter = "none")
    )]
    async fn left(&self, request: &bool) -> StepResult<()> {
        if *request {
            Err("no ink")?;
        }
        Ok(())
    }

    #[step(no_undo = "it is only a note", group = "notes", on_exhausted = "park", retry(max = 0))]
    async fn right(&self, request: &bool) -> StepResult<()> {
        sleep(Duration::from_secs(5)).await;
        if *request {
            Err("no paper")?;
        }
        Ok(())
    }

    #[step(pivot)]
    async fn pay(&self) {}

    #[step(retriable, group = "tell")]
    async fn mail(&self) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        Err(StepError::refuse(Refusal::new("full", "the box is full")))
    }

    #[step(retriable, group = "tell")]
    async fn call(&self) {
        sleep(Duration::from_secs(2)).await;
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn p3_the_event_after_which_nothing_runs_any_more_is_the_one_that_says_stuck() {
    let task = Parcel::builder().build().await.expect("it builds");
    let saga = task.submit(false).await.expect("submitted");
    saga.outcome().await.expect_err("it is stuck");
    let history = saga.history().await.expect("it is kept");
    let last = history.last().expect("there are some");
    assert_eq!(
        (last.kind.to_string(), &*last.stuck),
        ("`call` done".to_owned(), &["mail".to_owned()][..])
    );
    assert!(history[..history.len() - 1].iter().all(|event| event.stuck.is_empty()), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn e4_d1_what_is_parked_names_its_steps_and_promises_no_retry() {
    let task = Parcel::builder().build().await.expect("it builds");
    let saga = task.submit(true).await.expect("submitted");
    sleep(Duration::from_secs(60)).await;
    let error = saga.outcome().await.expect_err("it is parked");
    let OutcomeError::Parked { reason, .. } = &error else { panic!("{error}") };
    let alice = task.operator("alice");
    let row = alice.parked().next().await.expect("it is listed").expect("a row");
    assert_eq!(row.parked.as_ref(), Some(reason));
    assert_eq!(row.reason, Some(reason.to_string()));
    assert_eq!(row.steps, ["left", "right"]);

    let history = saga.history().await.expect("it is kept");
    let mut tries = Vec::new();
    let mut parked = Vec::new();
    for event in &history {
        match &event.kind {
            SagaEventKind::StepFailed { step, attempt, retry_at, .. } => {
                tries.push((step.as_str(), *attempt, retry_at.map(|at| at.since(event.at))));
            }
            SagaEventKind::Parked { reason: WhyParked::Exhausted { step, error } } => {
                parked.push((step.as_str(), error.as_str()));
            }
            _ => {}
        }
    }
    let second = Some(Duration::from_secs(1));
    assert_eq!(tries, [("left", 1, second), ("left", 2, None), ("right", 1, None)]);
    assert_eq!(parked, [("left", "no ink"), ("right", "no paper")]);

    let said = alice.waive(saga.id(), "left", "?").await.expect_err("it has no undo");
    assert!(said.to_string().contains("is parked: `left` used up its tries"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn inv11_every_reader_sees_every_event_once_however_late_it_comes() {
    let (task, _) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Back)).await.expect("submitted");
    let readers: Vec<_> = (0..20)
        .map(|second| {
            let saga = saga.clone();
            tokio::spawn(async move {
                sleep(Duration::from_secs(second)).await;
                all(saga.events()).await
            })
        })
        .collect();
    saga.outcome().await.expect("an outcome");
    let history = saga.history().await.expect("it is kept");
    for reader in readers {
        assert_eq!(reader.await.expect("no panic"), history);
    }
}

#[tokio::test(start_paused = true)]
async fn s1_a_reader_goes_on_where_another_one_stopped() {
    let (task, _) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Back)).await.expect("submitted");
    let mut seen = Vec::new();
    // Reconnects after every event.
    let mut events = saga.events();
    while let Some(event) = timeout(FOR_EVER, events.next()).await.expect("it ends") {
        events = saga.events_after(event.seq);
        seen.push(event);
    }
    assert_eq!(seen, saga.history().await.expect("it is kept"));
    assert_eq!(all(saga.events_after(1000)).await, [], "there is nothing, and nothing comes");
}

#[tokio::test(start_paused = true)]
async fn events_come_as_they_happen() {
    let (task, _) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Well)).await.expect("submitted");
    let begun = tokio::time::Instant::now();
    let mut events = saga.events();
    let mut when = Vec::new();
    while let Some(event) = events.next().await {
        when.push((event.seq, begun.elapsed().as_secs()));
    }
    let done: Vec<_> = when.iter().filter(|(seq, _)| [1, 2, 3, 8].contains(seq)).collect();
    assert_eq!(done, [&(1, 0), &(2, 1), &(3, 12), &(8, 13)]);
}

#[tokio::test(start_paused = true)]
async fn events_go_on_while_a_saga_is_stuck_and_end_when_its_task_leaves() {
    let (task, mended) = order(&Arc::default()).await;
    let saga = task.submit(request(Goes::Stuck)).await.expect("submitted");
    let followed = tokio::spawn(all(saga.events()));
    sleep(Duration::from_secs(1000)).await;
    assert!(!followed.is_finished(), "it is only stuck");
    mended.store(true, Ordering::SeqCst);
    task.operator("alice").retry(saga.id()).await.expect("answered");
    let followed = timeout(FOR_EVER, followed).await.expect("it ends").expect("no panic");
    assert!(followed.last().is_some_and(SagaEvent::is_terminal));

    let saga = task.submit(request(Goes::Well)).await.expect("submitted");
    let followed = tokio::spawn(all(saga.events()));
    sleep(Duration::from_millis(500)).await;
    task.shutdown(FOR_EVER).await;
    let followed = timeout(FOR_EVER, followed).await.expect("it ends").expect("no panic");
    assert_eq!(followed, saga.history().await.expect("it is kept"));
    assert_eq!(words(&followed).last().map(String::as_str), Some(FORWARD[2]));
}

#[tokio::test(start_paused = true)]
async fn schedule_b19_events_of_a_saga_that_another_host_drives_show_within_5_s() {
    let journal = Arc::default();
    let ((there, _), (here, _)) = (order(&journal).await, order(&journal).await);
    let saga = there.submit(request(Goes::Back)).await.expect("submitted");
    let from_afar = here.handle(saga.id()).await.expect("it is known");
    let begun = tokio::time::Instant::now();
    let followed = all(from_afar.events()).await;
    assert_eq!(followed, saga.history().await.expect("it is kept"));
    let took = followed[followed.len() - 1].at.since(followed[0].at);
    assert!(begun.elapsed() <= took + Duration::from_secs(5), "after {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn s7_no_request_output_or_response_is_in_the_history() {
    let (task, _) = order(&Arc::default()).await;
    for goes in [Goes::Well, Goes::Back] {
        let saga = task.submit(request(goes)).await.expect("submitted");
        saga.outcome().await.expect("an outcome");
        let history = saga.history().await.expect("it is kept");
        let json = serde_json::to_string(&history).expect("it is JSON");
        assert!(!json.contains(SECRET), "{json}");
        assert!(!format!("{history:?}").contains(SECRET), "{history:?}");
        let back: Vec<SagaEvent> = serde_json::from_str(&json).expect("it comes back");
        assert_eq!(back, history);
    }
}

#[distributed_task(request = (), response = ())]
struct Group;

#[steps]
impl Group {
    #[step(compensate = undo_left, group = "both", await_all)]
    async fn left(&self) -> StepResult<()> {
        sleep(Duration::from_secs(2)).await;
        Err(StepError::refuse(Refusal::new("l", "left")))
    }

    async fn undo_left(&self) -> StepResult<()> {
        Ok(())
    }

    #[step(compensate = undo_right, group = "both", retry(max = 0))]
    async fn right(&self) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        Err("right")?
    }

    async fn undo_right(&self) -> StepResult<()> {
        sleep(Duration::from_secs(60)).await;
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn b6_the_first_failure_is_the_cause_and_all_others_are_kept() {
    let task = Group::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, failures, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.to_string(), "step `right` failed: right");
    let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["left: left (l)"]);
}

#[tokio::test(start_paused = true)]
async fn c8_an_unsettled_end_ends_a_stream_and_the_next_one_goes_on_behind_it() {
    let task = Group::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let events = all(saga.events()).await;
    let unsettled =
        |event: &SagaEvent| matches!(event.kind, SagaEventKind::Compensated { settled: false, .. });
    assert!(events.last().is_some_and(unsettled), "nobody knows of `right`: {events:?}");
    sleep(Duration::from_secs(86_400)).await;
    let last = events.last().expect("there are some").seq;
    let rest = all(saga.events_after(last)).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].seq, last + 1);
    assert!(matches!(rest[0].kind, SagaEventKind::Compensated { settled: true, .. }), "{rest:?}");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: true, .. }), "{outcome:?}");
}

/// `right`, of which nobody knew, happened after all: its undo takes a minute.
async fn open_again(journal: &MemoryJournal, saga: &SagaHandle<Group>) {
    let output = AttemptEnd::Done(Value::journaled(()));
    let letter = Letter::Late { step: 1, generation: 0, attempt: 1, way: Way::Do, end: output };
    let mail = Mail { id: EntryId(saga.id().0), letter };
    assert_eq!(journal.tell(saga.id(), mail).await.expect("told"), Told::Told);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(saga.status().await.expect("it is known"), SagaStatus::Compensating);
}

#[tokio::test(start_paused = true)]
async fn c8_a_late_success_opens_a_saga_again_and_whoever_asks_waits_again() {
    let journal = Arc::new(MemoryJournal::new());
    let builder = Group::builder().use_in_process_mode().override_journal(Arc::clone(&journal));
    let task = builder.build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let end = all(saga.events()).await.last().expect("there are some").seq;

    open_again(&journal, &saga).await;
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: true, .. }), "{outcome:?}");
    assert_eq!(
        words(&all(saga.events_after(end)).await),
        [
            "late report of `right`, attempt 1",
            "`right` happened after all",
            "undo of `right` starts",
            "`right` undone",
            "the saga is compensated",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn c8_a_saga_opened_again_is_watched_to_its_new_end_with_few_looks() {
    let journal = Arc::new(MemoryJournal::new());
    let reads = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&reads);
    let tapped = Tapped::new(&journal, move |name| {
        seen.fetch_add(usize::from(name == "read"), Ordering::SeqCst);
        Tap::Through
    });
    // Each has a tracker of its own: what the worker publishes is not heard where it is watched.
    let group = || Group::builder().use_in_process_mode();
    let api = group().override_journal(tapped).build_api().await.expect("it builds");
    let worker = group().override_journal(Arc::clone(&journal)).build_worker().await;
    let _worker = worker.expect("it builds");
    let saga = api.submit(()).await.expect("submitted");
    saga.outcome().await.expect("an outcome");
    open_again(&journal, &saga).await;

    let before = reads.load(Ordering::SeqCst);
    let states = timeout(FOR_EVER, saga.progress().collect::<Vec<_>>()).await.expect("it ends");
    assert_eq!(states.first().map(|state| state.status), Some(SagaStatus::Compensating));
    assert_eq!(states.last().map(|state| state.status), Some(SagaStatus::Compensated));
    let looks = reads.load(Ordering::SeqCst) - before;
    assert!(looks <= 20, "{looks} looks in a minute");
}
