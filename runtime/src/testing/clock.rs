//! The time of the store: it goes on from one process to the next, as if they shared a world.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

use crate::{clock::Clock, kernel::Timestamp};

/// Some day; 0 would hide mistakes.
const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);

/// Shows the virtual time of whichever process runs.
pub struct StoreClock(Mutex<Shown>);

struct Shown {
    latest: Timestamp,
    running: Option<Epoch>,
}

/// What this clock showed at an instant of one process.
#[derive(Clone, Copy)]
pub struct Epoch {
    at: Timestamp,
    instant: Instant,
}

impl StoreClock {
    /// A clock that nobody has started.
    #[allow(clippy::new_without_default, reason = "it is no value")]
    pub fn new() -> Self {
        Self(Mutex::new(Shown { latest: BEGIN, running: None }))
    }

    /// The epoch of a process that is born now. Called inside its runtime.
    #[allow(clippy::disallowed_methods, reason = "the runtime's time is what it shows")]
    pub fn begin(&self) -> Epoch {
        Epoch { at: self.shown().latest, instant: Instant::now() }
    }

    /// From now on the process of this epoch runs; it slept for as long as is answered. Called
    /// inside its runtime.
    pub fn resume(&self, epoch: Epoch) -> Duration {
        let mut shown = self.shown();
        shown.running = Some(epoch);
        shown.latest.since(epoch.at.plus(epoch.instant.elapsed()))
    }

    /// No process runs.
    pub fn pause(&self) {
        self.now();
        self.shown().running = None;
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().expect("nobody panics under it")
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        let mut shown = self.shown();
        // Outside of a runtime tokio shows the time of the machine.
        if let (Some(epoch), Ok(_)) = (shown.running, Handle::try_current()) {
            shown.latest = shown.latest.max(epoch.at.plus(epoch.instant.elapsed()));
        }
        shown.latest
    }
}
