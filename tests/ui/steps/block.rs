//! Where `#[steps]` goes.

use distributed_task::prelude::*;

#[steps]
struct NoImpl;

struct A;
struct B<T>(T);
trait Look {}

#[steps]
impl Clone for A {
    fn clone(&self) -> Self {
        A
    }
}

#[steps]
impl<T> B<T> {
    #[step(read_only)]
    fn look(&self) {}
}

#[steps]
impl dyn Look {}

#[distributed_task]
struct D;

#[steps(now)]
impl D {}

fn main() {}
