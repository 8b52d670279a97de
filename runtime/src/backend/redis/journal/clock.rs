//! The store's time, as well as it is known here: what the server said last, and how long ago.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    clock::{Clock, WakefulClock},
    kernel::Timestamp,
};

pub(super) struct StoreClock {
    /// Runs on its own, from 0, and also while the machine sleeps, as the server does.
    local: WakefulClock,
    /// By how much the store is ahead of it.
    ahead: Mutex<u64>,
    latest: AtomicU64,
}

impl StoreClock {
    pub(super) fn new() -> Self {
        Self {
            local: WakefulClock::starting_at(Timestamp(0)),
            ahead: Mutex::new(0),
            latest: AtomicU64::new(0),
        }
    }

    /// A clock that nobody sets, for waits and leases here.
    pub(super) fn local(&self) -> Timestamp {
        self.local.now()
    }

    /// The server said that it was `at`, not long ago. The answer took some time, so the latest that
    /// was heard of is the best.
    pub(super) fn heard(&self, at: Timestamp) {
        let ahead = at.0.saturating_sub(self.local().0);
        let mut known = self.ahead.lock().expect("nobody panics under it");
        // The server's clock may be set back as well; then it is followed, and `now` stands still.
        let is_far_off = known.abs_diff(ahead) > 1_000_000;
        if ahead > *known || is_far_off {
            *known = ahead;
        }
    }

    /// When something is due, by what the server said `at` its time: what is to come there is to come here as
    /// well, also when this clock is ahead.
    pub(super) fn to_come(&self, due: Timestamp, at: Timestamp) -> Timestamp {
        let now = self.now();
        if due > at && due <= now { now.plus(due.since(at)) } else { due }
    }

    pub(super) fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().expect("nobody panics under it");
        let now = self.local().plus(Duration::from_micros(ahead)).0;
        Timestamp(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_to_come_for_the_store_is_to_come_here_also_when_its_clock_is_set_back() {
        let (clock, noon) = (StoreClock::new(), Timestamp(1_000_000_000));
        clock.heard(noon);
        let due = noon.plus(SECOND);
        assert_eq!(clock.to_come(due, noon), due);
        tokio::time::advance(SECOND).await;
        assert_eq!(clock.to_come(due, noon.plus(SECOND)), due, "it is due there as well");
        // Set back by so little that this clock stays as it is.
        let at = noon.plus(SECOND / 10);
        clock.heard(at);
        assert_eq!(clock.to_come(due, at), clock.now().plus(due.since(at)));
    }
}
