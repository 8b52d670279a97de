//! How long to wait before a server is tried once more.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// Waits that double, each between half and all of its length.
pub(super) struct Backoff {
    next: Duration,
    tries: u64,
    /// Random, and nobody needs to repeat it: processes that lost the same server should not come
    /// back in step.
    chance: RandomState,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST, tries: 0, chance: RandomState::new() }
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(LONGEST);
        self.tries += 1;
        let part = self.chance.hash_one(self.tries) % 1024;
        longest / 2 + longest / 2 * u32::try_from(part).unwrap_or_default() / 1024
    }

    /// Whether the last tries failed.
    pub(super) fn is_raised(&self) -> bool {
        self.next != FIRST
    }

    /// It went well for a while.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_are_never_zero() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..12).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[11] >= LONGEST / 2 && waits[11] <= LONGEST, "{waits:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
