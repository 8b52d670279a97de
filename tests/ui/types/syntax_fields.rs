//! What the compiler tells of half a field is all that is told.

use std::sync::Arc;

use distributed_task::prelude::*;

#[distributed_task]
struct NoType {
    rate: u8,
    carrier:
}

#[distributed_task]
struct NoComma {
    rate: u8
    carrier: Arc<str>,
}

#[distributed_task]
struct NoName {
    rate: u8,
    pub
}

#[distributed_task]
struct HalfAType {
    carrier: Arc<,
    rate: u8,
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

one_step!(NoType, NoComma, NoName, HalfAType);

fn main() {
    let _ = NoType::builder().rate(1).use_in_process_mode();
    let _ = NoComma::builder().rate(1).carrier("post".into()).use_in_process_mode();
    let _ = NoName::builder().rate(1).use_in_process_mode();
    let _ = HalfAType::builder().rate(1).use_in_process_mode();
}
