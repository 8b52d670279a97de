//! The builder: the only place that names backends.

#[cfg(feature = "coordination")]
mod coordination;
pub(crate) mod dependencies;
mod distributed;
mod error;
mod locks;
#[cfg(all(feature = "coordination", feature = "redis"))]
mod redis_locks;
mod shared;
mod start;
#[cfg(feature = "testing")]
pub(crate) mod under_test;

use std::{fmt, marker::PhantomData, num::NonZeroUsize, sync::Arc, time::Duration};

#[cfg(feature = "coordination")]
pub use self::coordination::{CoordinationBuilder, CoordinationOpenError};
pub use self::{distributed::Distributed, error::BuildError, shared::IntoShared};
use crate::{
    Task, Worker,
    clock::Clock,
    codec::Codec,
    files::Files,
    journal::Journal,
    lock::DistributedLock,
    orchestrator::Part,
    progress::ProgressTracker,
    queue::Queue,
    task::{Codecs, Handlers, TaskSteps, define, table::Mode},
};

/// Sagas that run at a time, unless the builder says otherwise.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");
/// How long an attempt that is told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// Puts a task together with its backends.
///
/// The macros generate a builder for the dependencies of the task; its `use_in_process_mode` and
/// `build` leave it for this one.
///
/// ```
/// use distributed_task::prelude::*;
/// use distributed_task::backend::memory::MemoryJournal;
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double { factor: u32 }
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * self.factor }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Double::builder()
///     .factor(2)
///     .use_in_process_mode()
///     .override_journal(MemoryJournal::builder().capacity(1_000).build())
///     .concurrency(8)
///     .build()
///     .await?;
/// let saga = task.submit(21).await?;
/// assert!(matches!(saga.outcome().await?, SagaOutcome::Completed(42)));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `.build().await`"]
pub struct TaskBuilder<T> {
    task: PhantomData<fn() -> T>,
    handlers: Arc<dyn Handlers>,
    codecs: Codecs,
    mode: Option<Mode>,
    distributed: Distributed,
    journal: Option<Arc<dyn Journal>>,
    queue: Option<Arc<dyn Queue>>,
    files: Option<Files>,
    progress: Option<Arc<dyn ProgressTracker>>,
    lock: Option<Arc<dyn DistributedLock>>,
    clock: Option<Arc<dyn Clock>>,
    #[cfg(feature = "sqlite")]
    journal_path: Option<std::path::PathBuf>,
    concurrency: usize,
    grace: Duration,
    wait_for_turn: Duration,
}

impl<T: TaskSteps> TaskBuilder<T> {
    /// A builder for a task whose dependencies are set.
    pub fn new(task: T) -> Self {
        Self {
            task: PhantomData,
            handlers: define::handlers(Arc::new(task)),
            codecs: Codecs::default(),
            mode: None,
            distributed: Distributed::default(),
            journal: None,
            queue: None,
            files: None,
            progress: None,
            lock: None,
            clock: None,
            #[cfg(feature = "sqlite")]
            journal_path: None,
            concurrency: CONCURRENCY.get(),
            grace: GRACE,
            wait_for_turn: Duration::ZERO,
        }
    }

    /// Runs everything in this process, in memory, with nothing to install. What it does lives as
    /// long as the process.
    pub fn use_in_process_mode(mut self) -> Self {
        self.mode = Some(Mode::InProcess);
        self
    }

    /// Runs as many processes, which share what `with` says: its argument is empty, and gets what it
    /// lacks. What is overridden is not taken from there.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # use distributed_task::prelude::*;
    /// # #[distributed_task(request = u32, response = u32)]
    /// # struct Double;
    /// # #[steps]
    /// # impl Double {
    /// #     #[step(read_only)]
    /// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
    /// # }
    /// let task = Double::builder().use_distributed_mode(|with| with.redis("redis://127.0.0.1/"));
    /// let api = task.build_api().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn use_distributed_mode(self, with: impl FnOnce(Distributed) -> Distributed) -> Self {
        let distributed = with(Distributed::default());
        Self { mode: Some(Mode::Distributed), distributed, ..self }
    }

    /// Keeps records, tickets and timers in this journal. Default in process: a
    /// [`MemoryJournal`](crate::backend::memory::MemoryJournal) of its own.
    pub fn override_journal(self, journal: impl IntoShared<dyn Journal>) -> Self {
        Self { journal: Some(journal.into_shared()), ..self }
    }

    /// Keeps them in this file, which is made if there is none: sagas survive the process, and the
    /// loss of power. In process only: one process has the file at a time. For settings, or for
    /// several tasks in one file, open a
    /// [`SqliteJournal`](crate::backend::sqlite::SqliteJournal) and give it to
    /// [`override_journal`](Self::override_journal). Files and progress stay where they are: a step
    /// that uploads needs a store that survives, too.
    #[cfg(feature = "sqlite")]
    pub fn journal_path(self, path: impl Into<std::path::PathBuf>) -> Self {
        Self { journal_path: Some(path.into()), ..self }
    }

    /// Brings tickets to workers through this queue, instead of the ready lists of the journal.
    pub fn override_queue(self, queue: impl IntoShared<dyn Queue>) -> Self {
        Self { queue: Some(queue.into_shared()), ..self }
    }

    /// Keeps files in this store. Default in process, with the feature `files`: in memory.
    pub fn override_files(self, files: impl Into<Files>) -> Self {
        Self { files: Some(files.into()), ..self }
    }

    /// Publishes progress here. Default in process: in memory.
    pub fn override_progress(self, progress: impl IntoShared<dyn ProgressTracker>) -> Self {
        Self { progress: Some(progress.into_shared()), ..self }
    }

    /// Steps [lock](crate::StepContext::lock) here. Default, with the feature `coordination`: in the distributed
    /// mode the Redis of the journal, in its namespace, over a connection on a thread of its own that the
    /// first lock opens; else one in memory, which all tasks of this runtime share. There is none for a journal
    /// that was [given](Self::override_journal) and that other processes [may have](Journal::is_shared).
    ///
    /// ```
    /// # #[cfg(feature = "coordination")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination, prelude::*};
    /// # #[distributed_task(request = u32, response = u32)]
    /// # struct Double;
    /// # #[steps]
    /// # impl Double {
    /// #     #[step(read_only)]
    /// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
    /// # }
    ///
    /// // Renewed on a thread of its own: steps that block this runtime lose nothing.
    /// let locks = Coordination::new(MemoryLeases::new());
    /// let task = Double::builder().use_in_process_mode().override_lock(locks).build().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "coordination"))]
    /// # fn main() {}
    /// ```
    pub fn override_lock(self, lock: impl IntoShared<dyn DistributedLock>) -> Self {
        Self { lock: Some(lock.into_shared()), ..self }
    }

    /// Writes values with this codec, from now on: requests, outputs, responses and errors. Default:
    /// [`Json`](crate::codec::Json). Sagas that were begun with another codec go on, and so do
    /// workers that write with another one: each value names its codec, and is read by the one of
    /// that name, of those that are compiled in and the one given here.
    #[cfg_attr(
        all(any(doc, doctest), feature = "msgpack", feature = "protobuf"),
        doc = "[The page on codecs](crate::docs::guide::codecs) says when to choose which."
    )]
    ///
    /// Where the journal keeps values as they are, as in memory, nothing is written; debug builds
    /// check that everything could be.
    pub fn override_codec(mut self, codec: impl IntoShared<dyn Codec>) -> Self {
        self.codecs.write_with(codec.into_shared());
        self
    }

    /// Reads with this codec as well: one of your own that is not written with any more, or not yet.
    pub fn also_read(mut self, codec: impl IntoShared<dyn Codec>) -> Self {
        self.codecs.read_with(codec.into_shared());
        self
    }

    /// The clock of the default journal, for tests.
    pub fn override_clock(self, clock: impl IntoShared<dyn Clock>) -> Self {
        Self { clock: Some(clock.into_shared()), ..self }
    }

    /// Sagas that run at a time in this process. Default 256. One that only waits does not count,
    /// nor does a thread that outlived its step's `timeout` and [`grace`](Self::grace).
    pub fn concurrency(self, sagas: usize) -> Self {
        Self { concurrency: sagas, ..self }
    }

    /// How long a step that is told to stop may take. Default 10 s. Then an `async` step is dropped.
    /// A plain `fn` runs on a thread that nobody can take away: after a cancel it has until its
    /// `timeout`; after its `timeout` and the grace it is given up. The next attempt may run beside
    /// it. An undo waits for it once more as long as its `timeout`, but no longer: a thread that
    /// hangs does not hold its saga for ever (C3). What it returns later is not lost while this
    /// process lives: a success counts, or is undone again (C8). Look at `cx.is_cancelled()` in
    /// anything that takes long.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// How long a start of a `singleton` task waits for the saga that runs, or is held yet, before it is refused
    /// (O6). Default: not at all. It looks once a second whether that is over. Those who wait have no order, and
    /// nothing of them is written down.
    pub fn wait_for_turn(self, limit: Duration) -> Self {
        Self { wait_for_turn: limit, ..self }
    }

    /// Takes a seat in the journal and begins to work: starts sagas, and does their steps. Must be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    /// When something is missing or has no effect, or when the journal fails.
    pub async fn build(self) -> Result<Task<T>, BuildError> {
        self.start(Part::Both).await
    }

    /// Starts sagas and does their `host = "api"` steps, and leaves all others to the workers. Otherwise
    /// as [`build`](Self::build).
    ///
    /// # Errors
    /// As `build`, and when no worker could see the journal: it has to be
    /// [given](Self::override_journal) or [shared](Self::use_distributed_mode).
    pub async fn build_api(self) -> Result<Task<T>, BuildError> {
        self.start(Part::Api).await
    }

    /// Does the steps of sagas that others start. Otherwise as [`build`](Self::build).
    ///
    /// # Errors
    /// As [`build_api`](Self::build_api).
    pub async fn build_worker(self) -> Result<Worker<T>, BuildError> {
        self.start(Part::Worker).await.map(Worker::new)
    }
}

impl<T: TaskSteps> fmt::Debug for TaskBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskBuilder").field("task", &T::TASK.name).finish_non_exhaustive()
    }
}
