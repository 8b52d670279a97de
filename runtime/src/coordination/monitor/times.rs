//! How long something takes, of many.

use std::time::Duration;

/// How long something took, for all times that it happened. Of the middle and the slowest hundredth the
/// power of two above is told, and never more than the longest.
///
/// See [`LockStatistics`](super::LockStatistics) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How often it happened.
    pub count: u64,
    /// All together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
    /// Half of them were no longer.
    pub p50: Duration,
    /// Ninety-nine of a hundred were no longer.
    pub p99: Duration,
}

impl Times {
    /// The mean. Zero if it never happened.
    pub fn average(&self) -> Duration {
        match self.count {
            0 => Duration::ZERO,
            count => self.total.div_f64(count as f64),
        }
    }
}

/// Counts by the power of two, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: [u64; 40],
    total: Duration,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; 40], total: Duration::ZERO, longest: Duration::ZERO }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let micros = time.as_micros();
        let bucket = (u128::BITS - micros.leading_zeros()) as usize;
        let last = self.buckets.len() - 1;
        self.buckets[bucket.min(last)] += 1;
        self.total = self.total.saturating_add(time);
        self.longest = self.longest.max(time);
    }

    /// What was added so far counts half from now on, but for the total and the longest.
    pub(super) fn age(&mut self) {
        self.buckets.iter_mut().for_each(|count| *count /= 2);
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| *bucket == 0)
    }

    /// All that were added there are added here.
    pub(super) fn merge(&mut self, other: &Self) {
        for (here, there) in self.buckets.iter_mut().zip(other.buckets) {
            *here = here.saturating_add(there);
        }
        self.total = self.total.saturating_add(other.total);
        self.longest = self.longest.max(other.longest);
    }

    /// All of it in numbers: the total and the longest in nanoseconds, and the counts up to the last that is not 0.
    pub(super) fn said(&self) -> String {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let known = self.buckets.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let times = [nanos(self.total), nanos(self.longest)];
        let numbers = times.iter().chain(&self.buckets[..known]).map(u64::to_string);
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// What somebody said, if it can be read.
    pub(super) fn heard(said: &str) -> Option<Self> {
        let numbers: Result<Vec<u64>, _> = said.split(' ').map(str::parse).collect();
        let numbers = numbers.ok()?;
        let [total, longest, counts @ ..] = &numbers[..] else { return None };
        let mut heard = Self {
            total: Duration::from_nanos(*total),
            longest: Duration::from_nanos(*longest),
            ..Self::default()
        };
        heard.buckets.get_mut(..counts.len())?.copy_from_slice(counts);
        Some(heard)
    }

    pub(super) fn times(&self) -> Times {
        let count = self.buckets.iter().fold(0, |all: u64, count| all.saturating_add(*count));
        let (p50, p99) = (self.below(count, 50), self.below(count, 99));
        Times { count, total: self.total, longest: self.longest, p50, p99 }
    }

    /// So many of a hundred are not above.
    fn below(&self, count: u64, percent: u64) -> Duration {
        let wanted = (u128::from(count) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (power, number) in self.buckets.iter().enumerate() {
            seen += u128::from(*number);
            if seen >= wanted {
                return Duration::from_micros(1 << power).min(self.longest);
            }
        }
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_they_were() {
        let millis = Duration::from_millis;
        let mut histogram = Histogram::default();
        assert_eq!(histogram.times(), Times::default());
        for _ in 0..98 {
            histogram.add(millis(1));
        }
        histogram.add(millis(100));
        histogram.add(millis(300));
        let times = histogram.times();
        assert_eq!((times.count, times.longest, times.total), (100, millis(300), millis(498)));
        assert_eq!(times.average(), Duration::from_micros(4980));
        assert_eq!(
            (times.p50, times.p99),
            (Duration::from_micros(1024), Duration::from_micros(131_072))
        );
        histogram.add(Duration::MAX);
        assert_eq!(histogram.times().longest, Duration::MAX);
    }
}
