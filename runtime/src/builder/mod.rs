//! The builder: the only place that names backends.

pub(crate) mod dependencies;
mod distributed;
#[cfg(feature = "testing")]
pub(crate) mod under_test;

use std::{fmt, marker::PhantomData, num::NonZeroUsize, sync::Arc, time::Duration};

pub use self::distributed::Distributed;
use crate::{
    Task, Worker,
    clock::Clock,
    codec::Codec,
    files::{FileError, Files},
    journal::{Durability, Journal, JournalError},
    kernel::{Kind, Step},
    orchestrator::{Carrier, Host, HostSettings, Part},
    progress::ProgressTracker,
    queue::Queue,
    task::{Codecs, Handlers, TaskSteps, WorkerMessage, define, table::Mode},
};

/// Sagas that run at a time, unless the builder says otherwise.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");
/// How long an attempt that is told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// What to do without a journal that processes share.
#[cfg(feature = "redis")]
const NOTHING_SHARED: &str = "the distributed mode needs a journal that processes share: say \
    `.use_distributed_mode(|with| with.redis(\"redis://...\"))`, give one with \
    `.override_journal(..)`, or call `.use_in_process_mode()`";
#[cfg(not(feature = "redis"))]
const NOTHING_SHARED: &str = "the distributed mode needs a journal that processes share: enable the \
    feature `redis` of `distributed-task`, give one with `.override_journal(..)`, or call \
    `.use_in_process_mode()`";

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
    clock: Option<Arc<dyn Clock>>,
    #[cfg(feature = "sqlite")]
    journal_path: Option<std::path::PathBuf>,
    concurrency: usize,
    grace: Duration,
}

/// Why a task could not be built.
///
/// ```
/// use distributed_task::{BuildError, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let built = Double::builder().use_in_process_mode().concurrency(0).build().await;
/// let error = built.expect_err("no saga could ever run");
/// assert!(matches!(error, BuildError::NoConcurrency { task: "double" }));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The mode needs what this version, or this set of cargo features, does not have.
    #[error("`{task}`: {reason}")]
    Mode {
        /// The task.
        task: &'static str,
        /// What is missing, and what to do.
        reason: &'static str,
    },
    /// A step uploads files, and there is no store for them.
    #[error(
        "`{task}`: the step `{step}` uploads files, but there is no file store: enable the feature \
         `files` of `distributed-task`, or call `.override_files(..)`"
    )]
    NoFileStore {
        /// The task.
        task: &'static str,
        /// The step.
        step: &'static str,
    },
    /// The bucket of a step cannot be used.
    #[error("`{task}`: the step `{step}` cannot upload: {source}")]
    Bucket {
        /// The task.
        task: &'static str,
        /// The step.
        step: &'static str,
        /// What the store says.
        source: FileError,
    },
    /// `.concurrency(0)`: no saga could ever run.
    #[error("`{task}`: `.concurrency(0)` would never run a saga; say 1 or more")]
    NoConcurrency {
        /// The task.
        task: &'static str,
    },
    /// The journal survives less than the task says it needs.
    #[error(
        "`{task}` needs a journal of durability `{needs}`, and this one is `{has}`: give another \
         one, or say `durability = \"{has}\"` in `#[distributed_task(..)]`"
    )]
    Durability {
        /// The task.
        task: &'static str,
        /// That of the journal.
        has: Durability,
        /// What the task asks for.
        needs: Durability,
    },
    /// The journal may forget its last records, and a step must not happen twice.
    #[error(
        "`{task}`: a journal of durability `process` may forget that `{step}` has begun, and it \
         would run again: give a journal of durability `fsync`, or say `durability = \"process\"` \
         in `#[distributed_task(..)]`"
    )]
    LosesSteps {
        /// The task.
        task: &'static str,
        /// The step.
        step: String,
    },
    /// An override without effect.
    #[error(
        "`{task}`: `.override_clock(..)` has no effect beside `.override_journal(..)`: give the clock to the journal"
    )]
    ClockWithoutEffect {
        /// The task.
        task: &'static str,
    },
    /// Two journals, of which only one could have an effect.
    #[cfg(feature = "sqlite")]
    #[error("`{task}`: say `.journal_path(..)` or `.override_journal(..)`, not both")]
    TwoJournals {
        /// The task.
        task: &'static str,
    },
    /// The file of the journal cannot be opened.
    #[cfg(feature = "sqlite")]
    #[error("`{task}`: {source}")]
    JournalPath {
        /// The task.
        task: &'static str,
        /// What is wrong with it.
        source: crate::backend::sqlite::SqliteOpenError,
    },
    /// Redis cannot be used.
    #[cfg(feature = "redis")]
    #[error("`{task}`: {source}")]
    Redis {
        /// The task.
        task: &'static str,
        /// What is wrong with it.
        source: Box<crate::backend::redis::RedisOpenError>,
    },
    /// S3 cannot be used.
    #[cfg(feature = "s3")]
    #[error("`{task}`: {source}")]
    S3 {
        /// The task.
        task: &'static str,
        /// What is wrong with it.
        source: crate::backend::files::S3Error,
    },
    /// The journal failed.
    #[error("`{task}`: {source}")]
    Journal {
        /// The task.
        task: &'static str,
        /// What the journal says.
        source: JournalError,
    },
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
            clock: None,
            #[cfg(feature = "sqlite")]
            journal_path: None,
            concurrency: CONCURRENCY.get(),
            grace: GRACE,
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
    /// loss of power. For settings, or for several tasks in one file, open a
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

    /// Takes a seat in the journal and begins to work: starts sagas, and does their steps. Must be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    /// When something is missing or has no effect, or when the journal fails.
    pub async fn build(self) -> Result<Task<T>, BuildError> {
        self.build_as(Part::Both).await
    }

    /// Starts sagas and does their `host = "api"` steps, and leaves all others to the workers. Otherwise
    /// as [`build`](Self::build).
    ///
    /// # Errors
    /// As `build`.
    pub async fn build_api(self) -> Result<Task<T>, BuildError> {
        self.build_as(Part::Api).await
    }

    /// Does the steps of sagas that others start. Otherwise as [`build`](Self::build).
    ///
    /// # Errors
    /// As `build`.
    pub async fn build_worker(self) -> Result<Worker<T>, BuildError> {
        self.build_as(Part::Worker).await.map(Worker::new)
    }

    async fn build_as(mut self, part: Part) -> Result<Task<T>, BuildError> {
        #[cfg(feature = "sqlite")]
        {
            self = self.open_journal().await?;
        }
        if self.mode.unwrap_or(T::TASK.mode) == Mode::Distributed {
            self = self.connect().await?;
        }
        self.build_now(part).await
    }

    /// Opens what the processes share and is not overridden.
    async fn connect(mut self) -> Result<Self, BuildError> {
        let task = T::TASK.name;
        let shared = std::mem::take(&mut self.distributed);
        #[cfg(feature = "redis")]
        if (self.journal.is_none() || self.progress.is_none())
            && let Some(opened) = shared.opened().await
        {
            let opened =
                opened.map_err(|source| BuildError::Redis { task, source: source.into() })?;
            self.journal.get_or_insert(opened.journal);
            self.progress.get_or_insert(opened.progress);
        }
        #[cfg(feature = "s3")]
        if let (None, Some(files)) = (&self.files, shared.files()) {
            let files = files.map_err(|source| BuildError::S3 { task, source })?;
            self.files = Some(Files::new(files));
        }
        let _ = (task, shared);
        Ok(self)
    }

    #[cfg(feature = "sqlite")]
    async fn open_journal(mut self) -> Result<Self, BuildError> {
        let task = T::TASK.name;
        let Some(path) = self.journal_path.take() else { return Ok(self) };
        if self.journal.is_some() {
            return Err(BuildError::TwoJournals { task });
        }
        let mut journal = crate::backend::sqlite::SqliteJournal::builder(path);
        if let Some(clock) = self.clock.take() {
            journal = journal.clock(clock);
        }
        let opened = tokio::task::spawn_blocking(|| journal.open()).await;
        let opened = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let opened = opened.map_err(|source| BuildError::JournalPath { task, source })?;
        Ok(self.override_journal(opened))
    }

    async fn build_now(self, part: Part) -> Result<Task<T>, BuildError> {
        let task = T::TASK.name;
        let is_distributed = self.mode.unwrap_or(T::TASK.mode) == Mode::Distributed;
        if is_distributed && self.journal.is_none() {
            return Err(BuildError::Mode { task, reason: NOTHING_SHARED });
        }
        let concurrency =
            NonZeroUsize::new(self.concurrency).ok_or(BuildError::NoConcurrency { task })?;
        if self.clock.is_some() && self.journal.is_some() {
            return Err(BuildError::ClockWithoutEffect { task });
        }
        let handlers = self.handlers;
        // What is in the memory of one process is nowhere for the others.
        let files = self.files.or_else(|| if is_distributed { None } else { default_files() });
        if let (None, Some(step)) = (&files, handlers.needs_files()) {
            return Err(BuildError::NoFileStore { task, step });
        }
        if let Some(files) = &files {
            for (step, bucket) in buckets::<T>() {
                let checked = files.store().check(bucket).await;
                checked.map_err(|source| BuildError::Bucket { task, step, source })?;
            }
        }
        let journal = match self.journal {
            Some(journal) => journal,
            None => default_journal(self.clock)
                .ok_or(BuildError::Mode { task, reason: "the feature `in-process` is off: enable it, or call `.override_journal(..)`" })?,
        };
        let progress = match self.progress {
            Some(progress) => progress,
            None => default_progress()
                .ok_or(BuildError::Mode { task, reason: "the feature `in-process` is off: enable it, or call `.override_progress(..)`" })?,
        };
        check_durability::<T>(&*journal)?;
        let carrier = self.queue.map(|queue| Carrier {
            queue,
            accept: |ticket| match WorkerMessage::<T>::try_from(ticket) {
                Ok(message) => Ok(message.saga()),
                Err(wrong) => Err(wrong.to_string()),
            },
        });
        let settings = HostSettings { concurrency, grace: self.grace, part };
        let host = Host::start(journal, handlers, self.codecs, files, progress, carrier, settings)
            .await
            .map_err(|source| BuildError::Journal { task, source })?;
        Ok(Task::new(host))
    }
}

/// The steps that upload, and where to.
fn buckets<T: TaskSteps>() -> Vec<(&'static str, &'static str)> {
    let facts = T::STEPS.iter().map(|row| &row.facts);
    facts.filter_map(|facts| Some((facts.name, facts.bucket?))).collect()
}

/// Refuses a journal that survives less than the task needs (J6).
///
/// A pivot, or a step that runs at most once, needs a journal that forgets nothing: one that lost the
/// intent would let it happen again. One that lives in memory forgets whole sagas, so that nothing
/// goes on from half of one.
fn check_durability<T: TaskSteps>(journal: &dyn Journal) -> Result<(), BuildError> {
    let (task, has) = (T::TASK.name, journal.durability());
    if let Some(needs) = T::TASK.durability {
        return match has < needs {
            true => Err(BuildError::Durability { task, has, needs }),
            false => Ok(()),
        };
    }
    let definition = define::definition::<T>();
    let delicate = |step: &&Step| step.kind == Kind::Pivot || step.at_most_once;
    match definition.steps.iter().find(delicate) {
        Some(step) if has == Durability::Process => {
            Err(BuildError::LosesSteps { task, step: step.name.to_string() })
        }
        _ => Ok(()),
    }
}

/// A value, or something that shares it, as a trait object.
///
/// ```
/// use std::sync::Arc;
/// use distributed_task::{builder::IntoShared, clock::{Clock, SystemClock}};
///
/// /// Takes a clock, or one that the caller goes on using.
/// fn start(clock: impl IntoShared<dyn Clock>) -> Arc<dyn Clock> {
///     clock.into_shared()
/// }
/// let kept = Arc::new(SystemClock::default());
/// let (own, shared) = (start(SystemClock::default()), start(Arc::clone(&kept)));
/// assert!(own.now() <= shared.now() && shared.now() <= kept.now());
/// ```
pub trait IntoShared<D: ?Sized> {
    /// The trait object.
    fn into_shared(self) -> Arc<D>;
}

macro_rules! into_shared {
    ($($dyn:ident),*) => {$(
        impl<V: $dyn> IntoShared<dyn $dyn> for V {
            fn into_shared(self) -> Arc<dyn $dyn> {
                Arc::new(self)
            }
        }

        impl<V: $dyn> IntoShared<dyn $dyn> for Arc<V> {
            fn into_shared(self) -> Arc<dyn $dyn> {
                self
            }
        }
    )*};
}

into_shared!(Journal, Queue, ProgressTracker, Clock, Codec);

#[cfg(feature = "files")]
fn default_files() -> Option<Files> {
    Some(Files::new(crate::backend::files::ObjectFiles::in_memory()))
}

#[cfg(not(feature = "files"))]
fn default_files() -> Option<Files> {
    None
}

#[cfg(feature = "in-process")]
fn default_journal(clock: Option<Arc<dyn Clock>>) -> Option<Arc<dyn Journal>> {
    let builder = crate::backend::memory::MemoryJournal::builder();
    let builder = match clock {
        Some(clock) => builder.clock(clock),
        None => builder,
    };
    Some(Arc::new(builder.build()))
}

#[cfg(not(feature = "in-process"))]
fn default_journal(_clock: Option<Arc<dyn Clock>>) -> Option<Arc<dyn Journal>> {
    None
}

#[cfg(feature = "in-process")]
fn default_progress() -> Option<Arc<dyn ProgressTracker>> {
    Some(Arc::new(crate::backend::memory::MemoryProgress::default()))
}

#[cfg(not(feature = "in-process"))]
fn default_progress() -> Option<Arc<dyn ProgressTracker>> {
    None
}

impl<T: TaskSteps> fmt::Debug for TaskBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskBuilder").field("task", &T::TASK.name).finish_non_exhaustive()
    }
}
