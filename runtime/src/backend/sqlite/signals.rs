//! Signals wait, as answers do, until what they tell of is on the disk.

use std::sync::{Arc, Mutex};

use crate::journal::{Signal, Signals};

/// What is to be signalled after the next flush.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Vec<(Arc<dyn Signals>, Signal)>>);

impl Outbox {
    /// A listener for the index, in the place of `listener`.
    pub(super) fn before(self: &Arc<Self>, listener: Arc<dyn Signals>) -> Arc<dyn Signals> {
        Arc::new(Held { outbox: Arc::clone(self), listener })
    }

    pub(super) fn send(&self) {
        let signals = std::mem::take(&mut *self.0.lock().expect("nobody panics under it"));
        for (listener, signal) in signals {
            listener.signal(signal);
        }
    }
}

struct Held {
    outbox: Arc<Outbox>,
    listener: Arc<dyn Signals>,
}

impl Signals for Held {
    fn signal(&self, signal: Signal) {
        let mut held = self.outbox.0.lock().expect("nobody panics under it");
        held.push((Arc::clone(&self.listener), signal));
    }
}
