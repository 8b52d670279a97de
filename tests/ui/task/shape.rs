//! What a task can be made of.

use distributed_task::prelude::*;

#[distributed_task]
enum NoStruct {
    A,
}

#[distributed_task]
fn no_struct() {}

#[distributed_task]
struct Tuple(u32);

#[distributed_task]
struct Generic<T> {
    value: T,
}

#[distributed_task]
struct Bounded
where
    u32: Copy,
{
    value: u32,
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

one_step!(Tuple, Bounded);

fn main() {}
