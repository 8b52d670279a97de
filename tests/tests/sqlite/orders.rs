//! A saga that can be left in any place, and a process that can be left at any time.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    OutcomeError,
    backend::sqlite::SqliteJournal,
    kernel::{SagaId, SagaStatus},
    prelude::*,
};
use tokio::runtime::{Builder, Runtime};

/// What happened outside, over all processes.
pub(crate) type Outside = Arc<Mutex<Vec<String>>>;

/// What a step does, by the first letter of the request: `h` hangs, `p` parks, `r` tries again once, any
/// other goes on.
#[distributed_task(request = String, response = String, cancellable)]
pub(crate) struct Order {
    outside: Outside,
}

#[steps]
impl Order {
    #[step(compensate = put_back)]
    async fn take(&self, request: &str) -> StepResult<String> {
        self.note("take");
        Ok(format!("taken for {request}"))
    }

    async fn put_back(&self, take: Outcome<&String>) -> StepResult<()> {
        self.note(&format!("put back {take:?}"));
        Ok(())
    }

    #[step(
        no_undo = "it is sent",
        on_exhausted = "park",
        retry(max = 1, delay = "1h", max_delay = "1h", jitter = "none")
    )]
    async fn send(&self, cx: &StepContext, request: &str, take: &str) -> StepResult<String> {
        self.note(&format!("send {}, attempt {}", take, cx.attempt()));
        match request.get(..1).unwrap_or_default() {
            "h" if self.is_first_process() => std::future::pending().await,
            "p" => Err("nobody is there")?,
            "r" if cx.attempt() == 1 => Err("not now")?,
            _ => Ok("sent".to_owned()),
        }
    }

    #[response]
    fn respond(&self, send: &str, take: &str) -> String {
        format!("{take}, {send}")
    }
}

impl Order {
    fn note(&self, what: &str) {
        self.outside.lock().expect("nobody panics under it").push(what.to_owned());
    }

    fn is_first_process(&self) -> bool {
        !self.outside.lock().expect("nobody panics under it").iter().any(|note| note == "restart")
    }
}

/// A process: its runtime, and a task on the journal in that file.
pub(crate) struct Process {
    path: PathBuf,
    pub(crate) runtime: Runtime,
    pub(crate) orders: Task<Order>,
}

impl Process {
    pub(crate) fn start(path: &Path, outside: &Outside) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let orders = runtime.block_on(async {
            let journal = SqliteJournal::open(path).expect("nobody else has it");
            let order = Order::builder().outside(Arc::clone(outside)).use_in_process_mode();
            order.override_journal(journal).build().await.expect("a task")
        });
        Self { path: path.into(), runtime, orders }
    }

    /// Submits an order and lets it go as far as it can in ten minutes.
    pub(crate) fn order(&self, request: &str) -> SagaId {
        self.runtime.block_on(async {
            let saga = self.orders.submit(request.to_owned()).await.expect("it is taken");
            tokio::time::sleep(Duration::from_secs(600)).await;
            saga.id()
        })
    }

    pub(crate) fn status(&self, saga: SagaId) -> SagaStatus {
        self.runtime.block_on(async {
            self.orders
                .handle(saga)
                .await
                .expect("it is there")
                .status()
                .await
                .expect("it is known")
        })
    }

    pub(crate) fn outcome(&self, saga: SagaId) -> Result<SagaOutcome<Order>, OutcomeError> {
        self.runtime.block_on(async {
            self.orders.handle(saga).await.expect("it is there").outcome().await
        })
    }

    /// Ends as a process ends that is killed: nothing is given back, and the files stay as they are
    /// at this moment.
    pub(crate) fn kill(self) {
        let Self { path, runtime, orders } = self;
        kill(&path, (runtime, orders));
    }

    /// Ends as a process ends that is told to.
    pub(crate) fn leave(self) {
        let _report = self.runtime.block_on(self.orders.shutdown(Duration::from_secs(5)));
    }
}

/// Drops what there is of a process, and puts its files back as they are at this moment.
pub(crate) fn kill<P>(path: &Path, process: P) {
    let files = [path.to_owned(), path.with_extension("db-wal")];
    let as_they_are = files.map(|file| (fs::read(&file).expect("it is there"), file));
    drop(process);
    for (content, file) in as_they_are {
        fs::write(file, content).expect("it is put back");
    }
}

pub(crate) fn notes(outside: &Outside) -> Vec<String> {
    outside.lock().expect("nobody panics under it").clone()
}
