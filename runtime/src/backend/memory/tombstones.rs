//! What stays of sagas that were started under a key: enough to answer the same key again (I3).

use std::{collections::HashMap, hash::BuildHasherDefault, mem, time::Duration};

use super::shard::IdHasher;
use crate::{
    journal::Known,
    kernel::{SagaId, Timestamp},
};

type Bucket = HashMap<SagaId, Known, BuildHasherDefault<IdHasher>>;

/// Two buckets by the time of the end, each one retention wide: a tombstone lives between one and
/// two of them, and a whole bucket is dropped at once (B6). They turn when they are used.
#[derive(Default)]
pub(super) struct Tombstones {
    /// The number of the current bucket since the epoch.
    turn: u64,
    current: Bucket,
    previous: Bucket,
}

impl Tombstones {
    pub(super) fn add(&mut self, saga: SagaId, known: Known, (now, width): (Timestamp, Duration)) {
        self.turn(now, width);
        self.current.insert(saga, known);
    }

    pub(super) fn get(
        &mut self,
        saga: SagaId,
        (now, width): (Timestamp, Duration),
    ) -> Option<Known> {
        self.turn(now, width);
        self.current.get(&saga).or_else(|| self.previous.get(&saga)).copied()
    }

    fn turn(&mut self, now: Timestamp, width: Duration) {
        let width = u64::try_from(width.as_micros()).unwrap_or(u64::MAX).max(1);
        let turn = now.0 / width;
        if turn > self.turn {
            let last = mem::take(&mut self.current);
            self.previous = if turn == self.turn + 1 { last } else { Bucket::default() };
            self.turn = turn;
        }
    }
}
