//! Fields that differ are different dependencies, however little they differ.

#![allow(non_snake_case)] // it is how fields can differ

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder {
    a_b: u8,
    a__b: u16,
    type_: u32,
    r#type: u64,
    url: String,
    _url: &'static str,
    _1: i8,
    __: i16,
}

struct TypeState;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn look(&self) -> usize {
        let _ = (self.a_b, self.a__b, self.type_, self.r#type, self._1, self.__, TypeState);
        self.url.len() + self._url.len()
    }

    #[response]
    fn respond(&self) {}
}

fn main() {
    let builder = ShipOrder::builder().__(8)._1(7)._url("").url(String::new());
    drop(builder.r#type(4).type_(3).a__b(2).a_b(1).build());
}
