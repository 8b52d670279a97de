//! What is allowed for a struct, a block or a method is allowed for what is printed beside it.

#![deny(warnings)]

use distributed_task::prelude::*;

mod bank {
    #![allow(deprecated)]

    #[deprecated]
    pub struct Bank;

    #[deprecated]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Order;
}

#[expect(non_camel_case_types, non_snake_case, reason = "they are older than we are")]
#[distributed_task(request = bank::Order)]
struct ship_order {
    #[allow(deprecated)]
    Bank: bank::Bank,
}

#[steps]
impl ship_order {
    #[allow(deprecated)]
    #[step(read_only)]
    fn look(&self, request: &bank::Order) -> bank::Order {
        let _ = (request, &self.Bank);
        bank::Order
    }

    #[expect(non_snake_case)]
    #[step(read_only)]
    fn Hold(&self) -> u32 {
        1
    }

    #[step(read_only)]
    #[expect(non_snake_case)]
    fn warn(&self, Hold: &u32) {
        let _ = Hold;
    }
}

#[distributed_task(request = u32)]
struct PayOut;

#[steps]
impl PayOut {
    #![allow(deprecated, non_snake_case)]

    #[step(read_only)]
    fn Look(&self) -> bank::Order {
        bank::Order
    }

    #[response]
    fn respond(&self, Look: &bank::Order) {
        let _ = Look;
    }
}

#[allow(deprecated)]
fn main() {
    let _ = ship_order::builder().Bank(bank::Bank).use_in_process_mode();
    let _ = PayOut::builder().use_in_process_mode();
}
