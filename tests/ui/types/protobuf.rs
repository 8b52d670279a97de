//! What `protobuf` stands on is a message.

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Order;

#[derive(Clone, Serialize, Deserialize)]
struct Hold;

/// A message, and serde does not know it.
#[derive(Clone, PartialEq, prost::Message)]
struct Receipt {}

#[distributed_task(request = Order, response = Hold, protobuf)]
struct Identity;

#[steps]
impl Identity {
    #[step(read_only)]
    fn look(&self) {}

    #[response]
    fn respond(&self) -> Hold {
        Hold
    }
}

#[distributed_task]
struct Outputs;

#[steps]
impl Outputs {
    #[step(read_only, protobuf)]
    async fn hold(&self) -> StepResult<Hold> {
        Ok(Hold)
    }

    #[step(compensate = release, protobuf)]
    fn charge(&self) -> Hold {
        Hold
    }

    fn release(&self) {}

    #[step(read_only)]
    fn receipt(&self) -> Receipt {
        Receipt {}
    }

    #[response]
    fn respond(&self) {}
}

#[distributed_task(response = Receipt)]
struct Unmarked;

#[steps]
impl Unmarked {
    #[step(read_only, protobuf)]
    fn receipt(&self) -> Receipt {
        Receipt {}
    }
}

fn main() {}
