//! What was signalled to somebody.

use std::sync::Mutex;

use tokio::sync::Notify;

use crate::{
    journal::{Signal, Signals},
    kernel::DefinitionHash,
};

/// Collects signals.
#[derive(Default)]
pub(super) struct Heard {
    /// Made known before: word of them may still be on its way.
    known: Vec<DefinitionHash>,
    signals: Mutex<Vec<Signal>>,
    came: Notify,
}

impl Signals for Heard {
    fn signal(&self, signal: Signal) {
        if matches!(signal, Signal::Defined(hash) if self.known.contains(&hash)) {
            return;
        }
        self.signals.lock().expect("no critical section panics").push(signal);
        self.came.notify_one();
    }
}

impl Heard {
    /// Hears everything but that one of these was made known.
    pub(super) fn but_of(known: Vec<DefinitionHash>) -> Self {
        Self { known, ..Self::default() }
    }

    /// The next signal.
    pub(super) async fn next(&self) -> Signal {
        loop {
            if let Some(signal) = self.take() {
                return signal;
            }
            self.came.notified().await;
        }
    }

    fn take(&self) -> Option<Signal> {
        let mut signals = self.signals.lock().expect("no critical section panics");
        (!signals.is_empty()).then(|| signals.remove(0))
    }
}
