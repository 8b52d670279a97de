//! The two halves of a task find each other.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    rate: u32,
}

fn main() {}
