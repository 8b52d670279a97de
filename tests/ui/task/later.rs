//! What is planned has an answer of its own.

use distributed_task::prelude::*;

#[distributed_task(durability = "process")]
struct ShipOrder;

macro_rules! one_step {
    ($($task:ident),*) => {$(
        #[steps]
        impl $task {
            #[step(read_only)]
            fn look(&self) {}
        }
    )*};
}

one_step!(ShipOrder);

fn main() {}
