//! Looking at all sagas, one page at a time.

use super::{
    super::{
        ready::End,
        shard::{At, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{Audited, Listed},
    kernel::SagaId,
};

impl MemoryJournal {
    pub(super) fn list_now(&self, after: Option<SagaId>, limit: usize) -> Vec<Listed> {
        let mut rows = Vec::new();
        for id in self.sorted_ids(after).into_iter().take(limit) {
            if let Some(entry) = self.shards.of(id).sagas.get(&id) {
                rows.push(Listed { id, definition: entry.definition, place: entry.place() });
            }
        }
        rows
    }

    fn sorted_ids(&self, after: Option<SagaId>) -> Vec<SagaId> {
        let mut ids: Vec<SagaId> = Vec::new();
        for shard in self.shards.iter() {
            ids.extend(shard.sagas.keys().filter(|id| after.is_none_or(|after| **id > after)));
        }
        ids.sort_unstable();
        ids
    }

    pub(super) fn audit_now(&self, after: Option<SagaId>, limit: usize) -> Audited {
        let ids = self.sorted_ids(after);
        let page = &ids[..limit.min(ids.len())];
        let tickets = lock(&self.ready).tickets();
        let mut audited = Audited {
            seen: page.len(),
            mended: Vec::new(),
            next: page.last().copied().filter(|_| ids.len() > limit),
        };
        for saga in page {
            let mut shard = self.shards.of(*saga);
            let Some(entry) = shard.sagas.get_mut(saga) else { continue };
            let placed = match entry.at {
                At::Ready => tickets.contains(saga),
                At::Owned { ref seat, .. } if seat.is_alive() => true,
                // As the reaping of that seat would have done.
                At::Owned { fence, .. } => {
                    entry.crashed.push(fence);
                    entry.at = At::Ready;
                    false
                }
                At::Timed(_) | At::Parked | At::Carried(_) | At::Ended => true,
            };
            if !placed {
                let definition = entry.definition;
                drop(shard);
                self.ticket(definition, *saga, End::Front);
                audited.mended.push(*saga);
            }
        }
        audited
    }
}
