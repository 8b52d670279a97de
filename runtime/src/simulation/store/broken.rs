//! What a store does that is broken on purpose, and what it remembers for that.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    Store, now,
    parcel::{Parcel, Part},
};
use crate::{
    journal::{ClaimFrom, Committed, Journal, ListFilter, ListenerId, PlaceKind, SeatId, Verdict},
    kernel::{Place, Record, SagaId, Stamped, Timestamp, Way},
    simulation::{forwards::Forwards, mutation::Mutation, scene::lock},
};

/// What a broken store remembers.
#[derive(Default)]
pub(super) struct Broken {
    /// A seat of nobody, which owns what is lost.
    ghost: Option<SeatId>,
    /// Seats that nobody is told of any more.
    pub(super) struck: BTreeSet<SeatId>,
    /// Seats that were reaped, and until when they write all the same.
    pub(super) undead: BTreeMap<SeatId, Timestamp>,
}

impl Parcel {
    /// The undo of what was done first for that of what was done last.
    pub(in crate::simulation) fn undoes_forwards(&mut self, store: &Store) {
        for part in &mut self.items {
            let forwards = store.forwards(part.saga, &part.records);
            part.records.iter_mut().for_each(|record| forwards.exchange(record));
        }
    }
}

impl Store {
    pub(super) fn as_mutated(&self, mut part: Part) -> Part {
        match self.scene.mutation {
            Mutation::UnguardedRelease => part.guarded &= part.place == Place::Owned,
            // Only seats and numbers are looked at.
            Mutation::ReapEndsTheSeatLast
            | Mutation::RenewalRecreatesTheSeat
            | Mutation::NoBatchNumber
            | Mutation::NoClaimNumber
                if part.create.is_none() =>
            {
                part.seq = self.records(part.saga).len() as u64;
            }
            _ => {}
        }
        part
    }

    /// Where only seats and numbers are looked at, what they let through is written.
    pub(super) fn unowned(&self, parcel: &Parcel, mut committed: Committed) -> Committed {
        if matches!(self.scene.mutation, Mutation::NoBatchNumber | Mutation::NoClaimNumber) {
            for (part, verdict) in parcel.items.iter().zip(&mut committed.verdicts) {
                if *verdict == Verdict::NotOwner {
                    self.journal().append_anyway(part.saga, part.fence, part.records.to_vec());
                    *verdict = Verdict::Written { mail: false };
                }
            }
        }
        committed
    }

    /// What is undone instead of what, when these records are written.
    pub(super) fn forwards(&self, saga: SagaId, more: &[Record]) -> Forwards {
        let records = self.records(saga);
        let records = records.iter().map(|stamped| &stamped.record).chain(more);
        Forwards::of(&self.scene.plan.definition, records)
    }

    /// The engine reads what it has said.
    pub(in crate::simulation) fn read_forwards(&self, saga: SagaId, records: &mut [Stamped]) {
        if self.scene.is(Mutation::UndoesForwards) {
            let forwards = self.forwards(saga, &[]);
            records.iter_mut().for_each(|stamped| forwards.exchange(&mut stamped.record));
        }
    }

    /// The step that is to be undone when the engine says this one, and the generations of both: as it
    /// is written.
    pub(in crate::simulation) fn undone_instead_of(
        &self,
        saga: SagaId,
        step: usize,
    ) -> Option<(usize, [u32; 2])> {
        if !self.scene.is(Mutation::UndoesForwards) {
            return None;
        }
        let instead = self.forwards(saga, &[]).instead_of(step);
        let records = self.records(saga);
        let generation = |of: Way| {
            records.iter().rev().find_map(|stamped| match stamped.record {
                Record::Intended { step, generation, way } if (step, way) == (instead, of) => {
                    Some(generation)
                }
                _ => None,
            })
        };
        Some((instead, [generation(Way::Do)?, generation(Way::Undo)?]))
    }

    pub(super) fn is_undead(&self, seat: SeatId) -> bool {
        let until = lock(&self.broken).undead.get(&seat).copied();
        until.is_some_and(|until| self.journal().now() < until)
    }

    pub(super) fn write_for_the_dead(&self, parcel: &Parcel) -> Committed {
        let write = |part: &Part| {
            if part.create.is_some() {
                return Verdict::NotOwner;
            }
            self.journal().append_anyway(part.saga, part.fence, part.records.to_vec());
            Verdict::Written { mail: false }
        };
        Committed { verdicts: parcel.items.iter().map(write).collect() }
    }

    /// Whether a claim might find something.
    pub(in crate::simulation) fn has_tickets(&self) -> bool {
        !self.ready().is_empty()
    }

    /// Sagas that wait for an owner.
    pub(super) fn ready(&self) -> BTreeSet<SagaId> {
        let ready = ListFilter { place: Some(PlaceKind::Ready), definition: None };
        let listed = now(self.journal().list(ready, None, usize::MAX)).expect("it answers");
        listed.iter().map(|saga| saga.id).collect()
    }

    /// The reaper dies behind the first saga that it gave back. The seat is struck by then, so that
    /// nobody is told of the rest.
    pub(super) fn orphan_all_but_one(&self, before: &BTreeSet<SagaId>) {
        let ghost = self.ghost();
        let given_back: Vec<SagaId> = self.ready().difference(before).copied().collect();
        let rest = given_back.get(1..).unwrap_or_default();
        let from = ClaimFrom::Sagas(self.scene.plan.definition.hash(), rest);
        now(self.journal().claim(ghost, from, rest.len())).expect("the ghost lives");
    }

    pub(super) fn ghost(&self) -> SeatId {
        let mut broken = lock(&self.broken);
        if let Some(ghost) = broken.ghost {
            return ghost;
        }
        let ghost = SeatId(Uuid::from_u128(0xdead));
        let _ = now(self.journal().enter(ghost, ListenerId(0)));
        broken.struck.insert(ghost);
        *broken.ghost.insert(ghost)
    }
}
