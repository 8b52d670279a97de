//! Steps are told apart by their names.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[distributed_task]
struct Empty;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn request(&self) {}

    #[step(read_only)]
    fn cx(&self) {}

    #[step(read_only)]
    fn look(&self) {}

    #[step(read_only)]
    fn _look(&self) {}
}

#[steps]
impl Empty {
    fn helper(&self) {}
}

fn main() {}
