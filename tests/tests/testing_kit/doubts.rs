//! Sagas that wait for an operator because nobody knows what happened: by design, and no failure.

use distributed_task::{
    builder::TaskBuilder,
    prelude::*,
    testing::{EffectLedger, crash_matrix},
};

/// Steps that are never simply run again, and that park when nobody knows.
#[derive(Default)]
#[distributed_task(request = (), response = ())]
struct Careful {
    desk: EffectLedger,
}

#[steps]
impl Careful {
    #[step(compensate = strike, at_most_once, on_exhausted = "park")]
    async fn register(&self, cx: &StepContext) {
        self.desk.add(cx.idempotency_key(), "letters", 1);
    }

    async fn strike(&self, cx: &UndoContext) {
        if self.desk.stands(&cx.step_key()) {
            self.desk.once(cx.idempotency_key(), "letters", -1);
        }
    }

    #[step(no_undo = "it is sent", at_most_once, on_exhausted = "park", probe = was_sent)]
    async fn send(&self, cx: &StepContext) {
        self.desk.add(cx.idempotency_key(), "sent", 1);
    }

    async fn was_sent(&self, cx: &ProbeContext) -> StepResult<Probe<()>> {
        Ok(match self.desk.stands(&cx.step_key()) {
            true => Probe::Happened(()),
            false => Probe::DidNot,
        })
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn e4_a_step_that_parks_when_nobody_knows_may_wait() {
    crash_matrix::<Careful>(()).check().await;
}

/// A pivot whose probe does not know at first; or one that fails for good by itself.
#[distributed_task(request = (), response = ())]
struct Vague {
    bank: EffectLedger,
    fails: bool,
}

#[steps]
impl Vague {
    #[step(compensate = release)]
    async fn reserve(&self, cx: &StepContext) {
        self.bank.once(cx.idempotency_key(), "reserved", 1);
    }

    async fn release(&self, cx: &UndoContext) {
        self.bank.take_back(cx.step_key());
    }

    #[step(pivot, probe = was_paid)]
    async fn pay(&self, cx: &StepContext) -> StepResult<()> {
        if self.fails {
            Err("no line")?;
        }
        self.bank.once(cx.idempotency_key(), "card", 5);
        Ok(())
    }

    async fn was_paid(&self, cx: &ProbeContext) -> StepResult<Probe<()>> {
        if self.fails || cx.attempt() < 3 {
            return Ok(Probe::CannotTell);
        }
        Ok(match self.bank.stands(&cx.step_key()) {
            true => Probe::Happened(()),
            false => Probe::DidNot,
        })
    }

    #[response]
    fn respond(&self) {}
}

fn vague(fails: bool) -> impl Fn(EffectLedger) -> TaskBuilder<Vague> + Send + Sync + 'static {
    move |ledger| Vague::builder().bank(ledger).fails(fails).use_in_process_mode()
}

#[tokio::test]
async fn p2_a_pivot_whose_probe_cannot_tell_may_wait() {
    crash_matrix::<Vague>(()).task(vague(false)).check().await;
}

#[tokio::test]
async fn inv14_a_pivot_that_always_ends_so_is_found() {
    let failure = crash_matrix::<Vague>(()).task(vague(true)).try_check().await;
    let failure = failure.expect_err("it waits without a fault");
    let waits = "INV14: it should be completed or undone, and is waiting for an operator: parked: \
                 nobody knows whether `pay` happened: no line";
    assert_eq!(failure.broken("vague/plain"), [waits], "{failure}");
}
