//! The two halves of a task find each other.

use distributed_task::prelude::*;

struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    async fn stock(&self, request: &u32) -> StepResult<u32> {
        Ok(*request)
    }

    #[step(compensate = release)]
    fn hold(&self, stock: &u32) -> u32 {
        *stock
    }

    fn release(&self, hold: Outcome<&u32>) {
        let _ = hold;
    }
}

fn main() {}
