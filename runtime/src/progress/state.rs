//! The state that watchers see.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::kernel::{SagaId, SagaStatus};

/// The state of a saga at one moment.
///
/// It holds names, numbers and the messages that steps publish; never requests, outputs or errors,
/// which may be secret.
///
/// ```
/// use distributed_task::progress::{ByteCount, CurrentStep, Progress, SagaStatus};
/// use distributed_task::kernel::SagaId;
///
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let progress = Progress {
///     step: Some(CurrentStep { name: "create_zip_archive".into(), number: 2 }),
///     bytes: Some(ByteCount { done: 5 << 20, total: Some(20 << 20) }),
///     ..Progress::new(saga, 3)
/// };
/// assert_eq!(progress.to_string(), "running: step 2 of 3, create_zip_archive, 25 %");
/// assert!(!progress.status.is_terminal());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The saga.
    pub saga: SagaId,
    /// Number of the journal record that this state reflects. It rises with every change but those
    /// of [`bytes`](Self::bytes) and [`message`](Self::message).
    pub seq: u64,
    /// What happens to the saga as a whole.
    pub status: SagaStatus,
    /// The step that runs, or is undone.
    pub step: Option<CurrentStep>,
    /// How many steps the task has.
    pub steps: usize,
    /// How far the step is, if it says so.
    pub bytes: Option<ByteCount>,
    /// What the step says about itself.
    pub message: Option<Cow<'static, str>>,
}

impl Progress {
    /// A saga of a task with so many steps that was just started.
    pub fn new(saga: SagaId, steps: usize) -> Self {
        Self {
            saga,
            seq: 0,
            status: SagaStatus::Running,
            step: None,
            steps,
            bytes: None,
            message: None,
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(step) = &self.step {
            write!(f, ": step {} of {}, {}", step.number, self.steps, step.name)?;
        }
        if let Some(percent) = self.bytes.and_then(ByteCount::percent) {
            write!(f, ", {percent} %")?;
        }
        match &self.message {
            Some(message) => write!(f, ", {message}"),
            None => Ok(()),
        }
    }
}

/// A step by name and number.
///
/// See [`Progress`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentStep {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its place in the order of the task, from 1 to [`Progress::steps`].
    pub number: usize,
}

/// How much of its data a step has worked through.
///
/// ```
/// use distributed_task::progress::ByteCount;
///
/// let mut count = ByteCount::of(0, 10_000);
/// for chunk in [4_096, 4_096, 1_808] {
///     count.done += chunk;
///     // In a step: `cx.progress(count)`.
/// }
/// assert_eq!(count.percent(), Some(100));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteCount {
    /// Bytes done.
    pub done: u64,
    /// Bytes there are, if that is known.
    pub total: Option<u64>,
}

impl ByteCount {
    /// So much of so much.
    pub fn of(done: u64, total: u64) -> Self {
        Self { done, total: Some(total) }
    }

    /// The share that is done, rounded down, at most 100; of nothing, all is done.
    ///
    /// ```
    /// use distributed_task::progress::ByteCount;
    ///
    /// assert_eq!(ByteCount::of(2, 3).percent(), Some(66));
    /// assert_eq!(ByteCount::of(0, 0).percent(), Some(100));
    /// assert_eq!(ByteCount { done: 2, total: None }.percent(), None);
    /// ```
    pub fn percent(self) -> Option<u8> {
        let share = match self.total? {
            0 => 100,
            total => u128::from(self.done) * 100 / u128::from(total),
        };
        Some(u8::try_from(share).unwrap_or(100).min(100))
    }
}
