//! How often and how long: what a step says about its retries, and durations.

use std::time::Duration;

use super::TaskDefinition;
use crate::kernel::{Backoff, Jitter};

/// What a step says about its retries; the task and the defaults say the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryRow {
    pub(crate) max: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) delay: Option<Duration>,
    pub(crate) max_delay: Option<Duration>,
    pub(crate) jitter: Option<Jitter>,
}

impl RetryRow {
    pub(crate) const UNSAID: Self =
        Self { max: None, backoff: None, delay: None, max_delay: None, jitter: None };
}

/// A duration in milliseconds.
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A duration in seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A duration in minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// A duration in hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// Refuses, while compiling, an attempt that may run longer than its saga (T3).
#[track_caller]
pub const fn fits_into<T: TaskDefinition>(step: Duration) {
    if let Some(task) = T::TASK.timeout {
        assert!(
            step.as_nanos() <= task.as_nanos(),
            "the `timeout` of this step is longer than the `timeout` of its task"
        );
    }
}
