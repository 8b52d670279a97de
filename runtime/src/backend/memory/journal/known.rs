//! What is known of a saga by its id: from its records, and for a while after they are gone.

use std::{sync::Arc, time::Duration};

use super::{
    super::shard::{Entry, Shard},
    MemoryJournal,
};
use crate::{
    journal::{Known, Stage},
    kernel::{Cause, Finished, Record, SagaId, Timestamp},
};

impl MemoryJournal {
    /// Looks at the records, then at both buckets: of the latest start under a key, if this is its
    /// first id.
    pub(super) fn known(&self, shard: &mut Shard, saga: SagaId) -> Option<Known> {
        let latest = *shard.latest.get(&saga).unwrap_or(&saga);
        let kept = shard.sagas.get(&latest).map(|entry| entry.known(latest));
        match shard.tombstones.get(saga, self.bucket()) {
            // The records of the latest may go before those of the first.
            Some(known) if kept.is_none_or(|kept| kept.id == saga && known.id != saga) => {
                Some(known)
            }
            _ => kept,
        }
    }

    /// What stands in the way of a new saga with this id, or under this key. Without a key ids are
    /// not used again, so no tombstone can be in the way.
    pub(super) fn taken(
        &self,
        shard: &mut Shard,
        saga: SagaId,
        (keyed, key): (bool, Option<SagaId>),
    ) -> Option<Known> {
        let there = match keyed {
            true => self.known(shard, saga),
            false => shard.sagas.get(&saga).map(|entry| entry.known(saga)),
        };
        let holds = |known: &Known| known.stage != Stage::Abandoned;
        there.or_else(|| self.known(shard, key?).filter(holds))
    }

    /// Puts a new saga into its shard, as the latest under its key.
    pub(super) fn insert(&self, shard: &mut Shard, saga: SagaId, entry: Entry) {
        if let Some(key) = entry.key {
            shard.latest.insert(key, saga);
        }
        shard.sagas.insert(saga, Box::new(entry));
    }

    /// Notes that a saga is over, if nobody else does so: leaves a tombstone if it has a key, and takes out the one that
    /// ended longest ago if there are too many.
    pub(super) fn retire(&self, shard: &mut Shard, saga: SagaId) -> Option<Box<Entry>> {
        let retain = self.retain?;
        let entry = shard.sagas.get(&saga).filter(|entry| entry.fingerprint.is_some());
        if let Some((known, key)) = entry.map(|entry| (entry.known(saga), entry.key)) {
            shard.tombstones.add(saga, known, self.bucket());
            if let Some(key) = key.filter(|key| shard.latest.get(key) == Some(&saga)) {
                shard.tombstones.add(key, known, self.bucket());
            }
        }
        shard.retire(saga, retain)
    }

    fn bucket(&self) -> (Timestamp, Duration) {
        (self.clock.now(), self.retain_keys)
    }
}

impl Entry {
    /// How the saga ended. What is only received after that does not open it again, a success that
    /// came late does (C8).
    pub(super) fn over(&self) -> Option<&Arc<Finished>> {
        for stamped in self.records.iter().rev() {
            match &stamped.record {
                Record::Finished(finished) => return Some(finished),
                Record::Received(_) => {}
                _ => return None,
            }
        }
        None
    }

    fn known(&self, id: SagaId) -> Known {
        Known { id, fingerprint: self.fingerprint, stage: self.stage() }
    }

    fn stage(&self) -> Stage {
        let abandoned = |record: &Record| matches!(record, Record::Compensating(cause) if matches!(**cause, Cause::Abandoned));
        match self.over() {
            Some(finished) => Stage::of(finished),
            None if self.starting => Stage::Starting,
            None if self.records.iter().any(|stamped| abandoned(&stamped.record)) => {
                Stage::Starting
            }
            None => Stage::Accepted,
        }
    }
}
