//! Order, groups, conditions.

use std::{sync::Arc, time::Duration};

use distributed_task::prelude::*;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::log::Log;

#[distributed_task(request = u32, response = Vec<u32>)]
struct Parcel {
    log: Log,
}

#[steps]
impl Parcel {
    #[step(read_only)]
    async fn weigh(&self, request: &u32) -> u32 {
        self.log.note("weigh");
        *request
    }

    #[step(read_only, group = "quotes")]
    async fn slow_quote(&self, weigh: &u32) -> u32 {
        sleep(Duration::from_secs(3)).await;
        self.log.note("slow quote");
        weigh + 3
    }

    #[step(read_only, group = "quotes")]
    async fn fast_quote(&self, weigh: &u32) -> u32 {
        sleep(Duration::from_secs(1)).await;
        self.log.note("fast quote");
        weigh + 1
    }

    #[step(read_only, when = is_heavy)]
    async fn surcharge(&self, weigh: &u32) -> u32 {
        self.log.note("surcharge");
        weigh * 10
    }

    fn is_heavy(&self, weigh: &u32) -> bool {
        self.log.note("is it heavy?");
        *weigh > 30
    }

    #[step(read_only)]
    fn label(&self, slow_quote: &u32, fast_quote: &u32, surcharge: Option<&u32>) -> Vec<u32> {
        self.log.note("label");
        [Some(slow_quote), Some(fast_quote), surcharge].into_iter().flatten().copied().collect()
    }
}

async fn send(weight: u32) -> (Vec<u32>, Vec<String>, Duration) {
    let log = Log::default();
    let task = Parcel::builder().log(log.clone()).use_in_process_mode().build().await;
    let begun = Instant::now();
    let saga = task.expect("it builds").submit(weight).await.expect("submitted");
    match saga.outcome().await.expect("an outcome") {
        SagaOutcome::Completed(label) => (label, log.entries(), begun.elapsed()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn steps_run_in_source_order_and_members_of_a_group_side_by_side() {
    let (label, log, took) = send(40).await;
    assert_eq!(label, [43, 41, 400]);
    let wanted = ["weigh", "fast quote", "slow quote", "is it heavy?", "surcharge", "label"];
    assert_eq!(log, wanted);
    assert_eq!(took.as_secs(), 3, "the group takes as long as its slowest member");
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_condition_says_no_is_skipped_and_its_output_is_none() {
    let (label, log, _) = send(7).await;
    assert_eq!(label, [10, 8]);
    assert_eq!(log, ["weigh", "fast quote", "slow quote", "is it heavy?", "label"]);
}

#[distributed_task(request = (), response = ())]
struct FailingGroup {
    log: Log,
}

#[steps]
impl FailingGroup {
    #[step(compensate = undo_patient, group = "both")]
    async fn patient(&self, cx: &StepContext) -> u32 {
        tokio::select! {
            () = cx.cancelled() => self.log.note("told to stop"),
            () = sleep(Duration::from_secs(60)) => self.log.note("not told"),
        }
        7
    }

    async fn undo_patient(&self, patient: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo {patient:?}"));
        Ok(())
    }

    #[step(read_only, group = "both")]
    async fn hasty(&self) -> StepResult<u32> {
        Err(StepError::refuse(Refusal::new("no", "never")))
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn b1_a_failing_member_stops_its_siblings_and_what_they_did_is_undone() {
    let log = Log::default();
    let task = FailingGroup::builder().log(log.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(log.entries(), ["told to stop", "undo Done(7)"]);
}

#[distributed_task(request = (), response = ())]
struct WaitingGroup {
    log: Log,
}

#[steps]
impl WaitingGroup {
    #[step(compensate = undo_patient, group = "both", await_all)]
    async fn patient(&self, cx: &StepContext) -> u32 {
        tokio::select! {
            () = cx.cancelled() => self.log.note("told to stop"),
            () = sleep(Duration::from_secs(60)) => self.log.note("finished"),
        }
        7
    }

    async fn undo_patient(&self) -> StepResult<()> {
        self.log.note("undo");
        Ok(())
    }

    #[step(read_only, group = "both")]
    async fn hasty(&self) -> StepResult<u32> {
        Err(StepError::refuse(Refusal::new("no", "never")))
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn b2_with_await_all_the_siblings_of_a_failing_member_finish_first() {
    let log = Log::default();
    let task = WaitingGroup::builder().log(log.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    saga.outcome().await.expect("an outcome");
    assert_eq!(log.entries(), ["finished", "undo"]);
}

/// One member used up its tries and waits for an operator; then its sibling refuses.
#[distributed_task(request = Duration, response = ())]
struct ParkingGroup {
    log: Log,
}

#[steps]
impl ParkingGroup {
    #[step(compensate = undo_book, group = "both", retry(max = 0), on_exhausted = "park")]
    async fn book(&self) -> StepResult<()> {
        sleep(Duration::from_secs(1)).await;
        Err("no reply")?
    }

    async fn undo_book(&self, book: Outcome<&()>) -> StepResult<()> {
        self.log.note(format!("undo {book:?}"));
        Ok(())
    }

    #[step(read_only, group = "both")]
    async fn ask(&self, request: &Duration) -> StepResult<()> {
        sleep(*request).await;
        Err(StepError::refuse(Refusal::new("no", "never")))
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn b1_e4_a_member_that_refuses_turns_the_saga_back_although_another_one_parked() {
    for seconds in [0, 2] {
        let log = Log::default();
        let task = ParkingGroup::builder().log(log.clone()).build().await.expect("it builds");
        let saga = task.submit(Duration::from_secs(seconds)).await.expect("submitted");
        let outcome = saga.outcome().await.expect("nobody waits for an operator");
        assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
        assert_eq!(log.entries(), ["undo Unknown"]);
    }
}

#[distributed_task(request = (), response = bool)]
struct OverdueGroup {
    tried_again: Arc<Notify>,
}

#[steps]
impl OverdueGroup {
    #[step(read_only, group = "both", timeout = "50ms", retry(max = 1, delay = "1ms"))]
    fn overdue(&self, cx: &StepContext) -> StepResult<()> {
        if cx.attempt() > 1 {
            self.tried_again.notify_one();
            return Ok(());
        }
        while !cx.is_cancelled() {
            std::thread::yield_now();
        }
        Err("stopped half way")?
    }

    #[step(read_only, group = "both")]
    async fn told_to_stop(&self, cx: &StepContext) -> bool {
        self.tried_again.notified().await;
        cx.is_cancelled()
    }

    #[response]
    fn respond(&self, told_to_stop: &bool) -> bool {
        *told_to_stop
    }
}

#[tokio::test]
async fn a_member_that_is_told_to_stop_and_tried_again_does_not_stop_its_siblings() {
    let builder = OverdueGroup::builder().tried_again(Arc::default());
    let saga = builder.build().await.expect("it builds").submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(false)), "{outcome:?}");
}
