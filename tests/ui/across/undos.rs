//! What the undo of a step may take and return.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(compensate = relase)]
    fn slip(&self) {}

    #[step(compensate = slip)]
    fn a_step(&self) {}

    #[step(compensate = refund)]
    fn charge(&self) -> u32 {
        1
    }

    #[step(compensate = release)]
    fn hold(&self) -> u32 {
        1
    }

    fn refund(&self, _cx: UndoContext, _charge: &u32, _hold: &u32) -> StepResult<u32> {
        Ok(1)
    }

    fn release(&self, _hold: Outcome<&u32>, _charge: Outcome<&u32>) -> StepResult<()> {
        Ok(())
    }
}

fn main() {}
