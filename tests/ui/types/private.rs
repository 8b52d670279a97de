//! What a public task takes and gives is public as well.

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Order;

#[distributed_task(request = Order)]
pub struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
