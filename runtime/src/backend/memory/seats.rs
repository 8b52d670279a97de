//! Seats: who lives, and until when.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::shard::lock;
use crate::{
    journal::{Lease, ListenerId, SeatId},
    kernel::Timestamp,
};

/// One process in this journal.
pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) listener: ListenerId,
    alive: AtomicBool,
    /// It is dead, and somebody is about to give back what it owned.
    reaping: AtomicBool,
    /// Microseconds; [`u64::MAX`] without a lease.
    deadline: AtomicU64,
    pub(super) owned: AtomicUsize,
}

impl Seat {
    /// Read under the lock of a shard: reaping clears it first and visits the shards after, so a
    /// commit is either before the visit or refused.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.alive.store(false, Ordering::Release);
    }

    /// All that it owned was given back.
    pub(super) fn is_reaped(&self) {
        self.reaping.store(false, Ordering::Release);
    }

    /// Whether somebody looks after what it owns: itself, or whoever reaps it.
    pub(super) fn is_cared_for(&self) -> bool {
        self.is_alive() || self.reaping.load(Ordering::Acquire)
    }

    pub(super) fn lease(&self) -> Lease {
        let deadline = self.deadline.load(Ordering::Acquire);
        Lease { deadline: (deadline != u64::MAX).then_some(Timestamp(deadline)) }
    }

    fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline.load(Ordering::Acquire) < now.0
    }
}

/// All seats that live.
pub(super) struct Seats {
    lease: Option<Duration>,
    seats: Mutex<BTreeMap<SeatId, Arc<Seat>>>,
}

impl Seats {
    pub(super) fn new(lease: Option<Duration>) -> Self {
        Self { lease, seats: Mutex::default() }
    }

    pub(super) fn enter(&self, id: SeatId, listener: ListenerId, now: Timestamp) -> Lease {
        let seat = Seat {
            id,
            listener,
            alive: AtomicBool::new(true),
            reaping: AtomicBool::new(false),
            deadline: AtomicU64::new(self.deadline(now)),
            owned: AtomicUsize::new(0),
        };
        let lease = seat.lease();
        lock(&self.seats).insert(id, Arc::new(seat));
        lease
    }

    fn deadline(&self, now: Timestamp) -> u64 {
        self.lease.map_or(u64::MAX, |lease| now.plus(lease).0)
    }

    pub(super) fn get(&self, id: SeatId) -> Option<Arc<Seat>> {
        lock(&self.seats).get(&id).cloned()
    }

    /// Renews a seat that lives; one that was reaped stays dead.
    pub(super) fn renew(&self, id: SeatId, now: Timestamp) -> Option<Lease> {
        let seats = lock(&self.seats);
        let seat = seats.get(&id)?;
        seat.deadline.store(self.deadline(now), Ordering::Release);
        Some(seat.lease())
    }

    /// Ends a seat: at its own word, or when its deadline has passed. A renewal is either before
    /// it, and the seat lives, or after it, and finds no seat.
    pub(super) fn end(&self, id: SeatId, overdue_at: Option<Timestamp>) -> Option<Arc<Seat>> {
        let mut seats = lock(&self.seats);
        if let Some(now) = overdue_at
            && !seats.get(&id)?.is_overdue(now)
        {
            return None;
        }
        let seat = seats.remove(&id)?;
        seat.reaping.store(overdue_at.is_some(), Ordering::Release);
        seat.end();
        Some(seat)
    }

    /// One that lives.
    pub(super) fn any(&self) -> Option<Arc<Seat>> {
        lock(&self.seats).values().next().cloned()
    }

    pub(super) fn overdue(&self, now: Timestamp) -> Vec<SeatId> {
        let seats = lock(&self.seats);
        let mut dead: Vec<_> = seats.values().filter(|s| s.is_overdue(now)).map(|s| s.id).collect();
        dead.sort_unstable();
        dead
    }
}
