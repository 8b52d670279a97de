//! Every step says in exactly one way how it is undone.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step]
    fn forgotten(&self) {}

    #[step()]
    fn forgotten_too(&self) {}

    #[step(read_only, no_undo = "none is needed", timeout = "1s")]
    fn twice(&self) {}

    #[step(no_undo = " ")]
    fn no_reason(&self) {}

    #[step(no_undo)]
    fn no_reason_at_all(&self) {}

    #[step(compensate = Self::release)]
    fn path(&self) {}

    #[step(compensate = outside::release)]
    fn longer_path(&self) {}
}

fn main() {}
