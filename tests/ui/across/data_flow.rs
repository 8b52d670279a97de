//! A parameter is found by its name among the steps that have run by then.

use distributed_task::prelude::*;

#[distributed_task(request = String)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn stock(&self, _reqest: &String, _weather: &String, _cx: StepContext) -> Vec<u32> {
        vec![]
    }

    #[step(read_only)]
    fn itself(&self, _itself: &u32, _pack: &String, _helper: &u32) -> u32 {
        1
    }

    #[step(read_only, group = "pair")]
    fn left(&self, _stock: Vec<u32>, _request: String, _itself: Option<&u32>) -> u32 {
        1
    }

    #[step(read_only, group = "pair")]
    fn right(&self, _left: &u32, _stock: Outcome<&Vec<u32>>) -> u32 {
        1
    }

    #[step(read_only, when = cold)]
    fn pack(&self, _stock: Option<&Vec<u32>>, _left: Option<&mut u32>) -> String {
        String::new()
    }

    #[step(read_only)]
    fn ship(&self, _request: Option<&String>, _pack: &String) {}

    fn cold(&self, _stok: &[u32]) -> bool {
        true
    }

    fn helper(&self) {}
}

#[distributed_task(response = u32)]
struct GivesOptions;

#[steps]
impl GivesOptions {
    #[step(read_only)]
    fn spare(&self) -> Option<u32> {
        None
    }

    #[step(read_only)]
    fn count(&self, _spare: Option<&u32>) -> u32 {
        1
    }
}

fn main() {}
