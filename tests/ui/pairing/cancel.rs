//! Only the sagas of a `cancellable` task can be cancelled.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}
}

async fn cancel(saga: ShipOrderHandle) {
    let _ = saga.cancel().await;
}

fn main() {
    let _ = cancel;
}
