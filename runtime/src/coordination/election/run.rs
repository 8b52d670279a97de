//! Work that runs wherever its process leads.

use std::time::Duration;

use tokio::time::sleep;

use super::{CampaignError, Election, InvalidElection, LeadershipContext};
use crate::coordination::wait::jittered;

/// So many times the first one the longest pause is.
const LONGEST: u32 = 5;

/// How long somebody waits who did not come to lead: twice as long each time, give or take a half.
pub(super) struct Pauses {
    first: Duration,
    next: Duration,
    salt: u64,
    tries: u64,
}

impl Pauses {
    pub(super) fn new(first: Duration, salt: u64) -> Self {
        Self { first, next: first, salt, tries: 0 }
    }

    pub(super) fn next(&mut self) -> Duration {
        self.tries += 1;
        let pause = self.next;
        self.next = (pause * 2).min(self.first * LONGEST);
        jittered(pause, self.salt ^ self.tries)
    }

    /// It went well for a while.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Election {
    /// Waits until it leads, and runs work; when the leadership is lost it drops the work where it waits,
    /// and begins again. Resigns when the work has ended.
    ///
    /// It also begins again when the store does not answer. Before that it waits for
    /// [`retry_interval`](Self::retry_interval), and up to five times as long when that goes on.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let election = coordination.election("nightly-report");
    /// let pages = election.run_elected(async |leader| {
    ///     println!("{} writes the report", leader.candidate());
    ///     7
    /// });
    /// assert_eq!(pages.await?, 7);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`InvalidElection`] when its options cannot be followed.
    ///
    /// # Cancellation
    /// The work is dropped with it, and the leadership is given up.
    pub async fn run_elected<T>(
        &self,
        mut work: impl AsyncFnMut(LeadershipContext) -> T,
    ) -> Result<T, InvalidElection> {
        let candidate = self.alone()?;
        let clock = self.coordination.clock();
        let mut pauses = candidate.pauses();
        loop {
            match candidate.campaign().await {
                Ok(leadership) => {
                    let begun = clock.now();
                    match leadership.run(work(leadership.context().clone())).await {
                        Ok(done) => {
                            leadership.resign().await;
                            return Ok(done);
                        }
                        Err(lost) => {
                            tracing::warn!(election = %self.name, %lost, "work was dropped")
                        }
                    }
                    if clock.now().since(begun) >= candidate.terms.lease() {
                        pauses.reset();
                    }
                }
                Err(CampaignError::Invalid(options)) => return Err(options),
                Err(CampaignError::Store(error)) => {
                    tracing::warn!(election = %self.name, %error, "nobody could be elected");
                }
            }
            sleep(pauses.next()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_bounds() {
        let first = Duration::from_secs(2);
        let mut pauses = Pauses::new(first, 7);
        for longest in [1, 2, 4, 5, 5, 5].map(|times| first * times) {
            let pause = pauses.next();
            assert!(longest / 2 <= pause && pause <= longest * 3 / 2, "{pause:?} of {longest:?}");
        }
        pauses.reset();
        assert!(pauses.next() <= first * 3 / 2);
    }
}
