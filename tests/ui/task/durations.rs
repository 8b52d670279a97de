//! A duration has one of four units, and is neither nothing nor for ever.

use distributed_task::prelude::*;

#[distributed_task(timeout = "10 minutes")]
struct Unit;

#[distributed_task(timeout = "m")]
struct Number;

#[distributed_task(timeout = "0s")]
struct Nothing;

#[distributed_task(timeout = "8761h")]
struct ForEver;

macro_rules! one_step {
    ($($task:ident),*) => {$(
        #[steps]
        impl $task {
            #[step(read_only)]
            fn look(&self) {}
        }
    )*};
}

one_step!(Unit, Number, Nothing, ForEver);

fn main() {}
