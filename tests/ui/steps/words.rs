//! The words of a step.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(readonly)]
    fn slip(&self) {}

    #[step(read_only, bucket = "incoming-files")]
    fn no_upload(&self) {}

    #[step(read_only, host = "wroker", order = "first", group = checks)]
    fn values(&self) {}

    #[step(read_only, retry(max = 3, delays = "1s", backoff = "linear", jitter = "half"))]
    fn retry_words(&self) {}

    #[step(read_only, retry = 3)]
    fn retry_shape(&self) {}

    #[step(read_only, retry())]
    fn retry_empty(&self) {}

    #[step = "read_only"]
    fn equals(&self) {}

    #[step(read-only, retry(max = 3 delay = "1s"))]
    fn hyphen(&self) {}

    #[step(read_only, read_only, timeout = 30s)]
    fn literal(&self) {}

    #[step(read_only, when = is_large(), retry(3),, order = 0)]
    fn call(&self) {}

    #[step(ret)]
    fn half_typed(&self) {}

    #[response(cached)]
    fn respond(&self) {}
}

fn main() {}
