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

    #[step(pivot)]
    fn charge(&self) {}

    #[step(retriable, timeout = "2h")]
    fn after_the_point_of_no_return(&self) {}
}

fn main() {}
