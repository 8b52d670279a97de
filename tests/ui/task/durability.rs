//! How much the journal of a task must survive.

use distributed_task::prelude::*;

#[distributed_task(durability = "disk")]
struct Misspelt;

#[steps]
impl Misspelt {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(durability)]
struct Unsaid;

#[steps]
impl Unsaid {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(durability = fsync)]
struct Unquoted;

#[steps]
impl Unquoted {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
