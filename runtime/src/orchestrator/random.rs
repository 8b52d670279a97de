//! The one place that draws random numbers: identities that nobody may guess or meet twice.

use uuid::{Builder, Uuid};

use crate::{
    journal::SeatId,
    kernel::{EntryId, SagaId, Timestamp},
};

/// A new saga: time-ordered (UUID version 7), by the store's clock.
pub(super) fn saga(now: Timestamp) -> SagaId {
    let mut random = [0; 10];
    random.copy_from_slice(&draw().as_bytes()[6..]);
    SagaId(Builder::from_unix_timestamp_millis(now.0 / 1000, &random).into_uuid())
}

/// A new seat.
pub(super) fn seat() -> SeatId {
    SeatId(draw())
}

/// A new inbox entry.
pub(super) fn entry() -> EntryId {
    EntryId(draw())
}

#[allow(clippy::disallowed_methods, reason = "an id is repeated by reading the journal")]
fn draw() -> Uuid {
    #[cfg(all(test, feature = "in-process"))]
    if let Some(seeded) = seeded::draw() {
        return seeded;
    }
    Uuid::new_v4()
}

/// Chance that can be repeated, for the simulation: each thread runs a schedule of its own.
#[cfg(all(test, feature = "in-process"))]
pub(crate) mod seeded {
    use std::cell::RefCell;

    use uuid::{Builder, Uuid};

    use crate::kernel::tests::draw::Lot;

    thread_local! {
        static LOT: RefCell<Option<Lot>> = const { RefCell::new(None) };
    }

    /// From now on the ids that are drawn on this thread follow from the seed; `None`: from chance.
    pub(crate) fn follow(seed: Option<u64>) {
        LOT.set(seed.map(Lot));
    }

    pub(super) fn draw() -> Option<Uuid> {
        LOT.with_borrow_mut(|lot| {
            let lot = lot.as_mut()?;
            let [high, low] = [lot.next(), lot.next()].map(u64::to_be_bytes);
            let bytes = [high, low].concat().try_into().expect("twice 8 bytes");
            Some(Builder::from_random_bytes(bytes).into_uuid())
        })
    }
}
