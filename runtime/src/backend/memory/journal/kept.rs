//! For a journal that keeps in a file what this one has in memory: putting sagas in, and looking at
//! what became of them.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::{
    super::{
        ready::End,
        shard::{At, Entry, lock},
    },
    MemoryJournal,
};
use crate::kernel::{
    DefinitionHash, Fence, Fingerprint, Mail, Place, Record, SagaId, Stamped, Timestamp,
};

/// A saga without its records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) definition: DefinitionHash,
    /// The first id under its key, if this is not it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<SagaId>,
    pub(crate) place: Place,
    /// Of the owner, when owned.
    pub(crate) fence: Fence,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) crashed: Vec<Fence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crashed_at: Option<Timestamp>,
    /// Begun by its owner and not yet handed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) starting: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inbox: Vec<Mail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

impl MemoryJournal {
    pub(crate) fn has(&self, saga: SagaId) -> bool {
        self.shards.of(saga).sagas.contains_key(&saga)
    }

    /// Where a saga is, without what only this process knows.
    pub(crate) fn look(&self, saga: SagaId) -> Option<Kept> {
        let shard = self.shards.of(saga);
        let entry = shard.sagas.get(&saga)?;
        let place = entry.place();
        Some(Kept {
            definition: entry.definition,
            key: entry.key,
            place,
            fence: match entry.at {
                At::Owned { fence, .. } => fence,
                _ => Fence::NONE,
            },
            crashed: entry.crashed.clone(),
            crashed_at: entry.crashed_at,
            starting: entry.starting,
            inbox: entry.inbox.clone(),
            ended_at: match place {
                Place::Ended => entry.records.last().map(|last| last.at),
                _ => None,
            },
        })
    }

    /// Puts a saga in that was kept. Whoever owned it is dead, as is found `now`.
    pub(crate) fn put(&self, saga: SagaId, mut kept: Kept, records: Vec<Stamped>, now: Timestamp) {
        let definition = kept.definition;
        let (at, ticket) = match kept.place {
            Place::Owned => {
                kept.crashed.push(kept.fence);
                kept.crashed_at = Some(now);
                (At::Ready, Some(End::Front))
            }
            Place::Ready => (At::Ready, Some(End::Back)),
            Place::Timed(due) => (At::Timed(due), None),
            Place::Parked => (At::Parked, None),
            Place::Ended => (At::Ended, None),
        };
        let entry = Entry {
            definition,
            fingerprint: fingerprint(&records),
            records,
            inbox: kept.inbox,
            at,
            crashed: kept.crashed,
            crashed_at: kept.crashed_at,
            // Whoever waited was a part of a process that is gone.
            reply_to: None,
            key: kept.key,
            starting: kept.starting,
            admission: None,
        };
        let mut shard = self.shards.of(saga);
        if let Some(key) = kept.key {
            let begun = |entry: &Entry| entry.records.first().map(|first| first.at);
            let latest = shard.latest.get(&key).and_then(|latest| shard.sagas.get(latest));
            if latest.is_none_or(|latest| begun(latest) < begun(&entry)) {
                shard.latest.insert(key, saga);
            }
        }
        shard.sagas.insert(saga, Box::new(entry));
        if let Some(end) = ticket {
            // Nobody is there yet to be woken.
            let _ = self.ticket(definition, saga, end);
        }
        if let Place::Timed(due) = kept.place {
            lock(&self.timers).set(due, saga);
        }
    }

    /// Takes a saga out that is over.
    pub(crate) fn take(&self, saga: SagaId) {
        let mut shard = self.shards.of(saga);
        if shard.sagas.get(&saga).is_some_and(|entry| matches!(entry.at, At::Ended)) {
            shard.remove(saga);
        }
    }

    /// The highest fence that may have been given away is no lower than this one.
    pub(crate) fn fences_above(&self, fence: Fence) {
        self.fences.fetch_max(fence.0, Ordering::AcqRel);
    }

    /// Listeners are numbered from here on: records name those of processes that are gone.
    pub(crate) fn listeners_from(&self, first: u64) {
        self.next_listener.fetch_max(first, Ordering::Relaxed);
    }

    /// What was noted as late.
    pub(crate) fn put_late(&self, late: Vec<(SagaId, Mail)>) {
        lock(&self.late).extend(late);
    }
}

fn fingerprint(records: &[Stamped]) -> Option<Fingerprint> {
    match &records.first()?.record {
        Record::Started(started) => started.fingerprint,
        _ => None,
    }
}
