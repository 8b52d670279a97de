//! The response is made once, at once, and cannot fail.

use distributed_task::prelude::*;

#[distributed_task]
struct Twice;

#[steps]
impl Twice {
    #[step(read_only)]
    fn look(&self) {}

    #[response]
    async fn respond(&self, _cx: &StepContext) -> StepResult<()> {
        Ok(())
    }

    #[response]
    fn again(&self) {}
}

#[distributed_task]
struct Grouped;

#[steps]
impl Grouped {
    #[step(read_only, group = "pair")]
    fn left(&self) {}

    #[step(read_only, group = "pair")]
    fn right(&self) {}
}

#[distributed_task]
struct Conditional;

#[steps]
impl Conditional {
    #[step(read_only, when = sunny)]
    fn look(&self) {}

    fn sunny(&self) -> bool {
        true
    }
}

#[distributed_task]
struct Ephemeral;

#[steps]
impl Ephemeral {
    #[step(read_only, ephemeral)]
    fn look(&self) {}
}

fn main() {}
