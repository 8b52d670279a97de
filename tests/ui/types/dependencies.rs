//! A task is shared by the threads that run its sagas.

use std::{cell::Cell, rc::Rc, sync::Arc};

use distributed_task::prelude::*;

#[distributed_task(request = u32, timeout = "1m")]
struct ShipOrder {
    seen: Cell<u32>,
    rate: u32,
    price: Arc<dyn Fn(u32) -> u32>,
}

#[steps]
impl ShipOrder {
    #[step(compensate = forget, timeout = "30s")]
    async fn look(&self, cx: &StepContext, request: &u32) -> StepResult<u32> {
        self.seen.set(*request + cx.attempt());
        Ok((self.price)(self.rate))
    }

    fn forget(&self, look: Outcome<&u32>) {
        let _ = look;
    }

    #[response]
    fn respond(&self) {}
}

async fn run(rate: u32) {
    let builder = ShipOrder::builder().seen(Cell::new(0)).rate(rate).price(Arc::new(|x| x));
    let task: ShipOrderOrchestrator = builder.build().await.unwrap();
    let saga: ShipOrderHandle = task.submit(1).await.unwrap();
    let _ = saga.outcome().await;
}

#[distributed_task]
struct Ephemeral;

#[steps]
impl Ephemeral {
    #[step(read_only, ephemeral)]
    fn open(&self) -> StepResult<Rc<u32>> {
        Ok(Rc::new(1))
    }

    #[response]
    fn respond(&self) {}
}

fn main() {
    let _ = run;
}
