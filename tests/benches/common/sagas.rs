//! The saga of all benchmarks: three steps, 300 bytes of request, and 100 bytes of result a step.

use std::hint::black_box;

use distributed_task::{TaskSteps, prelude::*};
use serde::{Deserialize, Serialize};

/// 300 bytes of request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order(pub(crate) String);

/// 100 bytes of result.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Receipt(pub(crate) String);

impl Order {
    pub(crate) fn seed(&self) -> u8 {
        self.0.as_bytes()[0]
    }
}

impl Receipt {
    pub(crate) fn seed(&self) -> u8 {
        self.0.as_bytes()[0]
    }
}

pub(crate) fn order() -> Order {
    Order("o".repeat(300))
}

/// What every step does, whoever runs it.
pub(crate) fn work(seed: u8) -> Receipt {
    Receipt(String::from_utf8(vec![black_box(seed); 100]).expect("it is ASCII"))
}

/// Somebody who does sagas.
pub(crate) trait Contestant: Clone + Send + 'static {
    /// From the request to its outcome.
    fn saga(&self) -> impl Future<Output = ()> + Send;
}

impl<T> Contestant for Task<T>
where
    T: TaskSteps<Request = Order, Response = Receipt>,
{
    async fn saga(&self) {
        let saga = self.submit(order()).await.expect("submitted");
        drop(black_box(saga.outcome().await.expect("an outcome")));
    }
}

#[distributed_task(request = Order, response = Receipt)]
pub(crate) struct Three;

#[steps]
impl Three {
    #[step(read_only)]
    async fn a(&self, request: &Order) -> Receipt {
        work(request.seed())
    }
    #[step(read_only)]
    async fn b(&self, a: &Receipt) -> Receipt {
        work(a.seed())
    }
    #[step(read_only)]
    async fn c(&self, b: &Receipt) -> Receipt {
        work(b.seed())
    }
}
