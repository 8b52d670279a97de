//! The engine in process against a hand-written worker, interleaved in one run.
//!
//! ```sh
//! cargo bench -p distributed-task-tests --bench in_process
//! ```
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// 300 bytes of request.
#[derive(Clone, Serialize, Deserialize)]
struct Order(Vec<u8>);

/// 100 bytes of result.
#[derive(Clone, Serialize, Deserialize)]
struct Receipt(Vec<u8>);

fn order() -> Order {
    Order(vec![7; 300])
}

/// What every step does, here and there.
fn work(seed: u8) -> Receipt {
    Receipt(vec![black_box(seed); 100])
}

// ---- the floor: what a careful engineer writes by hand, without recovery --------------------

struct Job {
    id: u64,
    order: Order,
    reply: oneshot::Sender<Receipt>,
}

struct Record {
    step: usize,
    result: Option<Receipt>,
}

#[derive(Clone)]
struct Worker {
    jobs: mpsc::Sender<Job>,
    ids: Arc<AtomicU64>,
}

impl Worker {
    fn start(steps: usize) -> Self {
        let (jobs, mut inbox) = mpsc::channel::<Job>(100);
        let records: Arc<Mutex<HashMap<u64, Record>>> = Arc::default();
        tokio::spawn(async move {
            while let Some(job) = inbox.recv().await {
                tokio::spawn(run(job, steps, Arc::clone(&records)));
            }
        });
        Self { jobs, ids: Arc::default() }
    }

    async fn submit(&self, order: Order) -> Receipt {
        let (reply, answer) = oneshot::channel();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let sent = self.jobs.send(Job { id, order, reply }).await;
        assert!(sent.is_ok(), "the worker runs");
        answer.await.expect("the worker answers")
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

// ---- the tasks -------------------------------------------------------------------------------

#[distributed_task(request = Order, response = Receipt)]
struct Three;

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
struct Six;

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

// ---- measuring -------------------------------------------------------------------------------

/// Time for one saga.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// `sagas` sagas from `submitters` tasks; each waits for the end of one before the next.
async fn measure<F: Future<Output = ()> + Send + 'static>(
    submitters: usize,
    sagas: usize,
    one: impl Fn() -> F + Clone + Send + 'static,
) -> Cost {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let mut tasks = Vec::new();
    for _ in 0..submitters {
        let one = one.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..sagas / submitters {
                one().await;
            }
        }));
    }
    for task in tasks {
        task.await.expect("a submitter panicked");
    }
    let each = u32::try_from(sagas).expect("few sagas");
    Cost { wall: wall.elapsed() / each, cpu: cpu.elapsed() / each }
}

fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort_unstable();
    costs[costs.len() / 2]
}

fn main() {
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(9);
    let sagas: usize = std::env::var("SAGAS").ok().and_then(|n| n.parse().ok()).unwrap_or(64_000);
    let threads: usize = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
    };
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let worker = Worker::start(3);
        let three = Three::builder().use_in_process_mode().build().await.expect("builds");
        let six = Six::builder().use_in_process_mode().build().await.expect("builds");
        println!("medians of {rounds} interleaved rounds of {sagas} sagas, per saga");
        for submitters in [1, 64] {
            let mut costs: [Vec<Cost>; 3] = Default::default();
            for _ in 0..rounds {
                let floor = worker.clone();
                let floor = measure(submitters, sagas, move || {
                    let floor = floor.clone();
                    async move { drop(black_box(floor.submit(order()).await)) }
                });
                costs[0].push(floor.await);
                costs[1].push(measure(submitters, sagas, saga(three.clone())).await);
                costs[2].push(measure(submitters, sagas, saga(six.clone())).await);
            }
            report(submitters, &costs);
        }
    });
}

fn saga<T>(task: Task<T>) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Clone
where
    T: distributed_task::TaskSteps<Request = Order, Response = Receipt>,
{
    move || {
        let task = task.clone();
        Box::pin(async move {
            let saga = task.submit(order()).await.expect("submitted");
            drop(black_box(saga.outcome().await.expect("an outcome")));
        })
    }
}

fn report(submitters: usize, costs: &[Vec<Cost>; 3]) {
    let wall = costs.each_ref().map(|costs| median(costs.iter().map(|c| c.wall).collect()));
    let cpu = costs.each_ref().map(|costs| median(costs.iter().map(|c| c.cpu).collect()));
    let ratios = |i: usize| {
        let pairs = costs[0].iter().zip(&costs[i]);
        let mut ratios: Vec<f64> =
            pairs.map(|(floor, ours)| ours.cpu.as_secs_f64() / floor.cpu.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    println!("{submitters} submitters");
    println!("  hand-written, 3 steps  wall {:>9.2?}  cpu {:>9.2?}", wall[0], cpu[0]);
    println!(
        "  saga, 3 steps          wall {:>9.2?}  cpu {:>9.2?}  {:.2} x the floor's cpu",
        wall[1],
        cpu[1],
        ratios(1)
    );
    println!(
        "  each further step      wall {:>9.2?}  cpu {:>9.2?}",
        wall[2].saturating_sub(wall[1]) / 3,
        cpu[2].saturating_sub(cpu[1]) / 3
    );
}
