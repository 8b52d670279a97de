//! A condition is a plain method of the block that says yes or no.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, when = is_lage)]
    fn slip(&self) {}

    #[step(read_only, when = slip)]
    fn a_step(&self) {}

    #[step(read_only, when = is_large)]
    fn impure(&self) {}

    #[step(read_only, when = how_large)]
    fn number(&self) {}

    async fn is_large(&self, _cx: &StepContext) -> bool {
        true
    }

    fn how_large(&self) -> u32 {
        1
    }

    #[response]
    fn respond(&self) {}
}

fn main() {}
