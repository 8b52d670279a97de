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
    /// What each seat took out last: it may not have moved those sagas yet.
    in_hand: BTreeMap<SeatId, Vec<SagaId>>,
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

    /// Takes up to `limit` tickets. Notes the seat as idle when there is none, and as not idle when
    /// it asks for none. Answers the seats to wake for what is left.
    pub(super) fn pop(
        &mut self,
        definitions: &[DefinitionHash],
        limit: usize,
        (seat, listener): (SeatId, ListenerId),
        tickets: &mut Vec<(SagaId, DefinitionHash)>,
    ) -> Vec<ListenerId> {
        for definition in definitions {
            let Some(list) = self.lists.get_mut(definition) else { continue };
            let room = limit.saturating_sub(tickets.len()).min(list.len());
            tickets.extend(list.drain(..room).map(|saga| (saga, *definition)));
        }
        let hand = self.in_hand.entry(seat).or_default();
        hand.clear();
        hand.extend(tickets.iter().map(|(saga, _)| *saga));
        for definition in definitions {
            let idle = self.idle.entry(*definition).or_default();
            if tickets.is_empty() && limit > 0 {
                idle.insert(seat, listener);
            } else {
                idle.remove(&seat);
            }
        }
        self.wake_for_what_is_left(definitions)
    }

    /// One idle seat for each of these lists that is not empty.
    fn wake_for_what_is_left(&mut self, definitions: &[DefinitionHash]) -> Vec<ListenerId> {
        let Self { lists, idle, .. } = self;
        let left = |definition: &&DefinitionHash| {
            lists.get(definition).is_some_and(|list| !list.is_empty())
        };
        let wake = |definition| Some(idle.get_mut(definition)?.pop_first()?.1);
        definitions.iter().filter(left).filter_map(wake).collect()
    }

    /// A seat is gone, and perhaps a wake-up with it: answers the seats to wake instead.
    pub(super) fn forget(&mut self, seat: SeatId) -> Vec<ListenerId> {
        self.in_hand.remove(&seat);
        for idle in self.idle.values_mut() {
            idle.remove(&seat);
        }
        let all: Vec<_> = self.lists.keys().copied().collect();
        self.wake_for_what_is_left(&all)
    }

    /// Every saga that has a ticket, in a list or in somebody's hand.
    pub(super) fn tickets(&self) -> HashSet<SagaId> {
        self.lists.values().flatten().chain(self.in_hand.values().flatten()).copied().collect()
    }

    /// Whether a saga of this definition has a ticket.
    pub(super) fn has(&self, definition: DefinitionHash, saga: SagaId) -> bool {
        self.lists.get(&definition).is_some_and(|list| list.contains(&saga))
            || self.in_hand.values().any(|hand| hand.contains(&saga))
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

    /// Up to `limit` timers whose time has come.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<(Timestamp, SagaId)> {
        self.0.iter().take_while(|(due, _)| *due <= now).take(limit).copied().collect()
    }

    pub(super) fn has(&self, due: Timestamp, saga: SagaId) -> bool {
        self.0.contains(&(due, saga))
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(due, _)| *due)
    }
}
