//! Nothing returned is said as well.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) -> StepResult {
        Ok(())
    }
}

fn main() {}
