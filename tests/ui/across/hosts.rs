//! A task changes hosts once.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, host = "api")]
    fn receive(&self) {}

    #[step(read_only)]
    fn work(&self) {}

    #[step(read_only, host = "api")]
    fn answer(&self) {}
}

fn main() {}
