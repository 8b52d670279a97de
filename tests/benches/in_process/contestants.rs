//! The same sagas by hand and by the library.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use distributed_task::{TaskSteps, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// 300 bytes of request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order(Vec<u8>);

/// 100 bytes of result.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Receipt(Vec<u8>);

fn order() -> Order {
    Order(vec![7; 300])
}

/// What every step does, here and there.
fn work(seed: u8) -> Receipt {
    Receipt(vec![black_box(seed); 100])
}

/// Somebody who does sagas.
pub(crate) trait Contestant: Clone + Send + 'static {
    /// From the request to its outcome.
    fn saga(&self) -> impl Future<Output = ()> + Send;
}

struct Job {
    id: u64,
    order: Order,
    reply: oneshot::Sender<Receipt>,
}

struct Record {
    step: usize,
    result: Option<Receipt>,
}

/// What a careful engineer writes by hand, without recovery.
#[derive(Clone)]
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
    ids: Arc<AtomicU64>,
}

impl Worker {
    pub(crate) fn start(steps: usize) -> Self {
        let (jobs, mut inbox) = mpsc::channel::<Job>(100);
        let records: Arc<Mutex<HashMap<u64, Record>>> = Arc::default();
        tokio::spawn(async move {
            while let Some(job) = inbox.recv().await {
                tokio::spawn(run(job, steps, Arc::clone(&records)));
            }
        });
        Self { jobs, ids: Arc::default() }
    }
}

impl Contestant for Worker {
    async fn saga(&self) {
        let (reply, answer) = oneshot::channel();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let sent = self.jobs.send(Job { id, order: order(), reply }).await;
        assert!(sent.is_ok(), "the worker runs");
        drop(black_box(answer.await.expect("the worker answers")));
    }
}

async fn run(job: Job, steps: usize, records: Arc<Mutex<HashMap<u64, Record>>>) {
    let lock = || records.lock().expect("nobody panics");
    lock().insert(job.id, Record { step: 0, result: None });
    let mut seed = job.order.0[0];
    for step in 1..=steps {
        let receipt = work(seed);
        seed = receipt.0[0];
        let mut records = lock();
        let record = records.get_mut(&job.id).expect("inserted above");
        record.step = step;
        record.result = Some(receipt);
    }
    let record = lock().remove(&job.id).expect("inserted above");
    black_box(record.step);
    let _ = job.reply.send(record.result.expect("there is at least one step"));
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
        work(request.0[0])
    }
    #[step(read_only)]
    async fn b(&self, a: &Receipt) -> Receipt {
        work(a.0[0])
    }
    #[step(read_only)]
    async fn c(&self, b: &Receipt) -> Receipt {
        work(b.0[0])
    }
}

#[distributed_task(request = Order, response = Receipt)]
pub(crate) struct Six;

#[steps]
impl Six {
    #[step(read_only)]
    async fn a(&self, request: &Order) -> Receipt {
        work(request.0[0])
    }
    #[step(read_only)]
    async fn b(&self, a: &Receipt) -> Receipt {
        work(a.0[0])
    }
    #[step(read_only)]
    async fn c(&self, b: &Receipt) -> Receipt {
        work(b.0[0])
    }
    #[step(read_only)]
    async fn d(&self, c: &Receipt) -> Receipt {
        work(c.0[0])
    }
    #[step(read_only)]
    async fn e(&self, d: &Receipt) -> Receipt {
        work(d.0[0])
    }
    #[step(read_only)]
    async fn f(&self, e: &Receipt) -> Receipt {
        work(e.0[0])
    }
}
