//! A struct is made a task once.

use distributed_task::prelude::*;

#[distributed_task(queue = "orders")]
#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
}
