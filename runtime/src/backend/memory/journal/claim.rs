//! Claiming, carrying, and seats that come to an end.

use std::sync::{Arc, atomic::Ordering};

use super::{
    super::{
        ready::End,
        seats::Seat,
        shard::{At, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{
        Carry, ClaimFrom, Claimed, ClaimedSaga, JournalError, Left, Pulse, Reaped, SeatId, Signal,
    },
    kernel::{DefinitionHash, SagaId, Timestamp},
};

/// Due timers that one pulse turns into tickets.
const TIMERS_A_PULSE: usize = 128;

impl MemoryJournal {
    fn claim_ticket(
        &self,
        seat: &Arc<Seat>,
        (saga, definition): (SagaId, DefinitionHash),
        now: Timestamp,
    ) -> Result<Option<ClaimedSaga>, Fenced> {
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else { return Ok(None) };
        let settled = matches!(entry.at, At::Owned { .. } | At::Ended);
        if settled || entry.definition != definition {
            return Ok(None);
        }
        if !seat.is_alive() {
            return Err(Fenced);
        }
        let fence = self.mint(now);
        let owned = At::Owned { seat: seat.clone(), fence };
        if let At::Timed(due) | At::Carried(due) = std::mem::replace(&mut entry.at, owned) {
            lock(&self.timers).remove(due, saga);
        }
        seat.owned.fetch_add(1, Ordering::Relaxed);
        let admission = entry.admission.take();
        let crashes = entry.crashes();
        let claimed = ClaimedSaga {
            id: saga,
            definition: entry.definition,
            fence,
            crashes,
            crashed_at: entry.crashed_at.filter(|_| crashes > 0),
            records: entry.records.clone(),
            mail: entry.inbox.clone(),
        };
        drop(shard);
        if let Some(gate) = admission {
            gate.release();
        }
        Ok(Some(claimed))
    }

    pub(super) fn claim_now(
        &self,
        id: SeatId,
        from: ClaimFrom<'_>,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        let seat = self.seats.get(id).ok_or(JournalError::Fenced(id))?;
        let mut claimed = Claimed { at: self.clock.now(), ..Claimed::default() };
        let mut tickets = Vec::new();
        loop {
            match from {
                ClaimFrom::Sagas(definition, sagas) => {
                    tickets.extend(sagas.iter().map(|saga| (*saga, definition)));
                }
                ClaimFrom::Definitions(definitions) => {
                    let idle = (id, seat.listener);
                    let wake = lock(&self.ready).pop(definitions, limit, idle, &mut tickets);
                    self.wake(wake);
                }
            }
            if tickets.is_empty() {
                return Ok(claimed);
            }
            for (index, ticket) in tickets.iter().enumerate() {
                match self.claim_ticket(&seat, *ticket, claimed.at) {
                    Ok(saga) => claimed.sagas.extend(saga),
                    Err(Fenced) => {
                        // Popped, but not taken: the tickets go back to where they were.
                        if let ClaimFrom::Definitions(_) = from {
                            for (saga, definition) in tickets[index..].iter().rev() {
                                self.wake(self.ticket(*definition, *saga, End::Front));
                            }
                        }
                        return Err(JournalError::Fenced(id));
                    }
                }
            }
            // Only stale tickets: the seat must not fall asleep beside a list that is not empty.
            if !claimed.sagas.is_empty() || matches!(from, ClaimFrom::Sagas(..)) {
                return Ok(claimed);
            }
            tickets.clear();
        }
    }

    fn wake_due(&self, now: Timestamp) {
        let due = lock(&self.timers).due(now, TIMERS_A_PULSE);
        for (due, saga) in due {
            let mut shard = self.shards.of(saga);
            lock(&self.timers).remove(due, saga);
            let Some(entry) = shard.sagas.get_mut(&saga) else { continue };
            // Else it moved, or another pulse was quicker.
            if matches!(entry.at, At::Timed(at) | At::Carried(at) if at == due) {
                entry.at = At::Ready;
                let idle = self.ticket(entry.definition, saga, End::Front);
                drop(shard);
                self.wake(idle);
            }
        }
    }

    pub(super) fn pulse_now(
        &self,
        seat: SeatId,
        carry: Option<Carry<'_>>,
    ) -> Result<Pulse, JournalError> {
        let now = self.clock.now();
        let lease = self.seats.renew(seat, now).ok_or(JournalError::Fenced(seat))?;
        self.wake_due(now);
        let dead = self.seats.overdue(now).into_iter().filter(|dead| *dead != seat).collect();
        let carried = match (carry, self.seats.get(seat)) {
            (Some(carry), Some(seat)) => self.carry(&seat, carry, now),
            _ => Vec::new(),
        };
        let next_due = lock(&self.timers).next();
        let definitions = self.definitions.read().expect("no writer panics").len();
        Ok(Pulse { deadline: lease.deadline, next: None, next_due, definitions, dead, carried })
    }

    /// Hands tickets to a queue.
    fn carry(
        &self,
        seat: &Seat,
        carry: Carry<'_>,
        now: Timestamp,
    ) -> Vec<(SagaId, DefinitionHash)> {
        let (back, idle) = (now.plus(self.carry_timeout), (seat.id, seat.listener));
        let (mut tickets, mut carried) = (Vec::new(), Vec::new());
        loop {
            let wake = lock(&self.ready).pop(carry.definitions, carry.limit, idle, &mut tickets);
            self.wake(wake);
            // Only stale tickets: the seat must not wait to be called without being idle.
            if tickets.is_empty() {
                return carried;
            }
            for (saga, definition) in tickets.drain(..) {
                if let Some(entry) = self.shards.of(saga).sagas.get_mut(&saga)
                    && matches!(entry.at, At::Ready)
                {
                    entry.at = At::Carried(back);
                    lock(&self.timers).set(back, saga);
                    carried.push((saga, definition));
                }
            }
            if !carried.is_empty() {
                return carried;
            }
        }
    }

    pub(super) fn leave_now(&self, id: SeatId) -> Left {
        let Some(seat) = self.seats.get(id) else { return Left::Left };
        let owned = seat.owned.load(Ordering::Acquire);
        if owned > 0 {
            return Left::Owns(owned);
        }
        self.seats.end(id, None);
        self.forget(&seat);
        Left::Left
    }

    pub(super) fn reap_now(&self, dead: SeatId) -> Reaped {
        let now = self.clock.now();
        let Some(seat) = self.seats.end(dead, Some(now)) else {
            // Unknown seats are dead already.
            return if self.seats.get(dead).is_some() { Reaped::Alive } else { Reaped::Reaped(0) };
        };
        // Nothing is added any more: a claim or a start looks whether the seat lives.
        let mut owned = Vec::new();
        for shard in self.shards.iter() {
            let sagas = shard.sagas.iter();
            owned.extend(sagas.filter(|(_, entry)| entry.is_of(&seat)).map(|(saga, _)| *saga));
        }
        owned.sort_unstable();
        let mut given_back = 0;
        for saga in owned {
            let mut shard = self.shards.of(saga);
            let entry = shard.sagas.get_mut(&saga).filter(|entry| entry.is_of(&seat));
            let Some(entry) = entry else { continue };
            entry.lose_owner(now);
            let idle = self.ticket(entry.definition, saga, End::Front);
            drop(shard);
            self.wake(idle);
            given_back += 1;
        }
        seat.is_reaped();
        self.forget(&seat);
        Reaped::Reaped(given_back)
    }

    /// A seat is gone: what only it was signalled, others hear now.
    fn forget(&self, seat: &Seat) {
        let wake = lock(&self.ready).forget(seat.id);
        self.wake(wake);
        let due = lock(&self.timers).next();
        if let (Some(due), Some(heir)) = (due, self.seats.any()) {
            self.signal(heir.listener, Signal::Timer(due));
        }
        self.listeners.write().expect("no writer panics").remove(&seat.listener);
    }
}

/// The seat died between the pop and the claim.
struct Fenced;
