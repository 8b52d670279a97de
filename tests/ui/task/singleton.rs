//! What no two sagas run at a time under.

use distributed_task::prelude::*;

#[distributed_task(singleton = "")]
struct Nameless;

#[steps]
impl Nameless {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = " ")]
struct Blank;

#[steps]
impl Blank {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = 5)]
struct Counted;

#[steps]
impl Counted {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton)]
struct Alone;

#[steps]
impl Alone {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton("report"))]
struct InParentheses;

#[steps]
impl InParentheses {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = "report", singleton = "backup")]
struct Twice;

#[steps]
impl Twice {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
