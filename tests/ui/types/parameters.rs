//! A parameter has the type of what it names.

use distributed_task::prelude::*;

#[distributed_task(request = String)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn stock(&self, request: &u32) -> Vec<u32> {
        vec![*request]
    }

    #[step(compensate = release)]
    fn hold(&self, stock: &[u64]) -> u32 {
        stock.len() as u32
    }

    fn release(&self, hold: Outcome<&u64>, stock: &str) {
        let _ = (hold, stock);
    }

    #[step(read_only, when = cold)]
    fn weigh(&self, hold: &u64) -> String {
        hold.to_string()
    }

    fn cold(&self, hold: &u64) -> bool {
        *hold > 1
    }

    #[response]
    fn respond(&self, weigh: Option<&u32>) {
        let _ = weigh;
    }
}

fn main() {}
