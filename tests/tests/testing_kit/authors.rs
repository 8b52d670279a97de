//! Whose an entry is: that of the step whose code runs, whatever key it uses.

use std::time::Duration;

use distributed_task::{
    builder::TaskBuilder,
    prelude::*,
    testing::{CrashFailure, EffectLedger, crash_matrix},
};
use tokio::time::sleep;

/// Letters remain; each has a key of its own, and one goes by the number of the order. One is sent
/// from a plain function, on another thread.
#[derive(Default)]
#[distributed_task(request = i64, response = ())]
struct Letters {
    post: EffectLedger,
}

#[steps]
impl Letters {
    #[step(no_undo = "it is sent")]
    async fn send(&self, cx: &StepContext, request: &i64) {
        for letter in 0..2 {
            self.post.once(format!("{}-{letter}", cx.idempotency_key()), "letters", 1);
        }
        sleep(Duration::from_secs(1)).await;
        self.post.once(format!("order-{request}"), "letters", 1);
    }

    #[step(no_undo = "it is sent")]
    fn log(&self, request: &i64) {
        self.post.once(format!("log-{request}"), "lines", 1);
    }

    #[step(no_undo = "it is sent")]
    async fn copy(&self, cx: &StepContext) -> StepResult<()> {
        let (post, key) = (self.post.clone(), format!("{}/copy", cx.idempotency_key()));
        tokio::spawn(async move { post.once(key, "copies", 1) }).await?;
        Ok(())
    }

    #[step(compensate = release)]
    async fn reserve(&self, request: &i64) {
        self.post.once(format!("reserve-{request}"), "reserved", 1);
    }

    async fn release(&self, request: &i64) {
        self.post.take_back(format!("reserve-{request}"));
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn what_remains_may_go_by_any_key() {
    crash_matrix::<Letters>(7).check().await;
}

/// One key for two effects: of another amount, or of another step.
#[distributed_task(request = i64, response = ())]
struct Fees {
    bank: EffectLedger,
    fee: i64,
    shared: bool,
}

#[steps]
impl Fees {
    #[step(compensate = refund)]
    async fn charge(&self, request: &i64) {
        self.bank.once("7-charge", "card", *request);
    }

    #[step(compensate = refund)]
    async fn fee(&self) {
        self.bank.once(if self.shared { "7-charge" } else { "7-fee" }, "card", self.fee);
    }

    async fn refund(&self) {
        self.bank.take_back("7-charge");
        self.bank.take_back("7-fee");
    }

    #[response]
    fn respond(&self) {}
}

fn fees(fee: i64, shared: bool) -> impl Fn(EffectLedger) -> TaskBuilder<Fees> + Send + Sync {
    move |ledger| Fees::builder().bank(ledger).fee(fee).shared(shared).use_in_process_mode()
}

#[tokio::test]
async fn i1_one_key_is_used_for_two_effects() {
    crash_matrix::<Fees>(1200).task(fees(5, false)).check().await;
    for fee in [5, 1200] {
        let failure = crash_matrix::<Fees>(1200).task(fees(fee, true)).try_check().await;
        let failure = failure.expect_err("the fee is not charged");
        let two = format!(
            "I1: one key for two effects on `card`: `charge` +1200, and now `fee` +{fee}; the \
             second is taken for a repetition under 7-charge"
        );
        assert_eq!(failure.broken("fees/plain"), [two], "{failure}");
    }
}

/// Does its work behind its own back, or not at all when its process is busy.
#[distributed_task(request = (), response = ())]
struct Hasty {
    bank: EffectLedger,
    wait: u64,
}

#[steps]
impl Hasty {
    #[step(compensate = refund)]
    async fn charge(&self, cx: &StepContext) {
        let (bank, key, wait) = (self.bank.clone(), cx.idempotency_key(), self.wait);
        tokio::spawn(async move {
            sleep(Duration::from_millis(wait)).await;
            bank.once(key, "card", 5);
        });
    }

    async fn refund(&self, cx: &UndoContext) {
        if self.bank.stands(&cx.step_key()) {
            self.bank.once(cx.idempotency_key(), "card", -5);
        }
    }

    #[step(no_undo = "it waits")]
    async fn wait(&self) {
        sleep(Duration::from_millis(20)).await;
    }

    #[response]
    fn respond(&self) {}
}

async fn hasty(wait: u64) -> CrashFailure {
    let hasty = move |bank| Hasty::builder().bank(bank).wait(wait).use_in_process_mode();
    let matrix = crash_matrix::<Hasty>(()).task(hasty).unheard("charge");
    matrix.try_check().await.expect_err("it is found")
}

#[tokio::test]
async fn an_effect_of_which_no_run_is_under_way_says_so() {
    let failure = hasty(50).await.to_string();
    let behind = "`charge` +5 (when no run of it was under way)";
    assert!(failure.contains(behind), "{failure}");
}

#[tokio::test]
async fn an_effect_that_never_came_is_a_whole_sentence() {
    let failure = hasty(10).await;
    let gone =
        "INV5: `card` stands at 0, and at 5 when nothing goes wrong: nobody entered anything";
    assert_eq!(failure.broken("hasty/plain:2:after"), [gone], "{failure}");
}
