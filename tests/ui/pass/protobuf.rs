//! Messages of Protobuf, in every place where a value is kept.

#![allow(missing_docs)]

use distributed_task::prelude::*;

/// Without serde.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Order {
    #[prost(string, tag = "1")]
    to: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Hold {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "2")]
    orders: Vec<Order>,
}

#[distributed_task(request = Order, response = Hold, protobuf)]
pub struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, protobuf)]
    fn copy(&self, request: &Order) -> Order {
        request.clone()
    }

    #[step(protobuf, compensate = release)]
    async fn hold(&self, copy: &Order) -> PartialResult<Hold> {
        Ok(Hold { id: 7, orders: vec![copy.clone()] })
    }

    async fn release(&self, hold: Outcome<&Hold>) {
        let _ = hold;
    }

    #[step(protobuf, compensate = unpack)]
    fn pack(&self, hold: &Hold) -> PartialResult<Hold> {
        Ok(hold.clone())
    }

    fn unpack(&self) -> StepResult<()> {
        Ok(())
    }

    /// What serde makes of it.
    #[step(read_only)]
    fn weight(&self, hold: &Hold) -> usize {
        hold.orders.len()
    }

    #[step(protobuf, pivot, at_most_once, probe = is_sent)]
    async fn send(&self, request: &Order, _weight: &usize) -> StepResult<Hold> {
        Ok(Hold { id: 8, orders: vec![request.clone()] })
    }

    async fn is_sent(&self, cx: &ProbeContext) -> StepResult<Probe<Hold>> {
        let _ = cx;
        Ok(Probe::DidNot)
    }

    #[step(protobuf, retriable, when = has_many)]
    fn label(&self) -> String {
        String::new()
    }

    fn has_many(&self, pack: &Hold) -> bool {
        pack.orders.len() > 1
    }

    #[response]
    fn respond(&self, send: &Hold, label: Option<&String>) -> Hold {
        let _ = label;
        send.clone()
    }
}

/// The last output is the response.
#[distributed_task(response = Hold, protobuf)]
pub struct Last;

#[steps]
impl Last {
    #[step(read_only, protobuf)]
    fn hold(&self) -> Hold {
        Hold::default()
    }
}

fn main() {}
