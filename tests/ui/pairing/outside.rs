//! The attributes of methods are read by `#[steps]`.

use distributed_task::prelude::*;

struct ShipOrder;

impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {}

    #[file_upload_step(bucket = "labels")]
    fn upload(&self) {}

    #[response]
    fn respond(&self) {}
}

#[step(read_only)]
fn alone() {}

fn main() {
    alone();
    ShipOrder.look();
    ShipOrder.upload();
    ShipOrder.respond();
}
