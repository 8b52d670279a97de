//! The saga: reserve the goods, charge the card, ship.
//!
//! ```text
//! reserve ──▶ charge ──▶ ship        forward
//! release ◀── refund ◀── recall      back
//! ```
//!
//! Money can be given back and a parcel recalled, so each step has an undo and none is a point of no
//! return: until it is shipped, an order can be cancelled.
//!
//! The step that must not happen twice is `charge`. When nobody knows whether it happened, because
//! the answer was lost or the process died, its probe looks into the statement of the bank first.
//! What stands there is the outcome. Otherwise the card is charged again, under the same key, so
//! that a request which is still on its way counts only once.

use distributed_task::{kernel::SagaId, prelude::*};
use serde::{Deserialize, Serialize};

use crate::world::{Bank, Call, Carrier, Receipt, Reservation, Warehouse};

/// What somebody wants to buy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) item: String,
    pub(crate) pieces: u32,
    pub(crate) card: String,
    pub(crate) to: String,
}

/// What becomes of it when all goes well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shipped {
    pub(crate) cents: i64,
    pub(crate) parcel: i64,
}

/// Sells things. It has no `timeout`: however long nobody worked on an order, it goes on. Its steps
/// have one, because an undo waits so long for a step that was begun by a process that is gone.
#[distributed_task(
    name = "order",
    request = Order,
    response = Shipped,
    durability = "fsync",
    cancellable
)]
pub(crate) struct Sell {
    warehouse: Warehouse,
    bank: Bank,
    carrier: Carrier,
}

#[steps]
impl Sell {
    #[step(compensate = release, timeout = "5s")]
    async fn reserve(&self, cx: &StepContext, request: &Order) -> StepResult<Reservation> {
        let call = call(cx.saga(), cx.idempotency_key());
        // One `?` for a call that failed: it is tried again. One for a refusal: the order goes back.
        Ok(self.warehouse.reserve(call, &request.item, request.pieces).await??)
    }

    async fn release(&self, cx: &UndoContext) -> StepResult<()> {
        Ok(self.warehouse.release(call(cx.saga(), cx.step_key())).await??)
    }

    #[step(
        compensate = refund,
        probe = find_charge,
        timeout = "5s",
        retry(max = 2, delay = "200ms")
    )]
    async fn charge(
        &self,
        cx: &StepContext,
        request: &Order,
        reserve: &Reservation,
    ) -> StepResult<Receipt> {
        let call = call(cx.saga(), cx.idempotency_key());
        Ok(self.bank.charge(call, &request.card, reserve.cents).await??)
    }

    async fn find_charge(&self, cx: &ProbeContext) -> StepResult<Probe<Receipt>> {
        let found = self.bank.find(call(cx.saga(), cx.step_key())).await??;
        Ok(found.map_or(Probe::DidNot, Probe::Happened))
    }

    /// Also when nobody knows whether the card was charged: the key finds it if it was, and keeps it
    /// from being charged later.
    async fn refund(&self, cx: &UndoContext) -> StepResult<()> {
        Ok(self.bank.refund(call(cx.saga(), cx.step_key())).await??)
    }

    #[step(compensate = recall, timeout = "5s")]
    async fn ship(&self, cx: &StepContext, request: &Order) -> StepResult<i64> {
        let call = call(cx.saga(), cx.idempotency_key());
        Ok(self.carrier.ship(call, &request.to).await??)
    }

    async fn recall(&self, cx: &UndoContext) -> StepResult<()> {
        Ok(self.carrier.recall(call(cx.saga(), cx.step_key())).await??)
    }

    #[response]
    fn respond(&self, charge: &Receipt, ship: &i64) -> Shipped {
        Shipped { cents: charge.cents, parcel: *ship }
    }
}

fn call(order: SagaId, key: String) -> Call {
    Call { order: order.to_string(), key }
}
