//! The steps of a task stand in one block.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    rate: u32,
}

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {
        let _ = self.rate;
    }
}

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn pack(&self, request: &()) -> StepResult<()> {
        let _ = request;
        Ok(())
    }
}

fn main() {
    let _ = ShipOrder::builder().rate(1).use_in_process_mode();
}
