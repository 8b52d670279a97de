//! Runs that are counted, in memory.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{MemoryLeases, Name};
use crate::{
    kernel::Timestamp,
    lease::{LeaseError, Owner, RunEnd, RunStore, Turn, Want},
};

/// How long a number is remembered, at least.
const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 3600);

/// Which attempt the last run was.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    attempt: u64,
    pub(super) until: Timestamp,
}

impl Name {
    /// Counts the run of who has the name alone, unless it was counted before.
    fn count(&mut self, lease: Duration, now: Timestamp) -> Option<u64> {
        let held = self.held.as_mut()?;
        if held.attempt.is_none() {
            let attempt = self.counted.map_or(0, |last| last.attempt).saturating_add(1);
            let until = now.plus(REMEMBERED.max(lease.saturating_mul(2)));
            self.counted = Some(Counted { attempt, until });
            held.attempt = Some(attempt);
        }
        held.attempt
    }

    /// The run that has the name is this attempt; unless it ended, or was said not to have begun.
    pub(super) fn recount(&mut self, attempt: u64) {
        let own = self.held.as_mut().and_then(|held| held.attempt.as_mut());
        if let (Some(own), Some(last)) = (own, &mut self.counted)
            && last.attempt == *own
        {
            (*own, last.attempt) = (attempt, attempt);
        }
    }

    fn end_run(&mut self, owner: &Owner, how: RunEnd) {
        let held = self.held.as_ref().filter(|held| held.owner == *owner);
        // Whoever begins it again is told the same.
        let Some(attempt) = held.and_then(|held| held.attempt) else { return };
        let before = match how {
            RunEnd::Ended => 0,
            RunEnd::NotBegun => attempt.saturating_sub(1),
        };
        self.counted.take_if(|_| before == 0);
        if let Some(counted) = &mut self.counted {
            counted.attempt = before;
        }
    }
}

impl RunStore for MemoryLeases {
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        let want = Want { stay, ..Want::alone(name, owner, lease) };
        self.at_once(name, |known, last, now| {
            let mut turn = known.acquire(want, last, now);
            if let Turn::Granted(grant) = &mut turn {
                grant.attempt = known.count(lease, now);
            }
            turn
        })
    }

    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.at_once(name, |known, _, _| known.end_run(owner, how))
    }
}
