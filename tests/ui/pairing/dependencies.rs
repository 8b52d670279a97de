//! A builder builds once every dependency is set.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    level: u32,
    pool: String,
}

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) {
        let _ = (self.level, &self.pool);
    }
}

#[distributed_task]
struct BookTrip {
    pool: String,
}

#[steps]
impl BookTrip {
    #[step(read_only)]
    fn look(&self) {
        let _ = &self.pool;
    }
}

fn main() {
    let _ = ShipOrder::builder().pool(String::new()).use_in_process_mode();
    let _ = BookTrip::builder().build();
    let _ = ShipOrder::builder().pool(1);
}
