//! That a struct is no task does not depend on what other tasks there are.

use distributed_task::prelude::*;

#[distributed_task]
struct Stock;

#[steps]
impl Stock {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task]
struct Charge;

#[steps]
impl Charge {
    #[step(read_only)]
    fn look(&self) {}
}

struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
