//! `order` counts a group once, and is checked.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, order = 1)]
    fn first(&self) {}

    #[step(read_only, group = "checks", order = 2)]
    fn second(&self) {}

    #[step(read_only, group = "checks", order = 3)]
    fn second_too(&self) {}

    #[step(read_only, order = 4)]
    fn third(&self) {}
}

fn main() {}
