//! Signals wait, as answers do, until what they tell of is on the disk.

use std::sync::{Arc, Mutex, Weak};

use crate::journal::{Signal, Signals};

/// What is to be signalled after the next flush.
#[derive(Default)]
pub(super) struct Outbox {
    held: Mutex<Vec<(Arc<dyn Signals>, Signal)>>,
    listeners: Mutex<Vec<Weak<dyn Signals>>>,
}

impl Outbox {
    /// A listener for the index, in the place of `listener`.
    pub(super) fn before(self: &Arc<Self>, listener: Arc<dyn Signals>) -> Arc<dyn Signals> {
        let mut listeners = self.listeners.lock().expect("nobody panics under it");
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&listener));
        Arc::new(Held { outbox: Arc::clone(self), listener })
    }

    /// Nothing will be written any more.
    pub(super) fn close(&self) {
        let listeners = self.listeners.lock().expect("nobody panics under it").clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.signal(Signal::Closed);
        }
    }

    pub(super) fn send(&self) {
        let signals = std::mem::take(&mut *self.held.lock().expect("nobody panics under it"));
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
        let mut held = self.outbox.held.lock().expect("nobody panics under it");
        held.push((Arc::clone(&self.listener), signal));
    }
}
