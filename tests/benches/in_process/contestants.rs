//! The same sagas by hand and by the library.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use distributed_task::prelude::*;
use tokio::sync::{mpsc, oneshot};

use crate::common::{
    Contestant,
    sagas::{Order, Receipt, order, work},
};

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
    let mut seed = job.order.seed();
    for step in 1..=steps {
        let receipt = work(seed);
        seed = receipt.seed();
        let mut records = lock();
        let record = records.get_mut(&job.id).expect("inserted above");
        record.step = step;
        record.result = Some(receipt);
    }
    let record = lock().remove(&job.id).expect("inserted above");
    black_box(record.step);
    let _ = job.reply.send(record.result.expect("there is at least one step"));
}

#[distributed_task(request = Order, response = Receipt)]
pub(crate) struct Six;

#[steps]
impl Six {
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
    #[step(read_only)]
    async fn d(&self, c: &Receipt) -> Receipt {
        work(c.seed())
    }
    #[step(read_only)]
    async fn e(&self, d: &Receipt) -> Receipt {
        work(d.seed())
    }
    #[step(read_only)]
    async fn f(&self, e: &Receipt) -> Receipt {
        work(e.seed())
    }
}
