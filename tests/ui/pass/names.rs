//! A method and a parameter can have any name that Rust takes.
#![allow(
    clippy::just_underscores_and_digits,
    clippy::duplicate_underscore_argument,
    reason = "such names are what it is about"
)]

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn _1(&self) -> u32 {
        1
    }

    #[step(read_only, was = "0x")]
    fn _1e(&self, _1: &u32) -> u32 {
        *_1
    }

    #[step(read_only, was("1_000", "type"))]
    fn __(&self, _1e: &u32) {
        let _ = _1e;
    }

    #[step(read_only)]
    fn r#match(&self, __: &()) -> u32 {
        let () = __;
        1
    }

    #[step(read_only)]
    fn _self(&self, _match: &u32) {
        let _ = _match;
    }

    #[response]
    fn respond(&self, _self: &()) {
        let () = _self;
    }
}

fn main() {
    drop(ShipOrder::builder().build());
}
