//! Bytes of the server's memory for each saga: open, in its second step, and over.

use std::{sync::Arc, time::Duration};

use distributed_task::{backend::redis::RedisJournal, builder::Distributed, prelude::*};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::sync::Semaphore;

use crate::common::sagas::{Order, Receipt, order, work};

const SAGAS: u32 = 5_000;

/// Waits in its last step.
#[distributed_task(request = Order, response = Receipt)]
struct Waits {
    gate: Arc<Semaphore>,
}

#[steps]
impl Waits {
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
        self.gate.acquire().await.expect("it is never closed").forget();
        work(b.seed())
    }
}

fn used(server: &RedisServer) -> f64 {
    let info = server.cli(&["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:"));
    used.and_then(|used| used.trim().parse().ok()).expect("it is in INFO")
}

pub(crate) async fn report() {
    for result_only in [false, true] {
        sagas(result_only).await;
    }
}

async fn sagas(result_only: bool) {
    let options = RedisOptions { appends: Appends::No, ..RedisOptions::default() };
    let server = RedisServer::start(options);
    let journal = RedisJournal::builder(server.url());
    let (journal, kept) = match result_only {
        true => (journal.result_only(), "and its result kept"),
        false => (journal, "and kept"),
    };
    let shared = Distributed::default().redis_with(journal);
    let gate = Arc::new(Semaphore::new(0));
    let builder = || {
        let shared = shared.clone();
        Waits::builder().gate(Arc::clone(&gate)).use_distributed_mode(|_| shared)
    };
    let api = builder().build_api().await.expect("it is built");
    let empty = used(&server);
    let a_saga = || (used(&server) - empty) / f64::from(SAGAS);
    let mut sagas = Vec::new();
    for _ in 0..SAGAS {
        sagas.push(api.submit(order()).await.expect("it is accepted"));
    }
    let open = a_saga();
    let worker = builder().concurrency(SAGAS as usize).build_worker().await.expect("it is built");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let in_flight = a_saga();
    gate.add_permits(SAGAS as usize);
    for saga in sagas {
        saga.outcome().await.expect("it ends");
    }
    let over = a_saga();
    println!("bytes a saga: {open:.0} open, {in_flight:.0} after two steps, {over:.0} over {kept}");
    worker.shutdown(Duration::from_secs(5)).await;
}
