//! The test in the README, as it stands there: a doctest would leave it out.

use distributed_task::{
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};

#[derive(Default)]
#[distributed_task(request = i64, response = ())]
struct Pay {
    card: EffectLedger,
}

#[steps]
impl Pay {
    #[step(compensate = refund)]
    async fn charge(&self, cx: &StepContext, request: &i64) {
        self.card.once(cx.idempotency_key(), "card", *request);
    }

    async fn refund(&self, cx: &UndoContext) {
        self.card.take_back(cx.step_key());
    }

    #[step(no_undo = "a letter")]
    async fn confirm(&self) -> StepResult<()> {
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn every_crash() {
    crash_matrix::<Pay>(1200).check().await;
}

#[test]
fn the_test_in_the_readme_is_this_one() {
    let (readme, here) = (include_str!("../../../README.md"), include_str!("every_crash.rs"));
    let section = readme.split("\n## Your own saga at every crash\n").nth(1).expect("it is there");
    let block = section.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(here.contains(block.expect("it shows a test")), "{block:?}");
}
