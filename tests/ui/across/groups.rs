//! The members of a group stand together, on one host.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, await_all)]
    fn no_group(&self) {}

    #[step(read_only, group = "alone")]
    fn lonely(&self) {}

    #[step(read_only, group = "")]
    fn unnamed(&self) {}

    #[step(read_only, group = "Not Kebab")]
    fn badly(&self) {}

    #[step(read_only, group = "Not Kebab")]
    fn named(&self) {}

    #[step(read_only, group = "checks")]
    fn stock(&self) {}

    #[step(read_only, group = "checks", await_all, host = "api")]
    fn address(&self) {}

    #[step(read_only)]
    fn between(&self) {}

    #[step(read_only, group = "checks")]
    fn apart(&self) {}

    #[response]
    fn respond(&self) {}
}

fn main() {}
