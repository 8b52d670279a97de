//! A step is a method with a name of its own; a block has `#[steps]` once.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
#[steps]
impl ShipOrder {
    #[step(read_only)]
    const LOOK: u32 = 1;

    #[step(read_only)]
    fn look(&self) {}

    #[step(read_only)]
    fn look(&self) -> u32 {
        1
    }
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
}
