//! The sagas, spread over shards so that owners rarely meet at a lock.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{seats::Seat, tombstones::Tombstones};
use crate::{
    journal::{Gate, ListenerId, SeatId},
    kernel::{DefinitionHash, Fence, Fingerprint, Mail, Place, SagaId, Stamped, Timestamp},
};

const SHARDS: usize = 64;

/// One saga.
pub(super) struct Entry {
    pub(super) definition: DefinitionHash,
    pub(super) records: Vec<Stamped>,
    pub(super) inbox: Vec<Mail>,
    pub(super) at: At,
    /// Fences of owners that died.
    pub(super) crashed: Vec<Fence>,
    /// When the last of them was reaped.
    pub(super) crashed_at: Option<Timestamp>,
    pub(super) reply_to: Option<ListenerId>,
    pub(super) fingerprint: Option<Fingerprint>,
    /// The first id under its key, if this is not it.
    pub(super) key: Option<SagaId>,
    /// It began in an owner's hands and was not handed over yet (A6).
    pub(super) starting: bool,
    /// The place to free at the first claim.
    pub(super) admission: Option<Arc<dyn Gate>>,
}

/// Where it is, with what belongs to the place.
pub(super) enum At {
    Ready,
    Owned {
        seat: Arc<Seat>,
        fence: Fence,
    },
    Timed(Timestamp),
    Parked,
    /// With a queue, and back in its ready list at this time.
    Carried(Timestamp),
    Ended,
}

impl Entry {
    pub(super) fn place(&self) -> Place {
        match self.at {
            At::Ready | At::Carried(_) => Place::Ready,
            At::Owned { .. } => Place::Owned,
            At::Timed(due) => Place::Timed(due),
            At::Parked => Place::Parked,
            At::Ended => Place::Ended,
        }
    }

    /// Whether this seat owns the saga under this fence, and lives.
    pub(super) fn owned_by(&self, seat: SeatId, fence: Fence) -> bool {
        matches!(
            &self.at,
            At::Owned { seat: owner, fence: of }
                if owner.id == seat && *of == fence && owner.is_alive()
        )
    }

    /// Whether this seat owns the saga, alive or not.
    pub(super) fn is_of(&self, seat: &Arc<Seat>) -> bool {
        matches!(&self.at, At::Owned { seat: owner, .. } if Arc::ptr_eq(owner, seat))
    }

    /// Its owner is dead.
    pub(super) fn lose_owner(&mut self, now: Timestamp) {
        if let At::Owned { fence, .. } = self.at {
            self.crashed.push(fence);
            self.crashed_at = Some(now);
            self.at = At::Ready;
        }
    }

    /// Crashes count since the last record: any progress clears them (R3).
    pub(super) fn crashes(&self) -> u32 {
        let last = self.records.last().map_or(Fence::NONE, |stamped| stamped.fence);
        let crashes = self.crashed.iter().filter(|fence| **fence >= last).count();
        u32::try_from(crashes).unwrap_or(u32::MAX)
    }

    pub(super) fn now_or_later(&self, now: Timestamp) -> Timestamp {
        self.records.last().map_or(now, |stamped| stamped.at.max(now))
    }
}

/// The sagas of one shard, the ended ones among them in the order of their end, and what is left of
/// those that are gone.
#[derive(Default)]
pub(super) struct Shard {
    pub(super) sagas: HashMap<SagaId, Box<Entry>, BuildHasherDefault<IdHasher>>,
    pub(super) tombstones: Tombstones,
    /// The latest start under a key whose first one was abandoned, while its records are here. All
    /// ids under a key are of one shard.
    pub(super) latest: HashMap<SagaId, SagaId, BuildHasherDefault<IdHasher>>,
    ended: VecDeque<SagaId>,
}

impl Shard {
    /// Notes that a saga is over, and takes out the one that ended longest ago if there are more
    /// than `retain`.
    pub(super) fn retire(&mut self, saga: SagaId, retain: usize) -> Option<Box<Entry>> {
        self.ended.push_back(saga);
        if self.ended.len() <= retain {
            return None;
        }
        let oldest = self.ended.pop_front()?;
        self.remove(oldest)
    }

    /// Takes a saga out, and its word for its key.
    pub(super) fn remove(&mut self, saga: SagaId) -> Option<Box<Entry>> {
        let entry = self.sagas.remove(&saga)?;
        if let Some(key) = entry.key
            && self.latest.get(&key) == Some(&saga)
        {
            self.latest.remove(&key);
        }
        Some(entry)
    }
}

/// All shards.
pub(super) struct Shards(Vec<Mutex<Shard>>);

impl Shards {
    pub(super) const COUNT: usize = SHARDS;

    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    pub(super) fn of(&self, saga: SagaId) -> MutexGuard<'_, Shard> {
        let (_, low) = saga.0.as_u64_pair();
        lock(&self.0[low as usize % SHARDS])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.0.iter().map(lock)
    }
}

/// Locks. A panic inside one of our critical sections is our own broken invariant.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no critical section panics")
}

/// The hash of a saga id is its random half: no need to mix it again.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write_u64(&mut self, id: u64) {
        // A map looks at the lowest bits and at the highest. The shard took the lowest, and they are the
        // same for all its sagas: now they are in the middle.
        self.0 = id.rotate_left(32);
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only saga ids are hashed, and they are one `u64`");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
