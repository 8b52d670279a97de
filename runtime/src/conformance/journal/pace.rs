//! How a check keeps up with its store, whose time nobody may be able to stop.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    conformance::rule::{Failure, TooSlow, Verdict},
    journal::Journal,
    kernel::Timestamp,
};

/// How much time a check let pass, and how much passed.
pub(super) struct Pace {
    journal: Arc<dyn Journal>,
    began: Timestamp,
    passed: Mutex<Duration>,
    /// Time that may pass beside that without changing what a check finds.
    slack: Duration,
}

impl Pace {
    pub(super) fn new(journal: Arc<dyn Journal>, slack: Duration) -> Self {
        let began = journal.now();
        Self { journal, began, passed: Mutex::default(), slack }
    }

    /// The check let so much time pass.
    pub(super) fn passes(&self, time: Duration) {
        *self.passed.lock().expect("no critical section panics") += time;
    }

    /// What a check found, if the store's time went on much further than the check let it: a seat
    /// may be dead by now, and a key forgotten, as it should be.
    pub(super) fn judge(&self, verdict: Verdict) -> Verdict {
        let passed = *self.passed.lock().expect("no critical section panics");
        let is_slow = self.journal.now().since(self.began) > passed + self.slack;
        verdict.map_err(|why| if is_slow { Failure::from(TooSlow(why)) } else { why })
    }
}
