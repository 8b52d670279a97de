//! What happened, in order.

use std::sync::{Arc, Mutex};

/// Notes what steps do. Clones share one list.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panics while noting").push(what.into());
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics while noting").clone()
    }
}
