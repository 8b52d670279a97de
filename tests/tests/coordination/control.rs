//! How late this machine is: bounds of time are held against a timer that ran beside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// A timer that goes off all the time, and knows by how much it was late at most.
pub struct Control {
    latest: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

/// What processes need to notice anything, where others work as well.
const SLACK: Duration = Duration::from_millis(200);

impl Control {
    pub fn start() -> Self {
        let (latest, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let control = Self { latest: Arc::clone(&latest), is_over: Arc::clone(&is_over) };
        thread::spawn(move || {
            const TICK: Duration = Duration::from_millis(5);
            while !is_over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                sleep(TICK);
                let late = begun.elapsed().saturating_sub(TICK).as_micros();
                latest.fetch_max(u64::try_from(late).expect("it is short"), Ordering::Relaxed);
            }
        });
        control
    }

    /// How late anything was so far.
    pub fn late(&self) -> Duration {
        Duration::from_micros(self.latest.load(Ordering::Relaxed))
    }

    /// Something that this program and a server or another program do together took no longer than this,
    /// as far as the machine let them.
    #[track_caller]
    pub fn within(&self, what: &str, took: Duration, bound: Duration) {
        let late = self.late();
        println!("{what}: {took:?} of {bound:?}, where timers were late by {late:?}");
        assert!(
            took <= bound + SLACK + 2 * late,
            "{what}: {took:?} of {bound:?}, late by {late:?}"
        );
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
