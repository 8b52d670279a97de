//! For tests of the tests: what a store would do that does not look who writes.

use super::MemoryJournal;
use crate::kernel::{Fence, Record, SagaId, Stamped};

impl MemoryJournal {
    /// Appends to a saga, whoever owns it.
    pub(crate) fn append_anyway(&self, saga: SagaId, fence: Fence, records: Vec<Record>) {
        let now = self.clock.now();
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else { return };
        let at = entry.now_or_later(now);
        entry.records.extend(records.into_iter().map(|record| Stamped { fence, at, record }));
    }
}
