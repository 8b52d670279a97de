//! A name that a step had before belongs to one step.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, was = "stock")]
    async fn stock(&self) {}

    #[step(read_only, was = "label")]
    async fn print(&self) {}

    #[step(read_only, was = "sticker")]
    async fn label(&self) {}

    #[step(read_only, was = "sticker")]
    async fn tag(&self) {}

    #[step(read_only, was("seal", "seal"))]
    async fn stamp(&self) {}

    #[step(read_only, was("Not a name", "_hidden", "r#type", "type"))]
    async fn words(&self) {}

    #[step(read_only, was = old_name)]
    async fn unquoted(&self) {}

    #[step(read_only, was())]
    async fn no_name(&self) {}

    #[step(read_only, was("one" "two"))]
    async fn no_comma(&self) {}

    #[step(read_only, was("one", 2))]
    async fn number(&self) {}

    #[step(read_only, was = ["one", "two"])]
    async fn in_brackets(&self) {}

    #[step(read_only, was = [])]
    async fn nothing(&self) {}

    #[step(read_only, was("request", "cx"))]
    async fn no_step(&self) {}

    #[step(read_only, was = "")]
    async fn empty(&self) -> u32 {
        1
    }
}

fn main() {}
