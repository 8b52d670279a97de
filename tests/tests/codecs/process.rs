//! A process on a journal that keeps bytes, and a codec of the user's.

use std::path::Path;

use bytes::Bytes;
use distributed_task::{
    OutcomeError,
    backend::sqlite::SqliteJournal,
    builder::TaskBuilder,
    codec::{BoxError, Codec, Json, Visit},
    kernel::SagaId,
    prelude::*,
};
use tokio::runtime::{Builder, Runtime};

/// JSON, from its end to its beginning.
#[derive(Clone, Copy)]
pub(crate) struct Backwards;

impl Codec for Backwards {
    fn name(&self) -> &'static str {
        "backwards/1"
    }

    fn write(&self, value: &dyn erased_serde::Serialize) -> Result<Bytes, BoxError> {
        Ok(Json.write(value)?.iter().rev().copied().collect())
    }

    fn read(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), BoxError> {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        Json.read(&bytes, visit)
    }
}

/// A process: its runtime, and a task on the journal in that file.
pub(crate) struct Process<T> {
    runtime: Runtime,
    pub(crate) task: Task<T>,
}

impl<T: distributed_task::TaskSteps> Process<T> {
    pub(crate) fn start(
        path: &Path,
        builder: impl FnOnce() -> TaskBuilder<T>,
        codec: impl FnOnce(TaskBuilder<T>) -> TaskBuilder<T>,
    ) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let task = runtime.block_on(async {
            let journal = SqliteJournal::open(path).expect("nobody else has it");
            codec(builder()).override_journal(journal).build().await.expect("a task")
        });
        Self { runtime, task }
    }

    pub(crate) fn run<R>(&self, future: impl Future<Output = R>) -> R {
        self.runtime.block_on(future)
    }

    pub(crate) fn outcome(&self, saga: SagaId) -> Result<SagaOutcome<T>, OutcomeError> {
        self.run(async { self.task.handle(saga).await.expect("it is there").outcome().await })
    }

    /// What runs is interrupted, and what is there is given back.
    pub(crate) fn leave(self) {
        self.run(self.task.shutdown(std::time::Duration::ZERO));
    }
}

/// Who wrote the values in the file, which nobody has open: each name as often as it stands there.
pub(crate) fn writers(path: &Path) -> Vec<String> {
    let file = rusqlite::Connection::open(path).expect("nobody has it open");
    let mut rows = file.prepare("SELECT records FROM saga").expect("there are sagas");
    let texts = rows.query_map([], |row| row.get::<_, String>(0)).expect("they can be read");
    let texts: String = texts.map(|text| text.expect("it is text")).collect();
    let names = ["json/1", "msgpack/1", "backwards/1", "protobuf/1"];
    let count = |name: &&str| {
        let named = texts.matches(&format!("{name}\":")).count();
        (named > 0).then(|| format!("{named} {name}"))
    };
    names.iter().filter_map(count).collect()
}
