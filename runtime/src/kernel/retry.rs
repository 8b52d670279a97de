//! When the next attempt is due: a pure function, so that every host computes the same (R1).

use std::time::Duration;

use super::{Backoff, Jitter, Retry, SagaId};

/// The budget of an undo (C5): 20 tries, exponential from 1 s, cap 1 h; then the saga is stuck.
pub const UNDO_RETRY: Retry = Retry {
    max: 19,
    backoff: Backoff::Exponential,
    delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(3600),
    jitter: Jitter::Full,
};

/// An undo whose first failure is this long ago is not tried again (C5).
pub const UNDO_BUDGET: Duration = Duration::from_secs(24 * 3600);

/// How often a probe that fails is asked again; then it cannot tell.
pub const PROBE_RETRY: Retry = Retry::DEFAULT;

/// The longest wait: whoever asks for more means for ever, and for that there is no date.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The wait before retry number `retry` (from 1) of a step.
///
/// Exponential: `min(max_delay, delay · 2^(retry-1))`, spread over `[0, that]` by a hash of saga,
/// step and retry ("full jitter", AWS Builders' Library, "Timeouts, retries, and backoff with
/// jitter"). A longer wait that the other side asked for (`Retry-After`) wins, up to a year.
pub fn retry_delay(
    policy: &Retry,
    saga: SagaId,
    step: usize,
    retry: u32,
    after: Option<Duration>,
) -> Duration {
    let doublings = match policy.backoff {
        Backoff::Constant => 0,
        Backoff::Exponential => retry.saturating_sub(1).min(31),
    };
    let cap = policy.delay.saturating_mul(1 << doublings).min(policy.max_delay);
    let spread = match policy.jitter {
        Jitter::None => cap,
        Jitter::Full => fraction(cap, hash(saga, step, retry)),
    };
    spread.max(after.unwrap_or_default()).min(LONGEST)
}

/// `whole · hash / 2^64`.
fn fraction(whole: Duration, hash: u64) -> Duration {
    let micros = (whole.as_micros().min(u128::from(u64::MAX)) * u128::from(hash)) >> 64;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014) over the parts in turn.
fn hash(saga: SagaId, step: usize, retry: u32) -> u64 {
    let (high, low) = saga.0.as_u64_pair();
    [high, low, step as u64, u64::from(retry)].into_iter().fold(0, |state: u64, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const SAGA: SagaId = SagaId(Uuid::from_u128(0x0192_f3a1_0000_7000_8000_0000_0000_0001));

    fn exact(backoff: Backoff) -> Retry {
        Retry { backoff, jitter: Jitter::None, ..Retry::DEFAULT }
    }

    #[test]
    fn r1_exponential_doubles_up_to_the_cap() {
        let delays: Vec<u64> = (1..=9)
            .map(|n| retry_delay(&exact(Backoff::Exponential), SAGA, 0, n, None).as_secs())
            .collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn r1_constant_stays() {
        for n in [1, 2, 40, u32::MAX] {
            let delay = retry_delay(&exact(Backoff::Constant), SAGA, 0, n, None);
            assert_eq!(delay, Duration::from_secs(1));
        }
    }

    #[test]
    fn r1_full_jitter_spreads_evenly_and_is_the_same_everywhere() {
        let policy = Retry { backoff: Backoff::Constant, ..Retry::DEFAULT };
        let delays: Vec<Duration> =
            (1..=1000).map(|n| retry_delay(&policy, SAGA, 0, n, None)).collect();
        let again: Vec<Duration> =
            (1..=1000).map(|n| retry_delay(&policy, SAGA, 0, n, None)).collect();
        assert_eq!(delays, again);
        assert!(delays.iter().all(|d| *d <= policy.delay));
        let mean = delays.iter().sum::<Duration>() / 1000;
        assert!((450..=550).contains(&mean.as_millis()), "mean {mean:?}");
    }

    #[test]
    fn r1_a_longer_retry_after_wins() {
        let after = Some(Duration::from_secs(90));
        assert_eq!(retry_delay(&Retry::DEFAULT, SAGA, 0, 1, after), Duration::from_secs(90));
        assert_eq!(retry_delay(&Retry::DEFAULT, SAGA, 0, 1, Some(Duration::MAX)), LONGEST);
    }
}
