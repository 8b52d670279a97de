//! apalis-redis and apalis-workflow.
//!
//! * `batch_size` 1,000 and a look for jobs every 100 ms are what their authors measured 0.6 with
//!   (`buffer_size` and `poll_interval` in apalis-dev/benches). The defaults are 10, and no interval: the
//!   worker of the README looks again when a job of its own ends, and with its heartbeat, every 30 s.
//!   Here a second worker looks every millisecond while anybody waits, and never otherwise, so that it
//!   costs the others nothing.
//! * No `RedisStorageFactory`, whose workers wait for a message on each push: 1.0.0 publishes none,
//!   because `push_tasks` gives each job a time and `batch_push.lua` takes it for one that is scheduled.
//! * `lock_tasks(false)`: "can be turned off for tasks that last shorter than a worker heartbeat"
//!   (rustdoc of `Config::lock_tasks`). Results are kept: an end is not written without.
//! * `parallelize(tokio::spawn)` as in the README of apalis; as many at once as there are.
//! * JSON and a `ConnectionManager` of their own, the defaults.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use apalis_workflow::{SteppedFlow, WorkflowSink};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    common::{
        Contestant,
        sagas::{Order, Receipt},
    },
    ends::{Ends, work},
    race::Turns,
};

const BATCH: usize = 1_000;
pub(crate) const SETTINGS: &str = "one worker, batch_size 1000, lock_tasks false, parallelize(tokio::spawn); end: the last handler tells it, before it is written";

/// When the worker looks for jobs that nobody tells it of.
#[derive(Clone, Copy)]
pub(crate) enum Looks {
    Every100Ms,
    EveryMsWhileAwaited,
}

/// Those looks.
#[derive(Clone)]
struct Strategy {
    interval: IntervalStrategy,
    while_awaited: Option<Ends>,
}

impl Strategy {
    fn new(looks: Looks, ends: &Ends) -> Self {
        let (millis, while_awaited) = match looks {
            Looks::Every100Ms => (100, None),
            Looks::EveryMsWhileAwaited => (1, Some(ends.clone())),
        };
        Self { interval: IntervalStrategy::new(Duration::from_millis(millis)), while_awaited }
    }
}

impl PollStrategy for Strategy {
    fn poll_drive(&mut self, cx: &mut Context<'_>, snapshot: &PollSnapshot) -> Poll<Option<()>> {
        if self.while_awaited.as_ref().is_some_and(|ends| !ends.are_awaited(cx.waker())) {
            return Poll::Pending;
        }
        // The next timer runs once it is polled, and that only the next call would do. Where this is
        // also the poll that finds nothing fetched, there is no next call before the heartbeat.
        let mut looked = Poll::Pending;
        while let Poll::Ready(now) = self.interval.poll_drive(cx, snapshot) {
            looked = Poll::Ready(now);
        }
        looked
    }
}

/// What a job is.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    ThreeSteps,
    Nothing,
}

impl Work {
    fn jobs(self) -> u64 {
        match self {
            Self::ThreeSteps => 3,
            Self::Nothing => 1,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Apalis {
    storage: RedisStorage<Order>,
    work: Work,
    ends: Ends,
}

fn done(receipt: Receipt) -> Result<Receipt, BoxDynError> {
    Ok(receipt)
}

/// Tells when a worker ends, which none should.
fn watch(worker: JoinHandle<Result<(), WorkerError>>) {
    tokio::spawn(async { panic!("a worker of apalis ended: {:?}", worker.await) });
}

impl Apalis {
    /// With a worker that runs for as long as the process does.
    pub(crate) async fn new(url: String, queue: &str, work: Work, looks: Looks) -> Self {
        let connection = apalis_redis::connect(url).await.expect("it is there");
        let config = Config::default().queue(queue).batch_size(BATCH).lock_tasks(false);
        let storage = RedisStorage::new(connection).with_config(config);
        let apalis = Self { storage, work, ends: Ends::default() };
        apalis.run(Strategy::new(looks, &apalis.ends));
        apalis
    }

    fn run(&self, strategy: Strategy) {
        let backend = self.storage.clone().poll_with_strategy(strategy);
        let worker = WorkerBuilder::new("worker").backend(backend);
        let ends = self.ends.clone();
        match self.work {
            Work::ThreeSteps => {
                let last = move |b: Receipt| {
                    let c = work(&b.0);
                    ends.over(&c.0);
                    async { done(c) }
                };
                let flow = SteppedFlow::new("three")
                    .and_then(async |order: Order| done(work(&order.0)))
                    .and_then(async |a: Receipt| done(work(&a.0)))
                    .and_then(last);
                let worker = worker.parallelize(tokio::spawn).build(flow);
                watch(tokio::spawn(worker.run()));
            }
            Work::Nothing => {
                let worker = worker.parallelize(tokio::spawn).build(move |order: Order| {
                    let receipt = work(&order.0);
                    ends.over(&receipt.0);
                    async { done(receipt) }
                });
                watch(tokio::spawn(worker.run()));
            }
        }
    }
}

impl Contestant for Apalis {
    async fn saga(&self) {
        let (order, over) = self.ends.begin();
        let mut storage = self.storage.clone();
        match self.work {
            Work::ThreeSteps => storage.push_start(order).await,
            Work::Nothing => storage.push(order).await,
        }
        .expect("it is pushed");
        over.await.expect("it ends");
    }
}

impl Turns for Apalis {
    /// Waits until it has written every end.
    async fn end(&self) {
        let mut connection = self.storage.clone().get_connection().clone();
        let mut count = redis::cmd("SCARD");
        count.arg(self.storage.get_config().done_jobs_set());
        let jobs = self.work.jobs() * self.ends.begun();
        while count.query_async::<u64>(&mut connection).await.expect("it answers") < jobs {
            sleep(Duration::from_millis(1)).await;
        }
    }
}
