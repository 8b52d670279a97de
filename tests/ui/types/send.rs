//! A step moves between threads.

use std::{cell::Cell, rc::Rc};

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    async fn look(&self) {
        let count = Rc::new(1);
        std::future::ready(()).await;
        drop(count);
    }
}

#[distributed_task]
struct Shared {
    seen: Cell<u32>,
}

#[steps]
impl Shared {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
