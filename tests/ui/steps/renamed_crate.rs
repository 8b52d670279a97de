//! `#[steps]` knows the crate by the name that it was told.

use distributed_task as saga;

#[saga::distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[saga::steps]
impl ShipOrder {
    #[saga::step(compensate = release)]
    fn hold(&self) -> u32 {
        1
    }

    fn release(&self) {}

    #[saga::response]
    fn respond(&self, hold: &u32) -> u32 {
        *hold
    }
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
    let _ = ShipOrder.hold();
}
