//! What is planned has an answer of its own.

use distributed_task::prelude::*;

type PartialResult<T, E> = StepResult<T, E>;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, at_most_once, probe = look, on_exhausted = "park", was = "old_name")]
    fn charge(&self) {}

    #[step(read_only)]
    fn pack(&self) -> PartialResult<u32, Refusal> {
        Ok(1)
    }
}

fn main() {}
