//! A field becomes a setter of the builder.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    build: u32,
    use_in_process_mode: u32,
    use_distributed_mode: u32,
    #[cfg(unix)]
    socket: u32,
}

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
