//! What the compiler reads and `#[steps]` does not is told when there is nothing else to tell.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}

    #[cfg(any())]
    safe fn twice(&self) {}
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
}
