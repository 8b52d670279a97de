//! What happened, in order.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// Notes what steps do. Clones share one list.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(Instant, String)>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panics while noting").push((Instant::now(), what.into()));
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        let noted = self.0.lock().expect("nobody panics while noting");
        noted.iter().map(|(_, what)| what.clone()).collect()
    }

    pub(crate) fn times(&self) -> Vec<Instant> {
        self.0.lock().expect("nobody panics while noting").iter().map(|(at, _)| *at).collect()
    }
}
