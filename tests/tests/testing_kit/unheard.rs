//! A matrix that hears of no effect would pass whatever a saga does wrong.

use std::sync::{Arc, Mutex};

use distributed_task::{
    builder::TaskBuilder,
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};

/// Pays back three times what it took.
#[distributed_task(request = i64, response = ())]
struct Generous {
    bank: EffectLedger,
    card: Arc<Mutex<i64>>,
}

#[steps]
impl Generous {
    #[step(compensate = refund)]
    async fn charge(&self, cx: &StepContext, request: &i64) {
        self.bank.add(cx.idempotency_key(), "card", *request);
        *self.card.lock().expect("nobody panics") += request;
    }

    async fn refund(&self, cx: &UndoContext, request: &i64) {
        self.bank.add(cx.idempotency_key(), "card", -3 * request);
        *self.card.lock().expect("nobody panics") -= 3 * request;
    }

    #[step(no_undo = "it is a word")]
    async fn thank(&self) {}

    #[response]
    fn respond(&self) {}
}

/// With a ledger that is not that of the matrix.
fn deaf(_: EffectLedger) -> TaskBuilder<Generous> {
    Generous::builder().bank(EffectLedger::new()).card(Arc::default()).use_in_process_mode()
}

#[tokio::test]
async fn a_step_of_which_the_ledger_hears_nothing_is_a_failure() {
    let failure = crash_matrix::<Generous>(5).task(deaf).try_check().await;
    let failure = failure.expect_err("it hears nothing");
    let silent = "the ledger heard nothing of `charge`: does its fake write to the one that `task` \
                  is given? Of a step without any effect outside say `.unheard(\"charge\")`";
    assert!(failure.points().eq(["generous/plain"]), "{failure}");
    assert_eq!(failure.broken("generous/plain"), [silent]);
}

#[tokio::test]
async fn a_step_without_an_effect_may_be_unheard() {
    crash_matrix::<Generous>(5).task(deaf).unheard("charge").check().await;
}

#[test]
#[should_panic(expected = "`generous` has no step `chrage`; did you mean `charge`?")]
fn an_unknown_step_is_not_unheard() {
    let _ = crash_matrix::<Generous>(5).unheard("chrage");
}
