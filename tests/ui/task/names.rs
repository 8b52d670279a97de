//! Names of tasks and queues are part of keys and paths.

use distributed_task::prelude::*;

#[distributed_task(name = "Ship Order", queue = "orders/urgent")]
struct ShipOrder;

#[distributed_task]
struct Größe;

macro_rules! one_step {
    ($($task:ident),*) => {$(
        #[steps]
        impl $task {
            #[step(read_only)]
            fn look(&self) {}
        }
    )*};
}

one_step!(ShipOrder, Größe);

fn main() {}
