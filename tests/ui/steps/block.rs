//! Where `#[steps]` goes.

use distributed_task::prelude::*;

#[steps]
struct NoImpl;

struct A;

#[distributed_task]
struct B;

#[distributed_task]
struct C;

trait Look {}

#[steps]
impl Clone for A {
    fn clone(&self) -> Self {
        A
    }
}

#[steps]
impl Look for B {
    type Output = u32;

    #[step(compensate = unlook)]
    fn look(&self) {}

    fn unlook(&self) {}
}

#[steps]
impl C
where
    u32: Copy,
{
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task]
struct E<T>(T);

#[steps]
impl<T> E<T> {
    #[step(read_only)]
    fn look(&self) {}
}

#[steps]
impl dyn Look {}

#[distributed_task]
struct D;

#[steps(now)]
impl D {}

fn main() {
    let _ = A.clone();
    B.look();
    let _ = B::builder().use_in_process_mode();
}
