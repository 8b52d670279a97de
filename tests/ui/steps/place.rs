//! `#[steps]` on what is no `impl` block, whatever stands in its braces.

use distributed_task::prelude::*;

#[steps]
fn step(request: u32) -> u32 {
    let twice = request * 2;
    twice + 1
}

#[steps]
pub struct ShipOrder {
    /// How fast.
    rate: u32,
}

#[steps]
enum Speed {
    Fast,
    Slow(u32),
}

fn main() {
    let _ = step(ShipOrder { rate: 1 }.rate);
    let _ = (Speed::Fast, Speed::Slow(1));
}
