//! What was signalled to somebody.

use std::sync::Mutex;

use tokio::sync::Notify;

use crate::journal::{Signal, Signals};

/// Collects signals.
#[derive(Default)]
pub(super) struct Heard {
    signals: Mutex<Vec<Signal>>,
    came: Notify,
}

impl Signals for Heard {
    fn signal(&self, signal: Signal) {
        self.signals.lock().expect("no critical section panics").push(signal);
        self.came.notify_one();
    }
}

impl Heard {
    /// The next signal.
    pub(super) async fn next(&self) -> Signal {
        loop {
            if let Some(signal) = self.take() {
                return signal;
            }
            self.came.notified().await;
        }
    }

    /// A signal that is here already.
    pub(super) fn take(&self) -> Option<Signal> {
        let mut signals = self.signals.lock().expect("no critical section panics");
        (!signals.is_empty()).then(|| signals.remove(0))
    }
}
