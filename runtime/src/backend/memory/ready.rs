//! Ready lists, idle seats and timers: what has to happen next, without saying to what.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::{
    journal::{ListenerId, SeatId},
    kernel::{DefinitionHash, SagaId, Timestamp},
};

/// Tickets by definition, and the seats that wait for one.
#[derive(Default)]
pub(super) struct Ready {
    lists: BTreeMap<DefinitionHash, VecDeque<SagaId>>,
    idle: BTreeMap<DefinitionHash, BTreeMap<SeatId, ListenerId>>,
}

/// At which end of its list a ticket goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A saga that is already open: it should finish before new ones start.
    Front,
    /// A new saga.
    Back,
}

impl Ready {
    /// Adds a ticket and takes one idle seat of that list, to be woken.
    pub(super) fn push(
        &mut self,
        definition: DefinitionHash,
        saga: SagaId,
        end: End,
    ) -> Option<ListenerId> {
        let list = self.lists.entry(definition).or_default();
        match end {
            End::Front => list.push_front(saga),
            End::Back => list.push_back(saga),
        }
        self.idle.get_mut(&definition)?.pop_first().map(|(_, listener)| listener)
    }

    /// Takes up to `limit` tickets; notes the seat as idle when there is none.
    pub(super) fn pop(
        &mut self,
        definitions: &[DefinitionHash],
        limit: usize,
        seat: SeatId,
        listener: ListenerId,
        tickets: &mut Vec<(SagaId, DefinitionHash)>,
    ) {
        for definition in definitions {
            let Some(list) = self.lists.get_mut(definition) else { continue };
            let room = limit.saturating_sub(tickets.len()).min(list.len());
            tickets.extend(list.drain(..room).map(|saga| (saga, *definition)));
        }
        if tickets.is_empty() {
            for definition in definitions {
                self.idle.entry(*definition).or_default().insert(seat, listener);
            }
        }
    }

    pub(super) fn has_any(&self, definitions: &[DefinitionHash]) -> bool {
        definitions.iter().any(|d| self.lists.get(d).is_some_and(|list| !list.is_empty()))
    }

    pub(super) fn forget(&mut self, seat: SeatId) {
        for idle in self.idle.values_mut() {
            idle.remove(&seat);
        }
    }

    /// Every saga that has a ticket.
    pub(super) fn tickets(&self) -> HashSet<SagaId> {
        self.lists.values().flatten().copied().collect()
    }
}

/// Sagas that wait for a time.
#[derive(Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, SagaId)>);

impl Timers {
    /// Sets a timer; `true` when it is due before every other one.
    pub(super) fn set(&mut self, due: Timestamp, saga: SagaId) -> bool {
        self.0.insert((due, saga));
        self.0.first() == Some(&(due, saga))
    }

    pub(super) fn remove(&mut self, due: Timestamp, saga: SagaId) {
        self.0.remove(&(due, saga));
    }

    /// Takes up to `limit` sagas whose time has come.
    pub(super) fn due(&mut self, now: Timestamp, limit: usize) -> Vec<SagaId> {
        let mut due = Vec::new();
        while due.len() < limit && self.next().is_some_and(|next| next <= now) {
            due.extend(self.0.pop_first().map(|(_, saga)| saga));
        }
        due
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(due, _)| *due)
    }
}
