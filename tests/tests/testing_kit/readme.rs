//! What the README says a failure looks like.

use std::{fs, path::Path};

use distributed_task::{
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};

/// The task of the README, with the mistake that it speaks of.
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

    async fn refund(&self, cx: &UndoContext, request: &i64) {
        if self.card.stands(&cx.step_key()) {
            self.card.add(cx.idempotency_key(), "card", -request);
        }
    }

    #[step(no_undo = "a letter")]
    async fn confirm(&self) -> StepResult<()> {
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn the_failure_in_the_readme_is_a_real_one() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).expect("it is there");
    let begin = readme.find("crash matrix of `pay`").expect("it shows a failure");
    let block = readme[begin..].split("```").next().expect("it ends");
    let failure = crash_matrix::<Pay>(1200).try_check().await.expect_err("it is found").to_string();
    let lines = block.lines().map(|line| line.trim_end_matches("..").trim());
    for line in lines.filter(|line| !line.is_empty()) {
        // The test has another name there.
        let line = line.split("cargo test").next().unwrap_or_default();
        assert!(failure.contains(line), "`{line}` is not in\n{failure}");
    }
}
