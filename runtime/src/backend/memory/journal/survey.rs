//! Looking at all sagas, one page at a time.

use super::{
    super::{
        ready::End,
        shard::{At, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{Audited, ListFilter, Listed},
    kernel::SagaId,
};

impl MemoryJournal {
    pub(super) fn list_now(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Vec<Listed> {
        let row = |id| {
            let shard = self.shards.of(id);
            let entry = shard.sagas.get(&id)?;
            let row = Listed { id, definition: entry.definition, place: entry.place() };
            filter.fits(&row).then_some(row)
        };
        self.sorted_ids(after).into_iter().filter_map(row).take(limit).collect()
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
        let now = self.clock.now();
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
            let definition = entry.definition;
            let placed = match entry.at {
                // One that came since the tickets were counted is in its list now.
                At::Ready => tickets.contains(saga) || lock(&self.ready).has(definition, *saga),
                At::Owned { ref seat, .. } => seat.is_cared_for(),
                At::Timed(due) | At::Carried(due) => lock(&self.timers).has(due, *saga),
                At::Parked | At::Ended => true,
            };
            if !placed {
                // As the reaping of its seat would have done.
                entry.lose_owner(now);
                entry.at = At::Ready;
                let idle = self.ticket(definition, *saga, End::Front);
                drop(shard);
                self.wake(idle);
                audited.mended.push(*saga);
            }
        }
        audited
    }
}
