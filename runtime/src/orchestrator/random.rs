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
    Uuid::new_v4()
}
