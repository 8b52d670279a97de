//! The store's time, as well as it is known here: what the server said last, and how long ago.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    clock::{Clock, TokioClock},
    kernel::Timestamp,
};

pub(super) struct StoreClock {
    /// Runs on its own, from 0.
    local: TokioClock,
    /// By how much the store is ahead of it.
    ahead: Mutex<u64>,
    latest: AtomicU64,
}

impl StoreClock {
    pub(super) fn new() -> Self {
        Self {
            local: TokioClock::starting_at(Timestamp(0)),
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

    pub(super) fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().expect("nobody panics under it");
        let now = self.local().plus(Duration::from_micros(ahead)).0;
        Timestamp(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}
