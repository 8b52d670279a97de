//! A slip in the name of an attribute is told by the compiler, and not that there is no step.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[stp(read_only)]
    fn look(&self) -> u32 {
        1
    }
}

#[distributed_task(request = u32, response = u32)]
struct OfAnother;

#[steps]
impl OfAnother {
    #[inline]
    fn look(&self) -> u32 {
        1
    }
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
    let _ = (ShipOrder.look(), OfAnother.look());
}
