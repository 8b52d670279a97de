//! How long it takes until another worker goes on with a saga whose worker was lost: its runtime ends,
//! and the system closes its connections, as it does for a process that was killed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use distributed_task::{backend::redis::RedisJournal, builder::Distributed, prelude::*};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::{
    runtime::Runtime,
    sync::{
        Semaphore,
        mpsc::{UnboundedSender, unbounded_channel},
    },
};

use crate::common::{
    median,
    sagas::{Order, Receipt, order, work},
};

const ROUNDS: u32 = 9;
const MANY: usize = 10_000;
/// The default.
const LEASE: Duration = Duration::from_secs(3);

/// Says when it begins.
#[distributed_task(request = Order, response = Receipt)]
struct Holds {
    begins: UnboundedSender<Instant>,
    gate: Arc<Semaphore>,
}

#[steps]
impl Holds {
    #[step(read_only)]
    async fn hold(&self, request: &Order) -> Receipt {
        let _ = self.begins.send(Instant::now());
        self.gate.acquire().await.expect("it is never closed").forget();
        work(request.seed())
    }
}

/// From the loss to the moment when the first of so many sagas is gone on with, and from there to the
/// last.
async fn seconds(presence: bool, many: usize, round: u32) -> (f64, f64) {
    let options = RedisOptions { appends: Appends::No, ..RedisOptions::default() };
    let server = RedisServer::start(options);
    let (begins, mut begun) = unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let builder = || {
        let journal = RedisJournal::builder(server.url()).lease(LEASE);
        let journal = if presence { journal.presence() } else { journal };
        let process = Distributed::default().redis_with(journal);
        let task = Holds::builder().begins(begins.clone()).gate(Arc::clone(&gate));
        task.use_distributed_mode(|_| process).concurrency(many)
    };
    let api = builder().build_api().await.expect("it is built");
    let lost = Runtime::new().expect("a runtime");
    let doomed = builder();
    let doomed = lost.spawn(async move { doomed.build_worker().await.expect("it is built") });
    let doomed = doomed.await.expect("it is built");
    for _ in 0..many {
        api.submit(order()).await.expect("it is accepted");
    }
    for _ in 0..many {
        begun.recv().await.expect("it begins");
    }
    let heir = builder().build_worker().await.expect("it is built");
    // Nobody judges others who has not been connected for a lease.
    // Each round at another moment between two pulses.
    tokio::time::sleep(LEASE + Duration::from_millis(100) + LEASE / 3 * round / ROUNDS).await;
    lost.shutdown_background();
    let lost_at = Instant::now();
    let first = begun.recv().await.expect("it begins again");
    let mut last = first;
    for _ in 1..many {
        last = begun.recv().await.expect("it begins again");
    }
    gate.add_permits(2 * many);
    heir.shutdown(LEASE).await;
    drop(doomed);
    ((first - lost_at).as_secs_f64(), (last - first).as_secs_f64())
}

pub(crate) async fn report() {
    for (presence, name) in [(false, "without presence"), (true, "with presence")] {
        let mut all = Vec::new();
        for round in 0..ROUNDS {
            all.push(seconds(presence, 1, round).await.0);
        }
        let longest = all.iter().copied().fold(0.0, f64::max);
        println!("take-over, lease 3 s, {name}: {:.2} s, at most {longest:.2} s", median(all));
    }
    let (_, behind) = seconds(true, MANY, 0).await;
    println!("take-over of {MANY} sagas: {:.0} ms from the first to the last", 1e3 * behind);
}
