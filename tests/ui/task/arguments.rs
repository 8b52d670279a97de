//! Each mistake in the arguments is told, each where it stands.

use distributed_task::prelude::*;

#[distributed_task(
    qeue = "orders",
    colour = "red",
    colours = HashMap<Shade, Tint>,
    name = 5,
    queue = "a",
    queue = "b",
    request,
    max_retries = "three",
    cancellable = true,
    crate = "sagas",
    "what",
    mode = "distribted",
)]
struct ShipOrder;

#[distributed_task(max_retries = 4294967296, timeout = "ten minutes")]
struct Count;

#[distributed_task(max-retries = 3, queue = orders::QUEUE, timeout = 30)]
struct Hyphen;

#[distributed_task(max_retries = -1, request = Vec<u8> response = u32)]
struct Negative;

#[distributed_task(timeout = "10m" cancellable)]
struct Comma;

macro_rules! one_step {
    ($($task:ident),*) => {$(
        #[steps]
        impl $task {
            #[step(read_only)]
            fn look(&self) {}
        }
    )*};
}

one_step!(ShipOrder, Count, Hyphen, Negative, Comma);

fn main() {}
