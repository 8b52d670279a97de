//! Sagas that take their time: right, whatever else happens, as long as each attempt keeps its own.

use std::time::Duration;

use distributed_task::{
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};
use tokio::time::sleep;

/// Takes nearly all of the time that an attempt has, forward and back, and has one attempt.
#[derive(Default)]
#[distributed_task(request = (), response = (), timeout = "1h")]
struct Slow {
    desk: EffectLedger,
}

#[steps]
impl Slow {
    #[step(compensate = strike, timeout = "30m", retry(max = 0))]
    async fn register(&self, cx: &StepContext) {
        sleep(Duration::from_secs(29 * 60)).await;
        self.desk.once(cx.idempotency_key(), "letters", 1);
    }

    #[step(compensate = strike, timeout = "30m", retry(max = 0))]
    async fn copy(&self, cx: &StepContext) {
        self.desk.once(cx.idempotency_key(), "copies", 1);
    }

    async fn strike(&self, cx: &UndoContext) {
        sleep(Duration::from_secs(20 * 60)).await;
        self.desk.take_back(cx.step_key());
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn a_step_that_needs_its_time_may_run_twice_without_being_late() {
    for point in ["slow/twice", "slow/copy.twice", "slow/plain"] {
        crash_matrix::<Slow>(()).at(point).check().await;
    }
}

#[tokio::test]
async fn twice_as_long_is_not_too_long() {
    let within = |minutes: u64| crash_matrix::<Slow>(()).within(Duration::from_secs(minutes * 60));
    within(40).at("slow/twice").check().await;
    let failure = within(20).try_check().await.expect_err("a run of it takes longer");
    assert!(failure.points().eq(["slow/plain"]), "{failure}");
}

#[tokio::test]
async fn a_slow_saga_meets_every_crash() {
    crash_matrix::<Slow>(()).check().await;
}
