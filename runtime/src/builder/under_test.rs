//! A builder in the hands of the test kit.

use std::sync::Arc;

use super::{IntoShared as _, TaskBuilder};
use crate::{
    files::Files,
    journal::Journal,
    queue::Queue,
    task::{Handlers, TaskSteps},
};

/// What the test kit puts in.
pub(crate) struct Parts<J> {
    pub(crate) journal: Arc<J>,
    /// Unless the builder has one of its own.
    pub(crate) files: Option<Files>,
    pub(crate) queue: Option<Arc<dyn Queue>>,
}

impl<T: TaskSteps> TaskBuilder<T> {
    /// Whether a journal was chosen.
    pub(crate) fn has_journal(&self) -> bool {
        #[cfg(feature = "sqlite")]
        if self.journal_path.is_some() {
            return true;
        }
        self.journal.is_some()
    }

    /// The same task, behind something that sees its runs.
    pub(crate) fn behind<H: Handlers + 'static>(
        mut self,
        seen: impl FnOnce(Arc<dyn Handlers>) -> H,
    ) -> Self {
        self.handlers = Arc::new(seen(self.handlers));
        self
    }

    /// The same task, on these parts. Its clock goes with its journal.
    pub(crate) fn on<J: Journal>(self, parts: Parts<J>) -> Self {
        let Parts { journal, files, queue } = parts;
        Self {
            journal: Some(journal.into_shared()),
            clock: None,
            files: self.files.or(files),
            queue: queue.or(self.queue),
            ..self
        }
    }
}
