//! One slot for sagas that hosts died on, so that the next death names its cause (R3), and the line
//! of those that wait for it.
//!
//! Who waits is put down in the journal, unowned: if the one that runs kills this host, nobody else is
//! charged with that (B4). There nobody can be woken, so each is told when to come again. One at a
//! time, and soon: a saga that was only near a crash has its next record after one step, and is a
//! suspect no more. If whole crowds came again together, all but one would have come in vain.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::kernel::Timestamp;

/// Between two that come again, while the slot was taken only now.
const GAP: Duration = Duration::from_millis(20);
/// The longest that one is put down.
const LONGEST: Duration = Duration::from_secs(10);

pub(super) struct Suspects {
    slot: Arc<Semaphore>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// When the slot was taken the last time.
    taken: Timestamp,
    /// When the last one in the line comes again.
    last: Timestamp,
}

impl Suspects {
    pub(super) fn new() -> Self {
        Self { slot: Arc::new(Semaphore::new(1)), line: Mutex::default() }
    }

    /// For a driver that gave the slot away and waits for it.
    pub(super) fn slot(&self) -> &Arc<Semaphore> {
        &self.slot
    }

    /// The slot, if it is free; else when to come again.
    pub(super) fn take(&self, now: Timestamp) -> Result<OwnedSemaphorePermit, Timestamp> {
        let mut line = self.line.lock().expect("nobody panics under it");
        match Arc::clone(&self.slot).try_acquire_owned() {
            Ok(slot) => {
                *line = Line { taken: now, last: now };
                Ok(slot)
            }
            Err(_) => Err(line.join(now)),
        }
    }
}

impl Line {
    /// The longer the slot is taken, the longer are the gaps: looking costs a claim and a commit.
    fn join(&mut self, now: Timestamp) -> Timestamp {
        let gap = now.since(self.taken).clamp(GAP, LONGEST);
        self.last = self.last.max(now).plus(gap).min(now.plus(LONGEST));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp(1_000_000).plus(Duration::from_millis(millis))
    }

    #[test]
    fn r3_those_that_wait_come_one_at_a_time_and_none_later_than_the_longest() {
        let suspects = Suspects::new();
        let slot = suspects.take(at(0)).expect("it is free");
        let due = |now| suspects.take(now).expect_err("it is taken");
        assert_eq!([due(at(0)), due(at(0)), due(at(1))], [at(20), at(40), at(60)]);
        // It runs for long: whoever looks again looks less often.
        assert_eq!(
            [due(at(500)), due(at(5_000)), due(at(5_000))],
            [at(1_000), at(10_000), at(15_000)]
        );
        assert_eq!(due(at(5_000)), at(15_000));

        drop(slot);
        let _slot = suspects.take(at(10_000)).expect("it is free");
        assert_eq!(due(at(10_000)), at(10_020), "the line begins anew");
    }
}
