//! What the journal keeps owns what it says.

use distributed_task::prelude::*;

#[distributed_task(request = &str, response = Vec<&'static str>, error = (u32, &'static [u8]))]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
