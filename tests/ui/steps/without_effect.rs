//! An argument without effect is a mistake, not silence.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, retry(max = 0, backoff = "constant", delay = "1s", max_delay = "1m", jitter = "none"))]
    fn never(&self) {}

    #[step(read_only, retry(backoff = "constant", delay = "1s", max_delay = "1m"))]
    fn constant(&self) {}

    #[step(read_only, retry(delay = "2m", max_delay = "1m"))]
    fn capped(&self) {}
}

fn main() {}
