//! The two halves of a task find each other.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    rate: u32,
}

#[distributed_task]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
