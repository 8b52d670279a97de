//! A method has one role, in every build.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    #[response]
    fn both(&self) {}

    #[cfg(unix)]
    #[step(read_only)]
    fn sometimes(&self) {}
}

fn main() {}
