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

#[distributed_task(hold_at_least = "10m")]
struct OfNothing;

#[steps]
impl OfNothing {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = "report", hold_at_least = "ten minutes")]
struct InWords;

#[steps]
impl InWords {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = "report", hold_at_least = "0s")]
struct ForNoTime;

#[steps]
impl ForNoTime {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = "report", hold_at_least = "25h")]
struct ForMoreThanADay;

#[steps]
impl ForMoreThanADay {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singleton = "report", hold_at_least = 600)]
struct InSeconds;

#[steps]
impl InSeconds {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(singletom = "report", hold_at_least = "10m")]
struct Misspelt;

#[steps]
impl Misspelt {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
