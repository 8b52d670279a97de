//! oxana. It has no steps: the job keeps each result in its state, so that another attempt goes on from
//! there, which is what its README calls resumable. A no-op job keeps nothing.
//!
//! * 512 jobs at once and 512 connections are what its own benchmark goes up to
//!   (`benches/concurrency.rs` of the crate; the default is 50 connections). They have 30 s to open, not
//!   300 ms.
//! * `dequeue_timeout` 1 ms: so long a worker sleeps that has found its queue empty. The default is 10 s,
//!   which nobody's submitter could wait for.
//! * It would ask that often in the turns of the others too, so it runs in its own only.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex},
    time::Duration,
};

use oxana::{
    Job, JobContext, OxanaError, Queue, QueueConfig, RuntimeBuilder, Storage,
    StorageBuilderTimeouts, Worker,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    common::{
        Contestant,
        sagas::{Order, Receipt},
    },
    ends::{Ends, work},
    race::Turns,
};

const AT_ONCE: usize = 512;
pub(crate) const SETTINGS: &str = "concurrency 512, 512 connections, dequeue_timeout 1 ms; end: the handler tells it, before it is written";

#[derive(Serialize, Deserialize)]
pub(crate) struct Three(Order);

#[derive(Serialize, Deserialize)]
pub(crate) struct Nothing(Order);

impl Job for Three {}
impl Job for Nothing {}

/// What is done with a request.
pub(crate) trait Kind: Job + 'static {
    fn of(order: Order) -> Self;
    fn handled(runtime: RuntimeBuilder<Ends>) -> RuntimeBuilder<Ends>;
}

impl Kind for Three {
    fn of(order: Order) -> Self {
        Self(order)
    }

    fn handled(runtime: RuntimeBuilder<Ends>) -> RuntimeBuilder<Ends> {
        runtime.worker::<Steps, Self>()
    }
}

impl Kind for Nothing {
    fn of(order: Order) -> Self {
        Self(order)
    }

    fn handled(runtime: RuntimeBuilder<Ends>) -> RuntimeBuilder<Ends> {
        runtime.worker::<Noop, Self>()
    }
}

#[derive(Worker)]
#[oxana(job = Three, context = Ends, error = OxanaError, registry = None)]
struct Steps {
    ends: Ends,
}

impl Steps {
    async fn process(&self, job: Three, context: &JobContext) -> Result<(), OxanaError> {
        let kept = context.state.get::<(u8, Receipt)>().await?;
        let (done, mut text) = kept.map_or((0, job.0.0), |(done, receipt)| (done, receipt.0));
        for step in done..3 {
            let receipt = work(&text);
            context.state.update((step + 1, &receipt)).await?;
            text = receipt.0;
        }
        self.ends.over(&text);
        Ok(())
    }
}

#[derive(Worker)]
#[oxana(job = Nothing, context = Ends, error = OxanaError, registry = None)]
struct Noop {
    ends: Ends,
}

impl Noop {
    async fn process(&self, job: Nothing, _: &JobContext) -> Result<(), OxanaError> {
        self.ends.over(&work(&job.0.0).0);
        Ok(())
    }
}

struct Line;

impl Queue for Line {
    fn to_config() -> QueueConfig {
        QueueConfig::as_static("line").concurrency(AT_ONCE)
    }
}

/// What stops the worker, and its end.
type Running = (oneshot::Sender<()>, JoinHandle<()>);

pub(crate) struct Oxana<K> {
    storage: Storage,
    ends: Ends,
    running: Arc<Mutex<Option<Running>>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Oxana<K> {
    pub(crate) fn new(url: String, namespace: &str) -> Self {
        let timeouts = StorageBuilderTimeouts::new(Duration::from_secs(30));
        let storage = Storage::builder().namespace(namespace).max_pool_size(AT_ONCE);
        let storage = storage.timeouts(timeouts).build_from_redis_url(url);
        Self {
            storage: storage.expect("it is an address"),
            ends: Ends::default(),
            running: Arc::default(),
            kind: PhantomData,
        }
    }
}

impl<K> Clone for Oxana<K> {
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            ends: self.ends.clone(),
            running: Arc::clone(&self.running),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Contestant for Oxana<K> {
    async fn saga(&self) {
        let (order, over) = self.ends.begin();
        self.storage.enqueue(Line, K::of(order)).await.expect("it is accepted");
        over.await.expect("it ends");
    }
}

impl<K: Kind> Turns for Oxana<K> {
    async fn begin(&self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = self.storage.runtime(self.ends.clone()).queue::<Line>();
        let runtime = K::handled(runtime).dequeue_timeout(Duration::from_millis(1));
        let runtime = runtime.shutdown_on(async {
            // It is dropped with the program, too.
            let _ = stopped.await;
            Ok(())
        });
        let worker = tokio::spawn(async {
            runtime.run().await.expect("it is stopped");
        });
        *self.running.lock().expect("nobody panics") = Some((stop, worker));
    }

    async fn end(&self) {
        let running = self.running.lock().expect("nobody panics").take();
        let (stop, worker) = running.expect("it has begun");
        stop.send(()).expect("it runs");
        worker.await.expect("it ends");
    }
}
