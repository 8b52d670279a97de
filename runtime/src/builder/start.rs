//! From the settings of a builder to a host that works.

use std::{num::NonZeroUsize, sync::Arc};

use super::{BuildError, TaskBuilder, locks};
use crate::{
    Task,
    clock::Clock,
    files::Files,
    journal::{Durability, Journal},
    kernel::{Kind, Step},
    orchestrator::{Carrier, Host, HostSettings, OneAtATime, Part},
    progress::ProgressTracker,
    task::{Services, TaskSteps, WorkerMessage, define, table::Mode},
};

/// What to do without a journal that processes share.
#[cfg(feature = "redis")]
const NOTHING_SHARED: &str = "the distributed mode needs a journal that processes share: say \
    `.use_distributed_mode(|with| with.redis(\"redis://...\"))`, give one with \
    `.override_journal(..)`, or call `.use_in_process_mode()`";
#[cfg(not(feature = "redis"))]
const NOTHING_SHARED: &str = "the distributed mode needs a journal that processes share: enable the \
    feature `redis` of `distributed-task`, give one with `.override_journal(..)`, or call \
    `.use_in_process_mode()`";

/// What to do without the backends in memory.
const NO_JOURNAL: &str =
    "the feature `in-process` is off: enable it, or call `.override_journal(..)`";
const NO_PROGRESS: &str =
    "the feature `in-process` is off: enable it, or call `.override_progress(..)`";

/// What to do with a lock service that knows no owners.
const OTHER_LOCK: &str = "the one that `.override_lock(..)` gives knows no owners: implement \
    `DistributedLock::by_owner`, or give a `Coordination`";

/// What to do without a file store, in the distributed mode and in process.
#[cfg(feature = "s3")]
const NO_SHARED_FILES: &str = "say `.s3(..)` in `.use_distributed_mode(..)`, or call \
    `.override_files(..)` with a store that processes share";
#[cfg(not(feature = "s3"))]
const NO_SHARED_FILES: &str = "enable the feature `s3` of `distributed-task` and say `.s3(..)` in \
    `.use_distributed_mode(..)`, or call `.override_files(..)` with a store that processes share";
const NO_FILES: &str = "enable the feature `files` of `distributed-task`, or call \
    `.override_files(..)`";

impl<T: TaskSteps> TaskBuilder<T> {
    pub(super) async fn start(mut self, part: Part) -> Result<Task<T>, BuildError> {
        self.check_shared(part)?;
        #[cfg(feature = "sqlite")]
        {
            self = self.open_journal().await?;
        }
        if self.is_distributed() {
            self = self.connect().await?;
        }
        self.build_now(part).await
    }

    fn is_distributed(&self) -> bool {
        self.mode.unwrap_or(T::TASK.mode) == Mode::Distributed
    }

    /// Refuses half of a task on a journal that nobody else can see: its sagas would wait for ever.
    fn check_shared(&self, part: Part) -> Result<(), BuildError> {
        let call = match part {
            Part::Api => ".build_api()",
            Part::Worker => ".build_worker()",
            Part::Both => return Ok(()),
        };
        match self.journal.is_some() || self.is_distributed() {
            true => Ok(()),
            false => Err(BuildError::NotShared { task: T::TASK.name, call }),
        }
    }

    /// Opens what the processes share and is not overridden.
    async fn connect(mut self) -> Result<Self, BuildError> {
        let (task, shared) = (T::TASK.name, &self.distributed);
        if self.journal.is_none() {
            self.journal = shared.journal(task).await?;
        }
        if self.progress.is_none() {
            self.progress = shared.progress(task).await?;
        }
        if self.files.is_none() {
            self.files = shared.files(task)?;
        }
        if self.lock.is_none() {
            self.lock = shared.lock();
        }
        Ok(self)
    }

    #[cfg(feature = "sqlite")]
    async fn open_journal(mut self) -> Result<Self, BuildError> {
        let task = T::TASK.name;
        let Some(path) = self.journal_path.take() else { return Ok(self) };
        if self.journal.is_some() {
            return Err(BuildError::TwoJournals { task });
        }
        if self.is_distributed() {
            return Err(BuildError::PathNotShared { task });
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
        let is_distributed = self.is_distributed();
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
        let (default, advice) = match is_distributed {
            true => (None, NO_SHARED_FILES),
            false => (default_files(), NO_FILES),
        };
        let files = self.files.or(default);
        if let (None, Some(step)) = (&files, handlers.needs_files()) {
            return Err(BuildError::NoFileStore { task, step, advice });
        }
        if let Some(files) = &files {
            check_buckets::<T>(files).await?;
        }
        let journal = self.journal.or_else(|| default_journal(self.clock));
        let journal = journal.ok_or(BuildError::Mode { task, reason: NO_JOURNAL })?;
        let progress = self.progress.or_else(default_progress);
        let progress = progress.ok_or(BuildError::Mode { task, reason: NO_PROGRESS })?;
        let (lock, lock_advice) = match (self.lock, is_distributed || journal.is_shared()) {
            (Some(lock), _) => (lock, OTHER_LOCK),
            (None, true) => (locks::nothing_shared(), locks::NO_SHARED_LOCK),
            (None, false) => (locks::in_memory(), locks::NO_LOCK),
        };
        if let Some(singleton) = T::TASK.singleton
            && lock.by_owner().is_none()
        {
            return Err(BuildError::Singleton { task, singleton, advice: lock_advice });
        }
        if T::TASK.singleton.is_none() && !self.wait_for_turn.is_zero() {
            return Err(BuildError::NothingToWaitFor { task });
        }
        check_durability::<T>(&*journal)?;
        let carrier = self.queue.map(|queue| Carrier {
            queue,
            accept: |ticket| match WorkerMessage::<T>::try_from(ticket) {
                Ok(message) => Ok(message.saga()),
                Err(wrong) => Err(wrong.to_string()),
            },
        });
        let (hold_at_least, wait) = (T::TASK.hold_at_least, self.wait_for_turn);
        let singleton = T::TASK.singleton.map(|name| OneAtATime { name, hold_at_least, wait });
        let settings = HostSettings { concurrency, grace: self.grace, part, singleton };
        let services = Services { files, progress, lock };
        let host = Host::start(journal, handlers, self.codecs, services, carrier, settings)
            .await
            .map_err(|source| BuildError::Journal { task, source })?;
        Ok(Task::new(host))
    }
}

/// Asks the store for the bucket of each step that uploads.
async fn check_buckets<T: TaskSteps>(files: &Files) -> Result<(), BuildError> {
    let task = T::TASK.name;
    // A row of the table cannot be held over a wait.
    let facts = T::STEPS.iter().map(|row| &row.facts);
    let buckets: Vec<_> = facts.filter_map(|facts| Some((facts.name, facts.bucket?))).collect();
    for (step, bucket) in buckets {
        let checked = files.store().check(bucket).await;
        checked.map_err(|source| BuildError::Bucket { task, step, source })?;
    }
    Ok(())
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
