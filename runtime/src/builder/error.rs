//! Why a task cannot be built.

use crate::{
    files::FileError,
    journal::{Durability, JournalError},
};

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
    #[error("`{task}`: the step `{step}` uploads files, but there is no file store: {advice}")]
    NoFileStore {
        /// The task.
        task: &'static str,
        /// The step.
        step: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// One saga at a time runs, and there is no lock that says which.
    #[error("`{task}` says `singleton = \"{singleton}\"`: {advice}")]
    Singleton {
        /// The task.
        task: &'static str,
        /// What it says.
        singleton: &'static str,
        /// What to do.
        advice: &'static str,
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
    /// Half of a task, on a journal that the host of the other half cannot see.
    #[error(
        "`{task}`: `{call}` leaves work to other hosts, and none of them sees its journal: call \
         `.build()`, share one journal with `.override_journal(..)` (`.journal_path(..)` opens a \
         file for one host alone), or say `.use_distributed_mode(..)`"
    )]
    NotShared {
        /// The task.
        task: &'static str,
        /// What builds the half.
        call: &'static str,
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
         would run again: give a journal of durability `fsync` (a Redis has it with `appendonly yes` \
         and `appendfsync always`), or say `durability = \"process\"` in `#[distributed_task(..)]`"
    )]
    LosesSteps {
        /// The task.
        task: &'static str,
        /// The step.
        step: String,
    },
    /// An override without effect.
    #[error(
        "`{task}`: `.override_clock(..)` is for the journal of the builder, and the one that is given \
         or shared has its own: give the clock to the journal, or delete the line"
    )]
    ClockWithoutEffect {
        /// The task.
        task: &'static str,
    },
    /// Starts that wait for a saga that keeps no other from running.
    #[error(
        "`{task}`: `.wait_for_turn(..)` is for tasks of which one saga at a time runs: say `singleton = \
         \"..\"` in `#[distributed_task(..)]`, or delete the line"
    )]
    NothingToWaitFor {
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
    /// The journal of one process, in the mode of many.
    #[cfg(feature = "sqlite")]
    #[error(
        "`{task}`: `.journal_path(..)` is a journal for one process, and the distributed mode is for \
         many: delete `.journal_path(..)`, or put `.use_in_process_mode()` in the place of \
         `.use_distributed_mode(..)`"
    )]
    PathNotShared {
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
