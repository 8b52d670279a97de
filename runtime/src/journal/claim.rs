//! Taking over sagas.

use crate::kernel::{DefinitionHash, Fence, Mail, SagaId, Stamped, Timestamp};

/// Which sagas to claim.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug)]
pub enum ClaimFrom<'a> {
    /// From the ready lists of these definitions.
    Definitions(&'a [DefinitionHash]),
    /// These, because a queue brought their tickets, if they are of this definition.
    Sagas(DefinitionHash, &'a [SagaId]),
}

/// The answer to `claim`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use std::sync::Arc;
/// # use distributed_task::{backend::memory::MemoryJournal, journal::{Signal, Signals}};
/// use distributed_task::journal::{ClaimFrom, Journal, Left, SeatId};
/// use distributed_task::kernel::DefinitionHash;
/// use uuid::Uuid;
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::new();
/// # let listener = journal.listen(Arc::new(Deaf)).await?;
/// # let covered = [DefinitionHash([7; 16])];
///
/// let seat = SeatId(Uuid::new_v4());
/// let lease = journal.enter(seat, listener).await?;
/// assert_eq!(lease.deadline, None, "in memory a seat lives as long as its process");
///
/// let claimed = journal.claim(seat, ClaimFrom::Definitions(&covered), 16).await?;
/// for saga in &claimed.sagas {
///     println!("{} under {:?}: {} records", saga.id, saga.fence, saga.records.len());
/// }
/// assert!(claimed.sagas.is_empty(), "nothing was submitted");
/// assert_eq!(journal.leave(seat).await?, Left::Left);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Debug, Default)]
pub struct Claimed {
    /// What the seat owns now.
    pub sagas: Vec<ClaimedSaga>,
    /// The store's time at the claim.
    pub at: Timestamp,
}

/// One saga that was claimed.
///
/// See [`Claimed`] for an example.
#[derive(Debug)]
pub struct ClaimedSaga {
    /// Its id.
    pub id: SagaId,
    /// Its graph.
    pub definition: DefinitionHash,
    /// The fence of this claim.
    pub fence: Fence,
    /// Fences of dead owners at or above that of the last record.
    pub crashes: u32,
    /// When the last of their seats was reaped; `None` without crashes.
    pub crashed_at: Option<Timestamp>,
    /// All its records.
    pub records: Vec<Stamped>,
    /// Its inbox.
    pub mail: Vec<Mail>,
}
