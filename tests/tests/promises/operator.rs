//! What operators can do about a saga that needs somebody, and how they find it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    Operator, OperatorAnswer, OperatorError, OutcomeError, SagaEvent, SagaEventKind, SagaFilter,
    WhyParked,
    backend::memory::MemoryJournal,
    journal::Journal,
    kernel::{AttemptEnd, EntryId, Letter, Mail, SagaId, SagaStatus, Value, Way},
    prelude::*,
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::log::Log;

/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// What goes wrong in a trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Fails {
    /// The undo of the hotel.
    Undo,
    /// Nobody knows whether it was paid.
    Pay,
    /// The ticket, behind the pivot.
    Ticket,
    Nothing,
}

#[distributed_task(request = Fails, response = String)]
struct Trip {
    log: Log,
    mended: Arc<AtomicBool>,
}

impl Trip {
    fn fails(&self, request: Fails, here: Fails) -> bool {
        request == here && !self.mended.load(Ordering::SeqCst)
    }
}

#[steps]
impl Trip {
    #[step(no_undo = "the letter is sent")]
    async fn letter(&self) {}

    #[step(compensate = undo_hotel)]
    async fn hotel(&self) -> u32 {
        7
    }

    async fn undo_hotel(&self, request: &Fails) -> StepResult<()> {
        if self.fails(*request, Fails::Undo) {
            return Err(StepError::refuse(Refusal::new("closed", "nobody answers")));
        }
        self.log.note("undo hotel");
        Ok(())
    }

    #[step(read_only)]
    async fn car(&self, request: &Fails) -> StepResult<()> {
        match request {
            Fails::Undo => Err(StepError::refuse(Refusal::new("no_car", "all are out"))),
            _ => Ok(()),
        }
    }

    #[step(pivot, retry(max = 0))]
    async fn pay(&self, request: &Fails) -> StepResult<u32> {
        if self.fails(*request, Fails::Pay) {
            Err("the line is dead")?;
        }
        Ok(100)
    }

    #[step(retriable)]
    async fn ticket(&self, request: &Fails) -> StepResult<String> {
        if self.fails(*request, Fails::Ticket) {
            return Err(StepError::refuse(Refusal::new("paper", "no paper")));
        }
        Ok("printed".to_owned())
    }

    #[response]
    fn respond(&self, ticket: &String, pay: &u32) -> String {
        format!("{ticket} for {pay}")
    }
}

struct Desk {
    trips: Task<Trip>,
    alice: Operator<Trip>,
    log: Log,
    mended: Arc<AtomicBool>,
    journal: Arc<MemoryJournal>,
}

async fn desk() -> Desk {
    let (log, mended) = (Log::default(), Arc::new(AtomicBool::new(false)));
    let journal = Arc::new(MemoryJournal::new());
    let builder = Trip::builder().log(log.clone()).mended(Arc::clone(&mended));
    let builder = builder.use_in_process_mode().override_journal(Arc::clone(&journal));
    let trips = builder.build().await.expect("it builds");
    Desk { alice: trips.operator("alice"), trips, log, mended, journal }
}

impl Desk {
    /// A trip that waits for somebody.
    async fn needs_somebody(&self, fails: Fails) -> SagaHandle<Trip> {
        let saga = self.trips.submit(fails).await.expect("submitted");
        match outcome(&saga).await {
            Err(OutcomeError::Parked { .. } | OutcomeError::Stuck { .. }) => saga,
            other => panic!("it goes on: {other:?}"),
        }
    }
}

async fn outcome(saga: &SagaHandle<Trip>) -> Result<TripOutcome, OutcomeError> {
    timeout(FOR_EVER, saga.outcome()).await.expect("it ends")
}

async fn residual(saga: &SagaHandle<Trip>) -> Vec<String> {
    match outcome(saga).await.expect("an outcome") {
        SagaOutcome::Compensated { residual, .. }
        | SagaOutcome::Cancelled { residual, .. }
        | SagaOutcome::Killed { residual, .. } => {
            residual.iter().map(ToString::to_string).collect()
        }
        SagaOutcome::Completed(response) => panic!("it is completed: {response}"),
    }
}

const RECORDED: OperatorAnswer = OperatorAnswer::Recorded;

#[tokio::test(start_paused = true)]
async fn c7_d3_retry_tries_a_failed_undo_again() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    assert_eq!(desk.alice.retry(saga.id()).await.expect("answered"), RECORDED);
    assert!(matches!(outcome(&saga).await, Err(OutcomeError::Stuck { .. })), "not mended yet");

    desk.mended.store(true, Ordering::SeqCst);
    assert_eq!(desk.alice.retry(saga.id()).await.expect("answered"), RECORDED);
    assert_eq!(residual(&saga).await, ["letter: the letter is sent"]);
    assert_eq!(desk.log.entries(), ["undo hotel"]);
}

#[tokio::test(start_paused = true)]
async fn c7_mark_done_counts_a_failed_undo_as_done() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    let answer = desk.alice.mark_done(saga.id(), "hotel", "called them").await;
    assert_eq!(answer.expect("answered"), RECORDED);
    assert_eq!(residual(&saga).await, ["letter: the letter is sent"]);
    assert_eq!(desk.log.entries(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn c7_waive_leaves_the_effect_and_the_outcome_lists_it() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    let answer = desk.alice.waive(saga.id(), "hotel", "they let it go").await;
    assert_eq!(answer.expect("answered"), RECORDED);
    let left = residual(&saga).await;
    assert_eq!(left, ["letter: the letter is sent", "hotel: waived by alice: they let it go"]);
}

#[tokio::test(start_paused = true)]
async fn p3_mark_done_with_gives_a_step_behind_the_pivot_its_output() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Ticket).await;
    let id = saga.id();
    let wrong = desk.alice.mark_done_with(id, "ticket", 5, "a number").await;
    let wrong = wrong.expect_err("a ticket is a string");
    assert!(matches!(&wrong, OperatorError::WrongOutput { step, .. } if step == "ticket"));
    assert!(wrong.to_string().contains("String"), "{wrong}");
    let answer = desk.alice.mark_done_with(id, "ticket", "by hand".to_owned(), "scan 4").await;
    assert_eq!(answer.expect("answered"), RECORDED);
    let outcome = outcome(&saga).await.expect("an outcome");
    assert!(matches!(&outcome, SagaOutcome::Completed(r) if r == "by hand for 100"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_output_by_hand_is_whatever_has_the_same_json() {
    /// It can be written, and that is enough.
    #[derive(serde::Serialize)]
    struct Letters<'a>(&'a str);

    let desk = desk().await;
    let told = async |id: SagaId, answer: Result<OperatorAnswer, OperatorError>| {
        assert_eq!(answer.expect("answered"), RECORDED);
        outcome(&desk.trips.handle(id).await.expect("it is known")).await.expect("an outcome")
    };
    for nth in 0..3 {
        let id = desk.needs_somebody(Fails::Ticket).await.id();
        let answer = match nth {
            0 => desk.alice.mark_done_with(id, "ticket", "by hand", "scan 4").await,
            1 => desk.alice.mark_done_with(id, "ticket", Letters("by hand"), "scan 4").await,
            _ => desk.alice.mark_done_with(id, "ticket", &json!("by hand"), "scan 4").await,
        };
        let outcome = told(id, answer).await;
        assert!(matches!(&outcome, SagaOutcome::Completed(r) if r == "by hand for 100"));
    }
    let id = desk.needs_somebody(Fails::Pay).await.id();
    let answer = desk.alice.mark_done_with(id, "pay", &90_u8, "bank statement").await;
    let outcome = told(id, answer).await;
    assert!(matches!(&outcome, SagaOutcome::Completed(r) if r == "printed for 90"));

    let id = desk.needs_somebody(Fails::Pay).await.id();
    let unwritable = HashMap::from([((1, 2), 3)]);
    let error = desk.alice.mark_done_with(id, "pay", unwritable, "?").await.expect_err("no JSON");
    assert!(matches!(&error, OperatorError::WrongOutput { step, .. } if step == "pay"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_twice_of_the_same_state_is_recorded_once() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    let waive = || desk.alice.waive(saga.id(), "hotel", "they let it go");
    let answers = tokio::join!(waive(), waive());
    let answers = (answers.0.expect("answered"), answers.1.expect("answered"));
    assert_eq!(answers, (RECORDED, OperatorAnswer::Already));
    outcome(&saga).await.expect("an outcome");
    let history = saga.history().await.expect("it is kept");
    let is_waived = |event: &&SagaEvent| matches!(event.kind, SagaEventKind::Waived { .. });
    assert_eq!(history.iter().filter(is_waived).count(), 1);

    // When it fails again, that is another state.
    let saga = desk.needs_somebody(Fails::Undo).await;
    for _ in 0..2 {
        assert_eq!(desk.alice.retry(saga.id()).await.expect("answered"), RECORDED);
        assert!(matches!(outcome(&saga).await, Err(OutcomeError::Stuck { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_the_word_of_an_operator_waits_for_what_becomes_of_it() {
    let desk = desk().await;
    let id = desk.needs_somebody(Fails::Pay).await.id();
    assert_eq!(desk.alice.kill(id, "bankrupt").await.expect("answered"), RECORDED);
    let saga = desk.trips.handle(id).await.expect("it is known");
    let outcome = outcome(&saga).await;
    assert!(matches!(outcome, Ok(SagaOutcome::Killed { .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn p3_retry_runs_a_step_behind_the_pivot_again() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Ticket).await;
    desk.mended.store(true, Ordering::SeqCst);
    assert_eq!(desk.alice.retry(saga.id()).await.expect("answered"), RECORDED);
    let outcome = outcome(&saga).await.expect("an outcome");
    assert!(matches!(&outcome, SagaOutcome::Completed(r) if r == "printed for 100"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_of_which_nobody_knows_is_marked_done_with_its_output() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Pay).await;
    // Anything with the same JSON will do: a command line knows no other types.
    let answer = desk.alice.mark_done_with(saga.id(), "pay", 90_u8, "bank statement").await;
    assert_eq!(answer.expect("answered"), RECORDED);
    let outcome = outcome(&saga).await.expect("an outcome");
    assert!(matches!(&outcome, SagaOutcome::Completed(r) if r == "printed for 90"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn p2_a_pivot_of_which_nobody_knows_is_marked_not_done_and_the_saga_goes_back() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Pay).await;
    let answer = desk.alice.mark_not_done(saga.id(), "pay", "nothing on the statement").await;
    assert_eq!(answer.expect("answered"), RECORDED);
    assert_eq!(residual(&saga).await, ["letter: the letter is sent"]);
    assert_eq!(desk.log.entries(), ["undo hotel"]);
}

#[tokio::test(start_paused = true)]
async fn k5_kill_ends_a_saga_without_undo_and_lists_what_remains() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    assert_eq!(desk.alice.kill(saga.id(), "bankrupt").await.expect("answered"), RECORDED);
    assert_eq!(residual(&saga).await, ["letter: the letter is sent", "hotel: not undone"]);
    assert_eq!(saga.status().await.expect("it is known"), SagaStatus::Killed);
    let again = desk.alice.kill(saga.id(), "again").await.expect("answered");
    assert_eq!(again, OperatorAnswer::TooLate(SagaStatus::Killed));
}

#[tokio::test(start_paused = true)]
async fn k1_an_operator_cancels_what_users_cannot_and_says_so() {
    let desk = desk().await;
    let saga = desk.trips.submit(Fails::Nothing).await.expect("submitted");
    assert_eq!(desk.alice.cancel(saga.id(), "fraud").await.expect("answered"), RECORDED);
    let again = desk.alice.cancel(saga.id(), "still fraud").await.expect("answered");
    assert_eq!(again, OperatorAnswer::Already);
    let outcome = outcome(&saga).await.expect("an outcome");
    let SagaOutcome::Cancelled { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason, "fraud (says alice)");
}

#[tokio::test(start_paused = true)]
async fn a_verb_that_does_not_apply_is_refused_with_what_would_fit() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    let (id, alice) = (saga.id(), &desk.alice);
    let said = async |answer| match answer {
        Err(error) => format!("{error}"),
        Ok(answer) => panic!("{answer:?}"),
    };

    let error = said(alice.waive(id, "motel", "?").await).await;
    assert!(error.ends_with("it has letter, hotel, car, pay, ticket"), "{error}");
    let error = said(alice.waive(id, "letter", "?").await).await;
    assert!(error.contains("is stuck: `letter` is done"), "{error}");
    assert!(error.ends_with("steps whose undo failed: here `hotel`"), "{error}");
    let error = said(alice.mark_done_with(id, "hotel", 7, "?").await).await;
    assert!(error.ends_with("for it there is `mark_done`"), "{error}");
    let error = said(alice.mark_not_done(id, "car", "?").await).await;
    assert!(error.contains("`car` refused"), "{error}");

    let pay = desk.needs_somebody(Fails::Pay).await.id();
    let error = said(alice.mark_done(pay, "pay", "statement").await).await;
    assert!(error.contains("is parked: `pay` may have happened"), "{error}");
    assert!(error.ends_with("for it there is `mark_done_with`"), "{error}");

    let nobody: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id");
    let error = alice.retry(nobody).await.expect_err("there is none");
    assert!(matches!(error, OperatorError::NoSuch { .. }), "{error}");
    let fine = desk.trips.submit(Fails::Nothing).await.expect("submitted");
    let error = alice.retry(fine.id()).await.expect_err("it goes on");
    let is_running = |status| matches!(status, SagaStatus::Running);
    assert!(matches!(error, OperatorError::NotNow { status, .. } if is_running(status)), "{error}");
    outcome(&fine).await.expect("an outcome");
    let late = alice.retry(fine.id()).await.expect("answered");
    assert_eq!(late, OperatorAnswer::TooLate(SagaStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn every_word_of_an_operator_names_who_and_why() {
    let desk = desk().await;
    let id = desk.needs_somebody(Fails::Undo).await.id();
    let nobody = desk.trips.operator(" ");
    for answer in [
        nobody.retry(id).await,
        nobody.kill(id, "a reason").await,
        desk.alice.kill(id, "").await,
        desk.alice.cancel(id, "\t").await,
        desk.alice.waive(id, "hotel", "").await,
        desk.alice.mark_done(id, "hotel", "").await,
        desk.alice.mark_done_with(id, "hotel", 7, "").await,
        desk.alice.mark_not_done(id, "hotel", "").await,
    ] {
        assert!(matches!(answer, Err(OperatorError::Empty { .. })), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d1_d4_r4_what_is_parked_or_stuck_is_listed_with_its_reason() {
    let desk = desk().await;
    let parked = desk.needs_somebody(Fails::Pay).await.id();
    let stuck = desk.needs_somebody(Fails::Undo).await.id();
    let forward = desk.needs_somebody(Fails::Ticket).await.id();
    outcome(&desk.trips.submit(Fails::Nothing).await.expect("submitted"))
        .await
        .expect("an outcome");
    sleep(Duration::from_secs(600)).await;

    let rows: Vec<_> = desk.alice.parked().map(|row| row.expect("a row")).collect().await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].id, rows[0].status, &*rows[0].task), (parked, SagaStatus::Parked, "trip"));
    let reason = rows[0].reason.clone().expect("a reason");
    assert!(reason.ends_with("the line is dead"), "{reason}");
    assert!(matches!(&rows[0].parked, Some(WhyParked::PivotUnknown { step, .. }) if step == "pay"));
    assert_eq!(rows[0].steps, ["pay"]);
    assert!(desk.journal.now().since(rows[0].since) >= Duration::from_secs(600));

    let mut rows: Vec<_> = desk.alice.stuck().map(|row| row.expect("a row")).collect().await;
    rows.sort_by_key(|row| row.steps.clone());
    let told: Vec<_> =
        rows.iter().map(|row| (row.id, row.steps.join(" "), row.reason.as_deref())).collect();
    let hotel = (stuck, "hotel".to_owned(), Some("nobody answers (closed)"));
    assert_eq!(told, [hotel, (forward, "ticket".to_owned(), Some("no paper (paper)"))]);
}

#[tokio::test(start_paused = true)]
async fn a_list_has_every_saga_once_and_goes_on_where_it_was_left() {
    let desk = desk().await;
    for _ in 0..250 {
        let saga = desk.trips.submit(Fails::Nothing).await.expect("submitted");
        outcome(&saga).await.expect("an outcome");
    }
    let ids = async |filter| -> Vec<SagaId> {
        desk.alice.list(filter).map(|row| row.expect("a row").id).collect().await
    };
    let all = ids(SagaFilter::all()).await;
    assert_eq!(all.len(), 250);
    assert!(all.is_sorted_by(|a, b| a < b));
    assert_eq!(ids(SagaFilter::all().after(all[199])).await, all[200..]);
    assert_eq!(ids(SagaFilter::all().of_task("trip")).await, all);
    assert_eq!(ids(SagaFilter::all().of_task("other")).await, []);
    assert_eq!(ids(SagaFilter::all().with_status(SagaStatus::Completed)).await, all);
    assert_eq!(ids(SagaFilter::all().with_status(SagaStatus::Running)).await, []);
}

#[distributed_task(request = (), response = ())]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    async fn nothing(&self) {}
}

#[tokio::test(start_paused = true)]
async fn schedule_b10_an_operator_ends_a_saga_whose_code_is_nowhere_and_v3_sees_it_lie() {
    let desk = desk().await;
    let ids =
        [desk.needs_somebody(Fails::Undo).await.id(), desk.needs_somebody(Fails::Pay).await.id()];
    desk.trips.shutdown(FOR_EVER).await;
    let builder = Other::builder().use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(&desk.journal));
    let other = builder.build().await.expect("it builds");
    let bob = other.operator("bob");
    assert_eq!(bob.unclaimable().await.expect("answered"), []);

    assert_eq!(bob.waive(ids[0], "hotel", "gone").await.expect("answered"), RECORDED);
    assert_eq!(bob.kill(ids[1], "gone").await.expect("answered"), RECORDED);
    let status = async |nth: usize| {
        let mut rows = bob.list(SagaFilter::all().of_task("trip"));
        loop {
            let row = rows.next().await.expect("it is listed").expect("a row");
            if row.id == ids[nth] {
                return row.status;
            }
        }
    };
    assert_eq!([status(0).await, status(1).await], [SagaStatus::Compensated, SagaStatus::Killed]);

    // What needs code waits for it.
    let unknown = bob.mark_done_with(ids[0], "pay", 1, "?").await.expect("answered");
    assert_eq!(unknown, OperatorAnswer::TooLate(SagaStatus::Compensated));
}

#[tokio::test(start_paused = true)]
async fn v3_what_no_code_here_covers_is_counted_by_definition() {
    let desk = desk().await;
    let id = desk.needs_somebody(Fails::Ticket).await.id();
    desk.trips.shutdown(FOR_EVER).await;
    let builder = Other::builder().use_in_process_mode();
    let builder = builder.override_journal(Arc::clone(&desk.journal));
    let bob = builder.build().await.expect("it builds").operator("bob");

    let uncovered = bob.mark_done_with(id, "ticket", "x".to_owned(), "?").await;
    let uncovered = uncovered.expect_err("nobody here knows what a ticket is");
    assert!(matches!(&uncovered, OperatorError::NotCovered { task, .. } if task == "trip"));
    // To be tried again, by somebody who can.
    assert_eq!(bob.retry(id).await.expect("answered"), RECORDED);
    sleep(Duration::from_secs(1)).await;
    let lying = bob.unclaimable().await.expect("answered");
    assert_eq!(lying.iter().map(|u| (&*u.task, u.ready)).collect::<Vec<_>>(), [("trip", 1)]);
    let rows: Vec<_> =
        bob.list(lying[0].filter()).map(|row| row.expect("a row").id).collect().await;
    assert_eq!(rows, [id]);
}

#[tokio::test(start_paused = true)]
async fn c8_a_success_that_comes_when_all_is_over_is_listed() {
    let desk = desk().await;
    let saga = desk.needs_somebody(Fails::Undo).await;
    desk.alice.kill(saga.id(), "bankrupt").await.expect("answered");
    outcome(&saga).await.expect("an outcome");
    assert_eq!(desk.alice.late().await.expect("answered"), []);
    let end = AttemptEnd::Done(Value::journaled(()));
    let letter = Letter::Late { step: 2, generation: 0, attempt: 3, way: Way::Do, end };
    let mail = Mail { id: EntryId(saga.id().0), letter };
    desk.journal.tell(saga.id(), mail).await.expect("told");
    let late = desk.alice.late().await.expect("answered");
    assert_eq!(late.len(), 1);
    assert_eq!((late[0].saga, late[0].step.as_deref()), (saga.id(), Some("car")));
    assert_eq!((late[0].number, late[0].generation, late[0].attempt), (3, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn j7_an_audit_of_a_sound_journal_finds_nothing() {
    let desk = desk().await;
    desk.needs_somebody(Fails::Pay).await;
    desk.trips.submit(Fails::Nothing).await.expect("submitted");
    let audit = desk.alice.audit().await.expect("answered");
    assert_eq!((audit.seen, audit.mended), (2, vec![]));
}
