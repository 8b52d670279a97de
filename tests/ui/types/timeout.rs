//! T3: one attempt cannot take longer than its saga.

use distributed_task::prelude::*;

#[distributed_task(timeout = "1m")]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, timeout = "60s")]
    fn fits(&self) {}

    #[step(read_only, timeout = "2m")]
    fn exceeds(&self) {}
}

fn main() {}
