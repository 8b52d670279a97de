//! A shop that behaves, for sagas that do.

use distributed_task::{builder::TaskBuilder, prelude::*, testing::EffectLedger};

/// Stock, cards and a carrier, each with the barrier of C6.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shop(pub(crate) EffectLedger);

/// Four steps, three with an undo.
#[derive(Default)]
#[distributed_task(request = i64, response = i64, cancellable)]
pub(crate) struct Order {
    shop: Shop,
}

#[steps]
impl Order {
    #[step(compensate = put_back)]
    async fn reserve(&self, cx: &StepContext) {
        self.shop.0.once(cx.idempotency_key(), "stock/lamp", -1);
        self.shop.0.once(cx.idempotency_key(), "reserved/lamp", 1);
    }

    async fn put_back(&self, cx: &UndoContext) {
        self.shop.0.take_back(cx.step_key());
    }

    #[step(compensate = refund, retry(max = 3, delay = "1h", max_delay = "1h", jitter = "none"))]
    async fn charge(&self, cx: &StepContext, request: &i64) -> StepResult<i64> {
        self.shop.0.once(cx.idempotency_key(), "card/4711", *request);
        Ok(*request)
    }

    async fn refund(&self, cx: &UndoContext) {
        self.shop.0.take_back(cx.step_key());
    }

    #[step(compensate = call_back)]
    fn ship(&self, cx: &StepContext) {
        self.shop.0.once(cx.idempotency_key(), "parcels", 1);
    }

    async fn call_back(&self, cx: &UndoContext) {
        self.shop.0.take_back(cx.step_key());
    }

    #[step(read_only)]
    async fn check(&self, charge: &i64) -> i64 {
        *charge
    }

    #[response]
    fn respond(&self, check: &i64) -> i64 {
        *check
    }
}

/// The order, on a ledger.
pub(crate) fn order(ledger: EffectLedger) -> TaskBuilder<Order> {
    Order::builder().shop(Shop(ledger)).use_in_process_mode()
}
