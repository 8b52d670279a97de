//! How often and how long: what a step says about its retries, durations, and whether a saga can be
//! in time (T3).

use std::time::Duration;

use super::{
    TaskSteps,
    row::{Facts, Undo},
    sentence::Sentence,
    table::TaskRow,
};
use crate::kernel::{Backoff, Jitter, Retry};

/// What a step says about its retries; the task and the defaults say the rest.
#[derive(Clone, Copy, Debug)]
pub struct RetryRow {
    pub(crate) max: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) delay: Option<Duration>,
    pub(crate) max_delay: Option<Duration>,
    pub(crate) jitter: Option<Jitter>,
}

impl RetryRow {
    pub(crate) const UNSAID: Self =
        Self { max: None, backoff: None, delay: None, max_delay: None, jitter: None };

    /// The delay doubles from retry to retry.
    pub const fn exponential(mut self) -> Self {
        self.backoff = Some(Backoff::Exponential);
        self
    }

    /// The delay stays as it is.
    pub const fn constant(mut self) -> Self {
        self.backoff = Some(Backoff::Constant);
        self
    }

    /// Delay before the first retry.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Cap of the delay.
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.max_delay = Some(cap);
        self
    }

    /// The delay is spread.
    pub const fn full_jitter(mut self) -> Self {
        self.jitter = Some(Jitter::Full);
        self
    }

    /// The delay is not spread.
    pub const fn no_jitter(mut self) -> Self {
        self.jitter = Some(Jitter::None);
        self
    }

    const fn is_said(self) -> bool {
        let Self { max, backoff, delay, max_delay, jitter } = self;
        max.is_some()
            || backoff.is_some()
            || delay.is_some()
            || max_delay.is_some()
            || jitter.is_some()
    }

    /// With what the task and the defaults say.
    pub(crate) const fn or(self, task: &TaskRow) -> Retry {
        let default = Retry::DEFAULT;
        let delay = match self.delay {
            Some(delay) => delay,
            None => default.delay,
        };
        Retry {
            max: match (self.max, task.max_retries) {
                (Some(max), _) | (None, Some(max)) => max,
                (None, None) => default.max,
            },
            backoff: match self.backoff {
                Some(backoff) => backoff,
                None => default.backoff,
            },
            delay,
            // The default cap never shortens a delay that was asked for.
            max_delay: match self.max_delay {
                Some(cap) => cap,
                None if is_longer(delay, default.max_delay) => delay,
                None => default.max_delay,
            },
            jitter: match self.jitter {
                Some(jitter) => jitter,
                None => default.jitter,
            },
        }
    }
}

/// Retries as often as the task says.
pub const fn retry() -> RetryRow {
    RetryRow::UNSAID
}

/// At most this many retries.
pub const fn max(retries: u32) -> RetryRow {
    RetryRow { max: Some(retries), ..RetryRow::UNSAID }
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
pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// A duration in hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// Refuses, while compiling, an attempt that may run longer than its saga (T3).
#[track_caller]
pub const fn attempt_fits<T: TaskSteps>(step: usize) {
    let facts = &T::STEPS[step].facts;
    if let (Some(deadline), Some(timeout)) = (T::TASK.timeout, facts.timeout) {
        // After the point of no return a deadline ends nothing.
        if step < deciding::<T>() && is_longer(timeout, deadline) {
            let sentence = Sentence::new().say("deadline ").period(deadline);
            let sentence = sentence.say(", but one attempt of `").say(facts.name);
            let sentence = sentence.say("` may take ").period(timeout);
            let worst = worst_case(&T::TASK, facts);
            let sentence = if is_longer(worst, timeout) {
                sentence.say(", and all of its tries ").period(worst).say(": ")
            } else {
                sentence.say(": ")
            };
            panic!("{}", remedy(sentence, worst, "give the step a shorter `timeout`").text());
        }
    }
}

/// Refuses, while compiling, a step whose tries may take longer than its saga (T3).
#[track_caller]
pub const fn tries_fit<T: TaskSteps>(step: usize) {
    let facts = &T::STEPS[step].facts;
    if let Some(deadline) = T::TASK.timeout {
        let worst = worst_case(&T::TASK, facts);
        // An attempt that alone takes too long is told by itself, and after the point of no return
        // a deadline ends nothing.
        let is_alone = matches!(facts.timeout, Some(timeout) if is_longer(timeout, deadline));
        if !is_alone && step < deciding::<T>() && is_longer(worst, deadline) {
            let sentence = Sentence::new().say("deadline ").period(deadline);
            let sentence = sentence.say(", but the retries of `").say(facts.name);
            let sentence = sentence.say("` alone may take ").period(worst).say(": ");
            panic!("{}", remedy(sentence, worst, "give the step fewer or shorter tries").text());
        }
    }
}

/// Refuses, while compiling, steps that may take longer than their saga in a row, though none does
/// alone (T3).
#[track_caller]
pub const fn path_fits<T: TaskSteps>() {
    if let Some(deadline) = T::TASK.timeout {
        let (mut path, mut longest, mut step) = (Duration::ZERO, Duration::ZERO, 0);
        while step < deciding::<T>() {
            let facts = &T::STEPS[step].facts;
            let worst = worst_case(&T::TASK, facts);
            if is_longer(worst, deadline) && (facts.timeout.is_some() || facts.retry.is_said()) {
                // It is told by itself.
                return;
            }
            if step == 0 || !is_same(facts.group, T::STEPS[step - 1].facts.group) {
                path = path.saturating_add(longest);
                longest = Duration::ZERO;
            }
            if is_longer(worst, longest) {
                longest = worst;
            }
            step += 1;
        }
        path = path.saturating_add(longest);
        if is_longer(path, deadline) {
            let sentence = Sentence::new().say("deadline ").period(deadline);
            let sentence = sentence.say(", but the steps in a row may take ").period(path);
            let sentence = sentence.say(" with their retries: ");
            panic!("{}", remedy(sentence, path, "give them fewer or shorter tries").text());
        }
    }
}

/// What to do: a deadline that is long enough, where the macros take one of this length, or the
/// rest of the sentence.
const fn remedy(sentence: Sentence, time: Duration, or: &str) -> Sentence {
    if is_longer(time, YEAR) {
        return sentence.say(or);
    }
    let sentence = sentence.say("write `timeout = \"").written(time);
    sentence.say("\"` in `#[distributed_task(..)]`, or ").say(or)
}

/// The longest duration that the macros take.
const YEAR: Duration = hours(8760);

/// The number of steps up to the point of no return: after it a deadline ends nothing.
const fn deciding<T: TaskSteps>() -> usize {
    let mut step = 0;
    while step < T::STEPS.len() {
        step += 1;
        if let Undo::Pivot = T::STEPS[step - 1].facts.undo {
            return step;
        }
    }
    step
}

/// How long all attempts of a step may take, with the waits between them, as far as somebody said
/// so: an attempt counts where the step has a `timeout`, the default of retries where it has one, and
/// what is said of retries always.
const fn worst_case<T>(task: &TaskRow, step: &Facts<T>) -> Duration {
    let attempt = match step.timeout {
        Some(timeout) => timeout,
        None => Duration::ZERO,
    };
    let is_said = step.timeout.is_some() || step.retry.is_said() || task.max_retries.is_some();
    if step.at_most_once || !is_said {
        return attempt;
    }
    let retry = step.retry.or(task);
    attempt.saturating_mul(retry.max.saturating_add(1)).saturating_add(waits(&retry))
}

/// The longest that the waits between attempts can be.
const fn waits(retry: &Retry) -> Duration {
    let (mut waits, mut wait, mut counted) = (Duration::ZERO, retry.delay, 0);
    while counted < retry.max {
        if is_longer(wait, retry.max_delay) {
            wait = retry.max_delay;
        }
        // From here on the wait does not grow.
        if matches!(retry.backoff, Backoff::Constant) || !is_longer(retry.max_delay, wait) {
            return waits.saturating_add(wait.saturating_mul(retry.max - counted));
        }
        waits = waits.saturating_add(wait);
        wait = wait.saturating_mul(2);
        counted += 1;
    }
    waits
}

const fn is_longer(one: Duration, other: Duration) -> bool {
    one.as_nanos() > other.as_nanos()
}

/// Whether both are members of one group.
const fn is_same(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{SagaId, retry_delay};
    use uuid::Uuid;

    #[test]
    fn t3_the_waits_are_the_sum_of_the_longest_delays() {
        let saga = SagaId(Uuid::from_u128(7));
        let jitter = Jitter::None;
        for backoff in [Backoff::Constant, Backoff::Exponential] {
            for (delay, cap) in [(500, 60_000), (1_000, 1_000), (7, 600_000), (90_000, 90_000)] {
                let (delay, max_delay) = (millis(delay), millis(cap));
                for max in [0, 1, 2, 5, 9, 40] {
                    let retry = Retry { max, backoff, delay, max_delay, jitter };
                    let each = (1..=max).map(|n| retry_delay(&retry, saga, 0, n, None));
                    assert_eq!(waits(&retry), each.sum::<Duration>(), "{retry:?}");
                }
            }
        }
    }

    #[test]
    fn t3_a_large_number_of_retries_is_counted_and_not_tried_out() {
        let retry = Retry { max: u32::MAX, ..Retry::DEFAULT };
        assert!(waits(&retry) > hours(24 * 365));
    }
}
