//! What a task can be made of.

use distributed_task::prelude::*;

#[distributed_task]
enum NoStruct {
    A,
}

#[distributed_task]
union NoStructEither {
    whole: u32,
    parts: [u8; 4],
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
struct Borrowed<'a, const N: usize> {
    values: &'a [u32; N],
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

one_step!(NoStruct, NoStructEither, Tuple, Bounded);

#[steps]
impl Generic<u32> {
    #[step(read_only)]
    fn look(&self) {}
}

async fn run(saga: NoStructHandle) {
    let _ = saga.outcome().await;
    let _ = Generic::<u32>::builder().value(1).use_in_process_mode();
    let _ = Tuple::builder().build().await;
    let _ = Tuple::WORKER_QUEUE;
}

fn main() {
    let _ = run;
}
