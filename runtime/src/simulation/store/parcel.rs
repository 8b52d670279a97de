//! What is sent to the store, and may be sent again.

use std::sync::{Arc, Mutex};

use super::now;
use crate::{
    backend::memory::MemoryJournal,
    journal::{Admission, Batch, ClaimFrom, Committed, Item, Journal, NewOwned, SeatId, Verdict},
    kernel::{DefinitionHash, EntryId, Fence, Group, Place, SagaId, Timestamp},
    simulation::scene::lock,
};

/// A batch that can be sent more than once.
#[derive(Clone)]
pub(in crate::simulation) struct Parcel {
    pub(in crate::simulation) seat: SeatId,
    pub(super) claims: u64,
    pub(super) items: Vec<Part>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub(super) saga: SagaId,
    pub(super) fence: Fence,
    pub(super) seq: u64,
    at: Timestamp,
    pub(super) records: Group,
    folded: Vec<EntryId>,
    pub(super) place: Place,
    pub(super) guarded: bool,
    pub(super) create: Option<(DefinitionHash, Option<SagaId>, Option<Room>)>,
}

/// The room for a new saga, taken once however often it is sent.
type Room = Arc<Mutex<Option<Admission>>>;

/// Which sagas a claim is for.
#[derive(Clone)]
pub(in crate::simulation) enum From {
    Definitions(Vec<DefinitionHash>),
    Sagas(DefinitionHash, Vec<SagaId>),
}

impl From {
    pub(super) fn as_from(&self) -> ClaimFrom<'_> {
        match self {
            Self::Definitions(definitions) => ClaimFrom::Definitions(definitions),
            Self::Sagas(definition, sagas) => ClaimFrom::Sagas(*definition, sagas),
        }
    }
}

impl Part {
    pub(super) fn item(self, journal: &MemoryJournal) -> Item {
        Item {
            saga: self.saga,
            fence: self.fence,
            seq: self.seq,
            at: self.at,
            records: self.records,
            folded: self.folded,
            place: self.place,
            guarded: self.guarded,
            create: self.create.map(|(definition, key, room)| NewOwned {
                definition,
                key,
                admission: room.map(|room| take(&room, journal, definition)),
            }),
        }
    }
}

impl Parcel {
    /// A batch of a seat that has heard of so many claims.
    pub(in crate::simulation) fn of(batch: Batch, claims: u64) -> Self {
        let part = |item: Item| Part {
            saga: item.saga,
            fence: item.fence,
            seq: item.seq,
            at: item.at,
            records: item.records,
            folded: item.folded,
            place: item.place,
            guarded: item.guarded,
            create: item.create.map(|NewOwned { definition, key, admission }| {
                (definition, key, admission.map(|room| Arc::new(Mutex::new(Some(room)))))
            }),
        };
        let items = batch.items.into_iter().map(part).collect();
        Self { seat: batch.seat, claims, items }
    }

    /// As if all of it were written.
    pub(in crate::simulation) fn is_written(&self) -> Committed {
        let verdicts = self.items.iter().map(|_| Verdict::Written { mail: false }).collect();
        Committed { verdicts }
    }
}

/// The room for a new saga; what is repeated behind a loss had it before, and there is always some.
pub(super) fn take(
    room: &Mutex<Option<Admission>>,
    journal: &MemoryJournal,
    definition: DefinitionHash,
) -> Admission {
    let first = lock(room).take();
    first.unwrap_or_else(|| now(journal.admit(definition)).expect("there is room"))
}
