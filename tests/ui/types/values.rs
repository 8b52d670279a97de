//! What the journal keeps can be written and read back.

use distributed_task::prelude::*;

struct Order;

#[derive(Clone)]
struct Shipped;

#[derive(Debug)]
struct ShipError;

struct Receipt;

type Fallible<T> = Result<T, StepError>;

#[distributed_task(request = Order, response = Shipped, error = ShipError)]
struct Identity;

#[steps]
impl Identity {
    #[step(read_only)]
    fn look(&self) {}

    #[response]
    fn respond(&self) -> Shipped {
        Shipped
    }
}

#[distributed_task]
struct Outputs;

#[steps]
impl Outputs {
    #[step(read_only)]
    async fn charge(&self) -> StepResult<Receipt> {
        Ok(Receipt)
    }

    #[step(read_only)]
    fn print(&self) -> Receipt {
        Receipt
    }

    #[step(read_only)]
    fn under_an_alias(&self) -> Fallible<u32> {
        Ok(1)
    }

    #[response]
    fn respond(&self) {}
}

fn main() {}
