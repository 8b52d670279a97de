//! Seats: who owns sagas, and for how long.

use std::fmt;

use uuid::Uuid;

#[cfg(doc)]
use super::Claimed;
use crate::kernel::{DefinitionHash, SagaId, Timestamp};

/// Identity of a seat: random, new for every process and every re-entry (B17).
///
/// ```
/// use distributed_task::journal::SeatId;
/// use uuid::Uuid;
///
/// let seat = SeatId(Uuid::new_v4());
/// assert_ne!(seat, SeatId(Uuid::new_v4()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub Uuid);

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a seat has to do to go on living.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When others may declare it dead; `None`: never.
    pub deadline: Option<Timestamp>,
}

/// What a relay wants to carry.
///
/// See [`Pulse`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Carry<'a> {
    /// Of these definitions.
    pub definitions: &'a [DefinitionHash],
    /// At most so many.
    pub limit: usize,
}

/// The answer to `pulse`.
///
/// ```
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::{sync::Arc, time::Duration};
/// # use distributed_task::{
/// #     backend::memory::MemoryJournal,
/// #     journal::{SeatId, Signal, Signals},
/// #     kernel::DefinitionHash,
/// # };
/// use distributed_task::journal::{Carry, Journal, Reaped};
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::builder().lease(Duration::from_secs(10)).build();
/// # let [seat, silent] = [1, 2].map(|n| SeatId(uuid::Uuid::from_u128(n)));
/// # for seat in [seat, silent] {
/// #     journal.enter(seat, journal.listen(Arc::new(Deaf)).await?).await?;
/// # }
/// # let covered = [DefinitionHash([7; 16])];
/// # tokio::time::advance(Duration::from_secs(11)).await;
///
/// let carry = Carry { definitions: &covered, limit: 16 };
/// let pulse = journal.pulse(seat, Some(carry)).await?;
/// assert!(pulse.carried.is_empty(), "no saga needs an owner");
/// for dead in pulse.dead {
///     match journal.reap(dead).await? {
///         Reaped::Reaped(sagas) => println!("{dead} is gone: {sagas} sagas go on elsewhere"),
///         Reaped::Alive => println!("{dead} was only slow"),
///     }
/// }
/// # assert_eq!(journal.reap(silent).await?, Reaped::Reaped(0));
/// # assert!(journal.pulse(silent, None).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Pulse {
    /// When others may declare the seat dead.
    pub deadline: Option<Timestamp>,
    /// When the journal wants to hear of the seat again; `None`: at a third of its lease.
    pub next: Option<Timestamp>,
    /// When the next timer is due.
    pub next_due: Option<Timestamp>,
    /// So many definitions are known.
    pub definitions: usize,
    /// Seats whose deadline has passed.
    pub dead: Vec<SeatId>,
    /// Tickets for the queue to carry.
    pub carried: Vec<(SagaId, DefinitionHash)>,
}

/// The answer to `reap`.
///
/// See [`Pulse`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// The seat is gone; so many sagas were given back.
    Reaped(usize),
    /// It lives: its deadline has not passed.
    Alive,
}

/// The answer to `leave`.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The seat is gone.
    Left,
    /// It still owns so many sagas.
    Owns(usize),
}
