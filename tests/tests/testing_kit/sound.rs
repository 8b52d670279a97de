//! Sagas that are right pass, with as many runs as there are points.

use distributed_task::{
    prelude::*,
    testing::{CrashReport, EffectLedger, crash_matrix},
};

use crate::shop::{Order, order};

#[tokio::test]
async fn a_saga_of_four_steps() {
    let CrashReport { writes, runs, .. } = crash_matrix::<Order>(1200).task(order).check().await;
    // Itself, and four times each write: of the plain run, and of those in which a step fails behind
    // its effect. Three undos that find nothing, four refusals, and two runs of everything twice.
    let swept = [5, 3, 5, 7, 8].iter().map(|writes| 1 + 4 * writes).sum::<usize>();
    assert_eq!((writes, runs), (5, swept + 3 + 4 + 2));
}

#[tokio::test]
async fn a_task_of_defaults_in_one_line() {
    let report = crash_matrix::<Order>(1200).check().await;
    assert_eq!(report, crash_matrix::<Order>(1200).task(order).check().await);
}

#[tokio::test]
async fn scripted_outcomes_beside_the_crashes() {
    let matrix = || crash_matrix::<Order>(1200).task(order);
    let report = matrix().fail_times("charge", 2).lose_undo_answer("charge").check().await;
    assert_eq!(report.writes, 7);
    let no = || Refusal::new("no", "not today");
    let report = matrix().refuse("check", no()).check().await;
    assert_eq!(report.writes, 8);
    // Somebody has to come, in each run.
    matrix().refuse("check", no()).refuse_undo("charge", no()).check().await;
}

/// A pivot, what must succeed behind it, and steps that are never simply run again.
#[distributed_task(request = i64, response = i64, cancellable)]
struct Sale {
    shop: EffectLedger,
}

#[steps]
impl Sale {
    #[step(compensate = put_back, at_most_once)]
    async fn reserve(&self, cx: &StepContext) {
        self.shop.add(cx.idempotency_key(), "stock", -1);
    }

    async fn put_back(&self, cx: &UndoContext) {
        if self.shop.stands(&cx.step_key()) {
            self.shop.once(cx.idempotency_key(), "stock", 1);
        }
    }

    #[step(pivot, at_most_once, probe = was_paid)]
    async fn pay(&self, cx: &StepContext, request: &i64) -> StepResult<i64> {
        self.shop.add(cx.idempotency_key(), "card", *request);
        Ok(*request)
    }

    async fn was_paid(&self, cx: &ProbeContext, request: &i64) -> StepResult<Probe<i64>> {
        Ok(match self.shop.stands(&cx.step_key()) {
            true => Probe::Happened(*request),
            false => Probe::DidNot,
        })
    }

    #[step(retriable)]
    fn deliver(&self, cx: &StepContext) {
        self.shop.once(cx.idempotency_key(), "parcels", 1);
    }

    #[response]
    fn respond(&self, pay: &i64) -> i64 {
        *pay
    }
}

#[tokio::test]
async fn e3_p2_a_pivot_with_a_probe_and_steps_that_never_run_twice() {
    let sale = |shop| Sale::builder().shop(shop).use_in_process_mode();
    let report = crash_matrix::<Sale>(1200).task(sale).check().await;
    assert_eq!((report.writes, report.runs), (4, 73));
}

/// A group, a condition, something that remains, and an error of its own.
#[distributed_task(request = bool, response = (), error = String, timeout = "1h")]
struct Trip {
    world: EffectLedger,
}

#[steps]
impl Trip {
    #[step(group = "bookings", compensate = cancel)]
    async fn flight(&self, cx: &StepContext) -> StepResult<i64, String> {
        self.world.once(cx.idempotency_key(), "seats", -1);
        Ok(1)
    }

    #[step(group = "bookings", compensate = cancel)]
    async fn hotel(&self, cx: &StepContext) {
        self.world.once(cx.idempotency_key(), "rooms", -1);
    }

    #[step(group = "bookings", compensate = cancel, when = wants_car)]
    async fn car(&self, cx: &StepContext) {
        self.world.once(cx.idempotency_key(), "cars", -1);
    }

    fn wants_car(&self, request: &bool) -> bool {
        *request
    }

    #[step(no_undo = "a letter cannot be taken back")]
    async fn letter(&self, cx: &StepContext) {
        self.world.once(cx.idempotency_key(), "letters", 1);
    }

    #[step(compensate = cancel)]
    async fn insurance(&self, cx: &StepContext) {
        self.world.once(cx.idempotency_key(), "policies", 1);
    }

    async fn cancel(&self, cx: &UndoContext) -> StepResult<(), String> {
        self.world.take_back(cx.step_key());
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn a_group_a_condition_and_something_that_remains() {
    let trip = |world| Trip::builder().world(world).use_in_process_mode();
    let with = crash_matrix::<Trip>(true).task(trip).check().await;
    let without = crash_matrix::<Trip>(false).task(trip).check().await;
    assert_eq!((with.writes, without.writes), (6, 5));
    assert!(without.runs < with.runs, "who is not there does not fail");
    // With an error of its own, steps refuse when the test says with what.
    let refusing = crash_matrix::<Trip>(true).task(trip).refusing_with("no".to_owned());
    assert_eq!(refusing.check().await.runs, with.runs + 5);
}

/// Uploads on both sides of the hand-over, and something ephemeral between them.
#[derive(Default)]
#[distributed_task(request = String, response = u64)]
struct Intake {
    desk: EffectLedger,
}

#[steps]
impl Intake {
    #[file_upload_step(host = "api", bucket = "letters")]
    fn upload(&self, request: &str) -> SourceFile {
        SourceFile::bytes("letter.txt", request.to_owned())
    }

    #[step(host = "api", compensate = strike)]
    async fn register(&self, cx: &StepContext) {
        self.desk.once(cx.idempotency_key(), "letters", 1);
    }

    async fn strike(&self, cx: &UndoContext) {
        self.desk.take_back(cx.step_key());
    }

    #[step(ephemeral, read_only)]
    async fn open(&self, upload: &UploadedFile) -> u64 {
        upload.size
    }

    #[file_upload_step(bucket = "copies")]
    fn copy(&self, open: &u64) -> SourceFile {
        SourceFile::bytes("copy.txt", format!("{open} bytes"))
    }

    #[response]
    fn respond(&self, copy: &UploadedFile) -> u64 {
        copy.size
    }
}

#[tokio::test]
async fn schedule_a6_uploads_on_both_sides_of_the_hand_over() {
    let report = crash_matrix::<Intake>("a letter".to_owned()).check().await;
    assert_eq!((report.writes, report.runs), (5, 122));
}
