//! A step has a body, which the compiler tells.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self);
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
}
