//! Writing groups of records.

use std::fmt;

use smallvec::SmallVec;

#[cfg(doc)]
use super::Journal;
use super::{Admission, SeatId};
use crate::kernel::{DefinitionHash, EntryId, Fence, Group, Place, SagaId, Timestamp};

/// Groups of records to append at once.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use std::sync::Arc;
/// # use distributed_task::{
/// #     backend::memory::MemoryJournal,
/// #     journal::{SeatId, Signal, Signals},
/// #     kernel::{DefinitionHash, Fence, Record, SagaId, Started, Value},
/// # };
/// use distributed_task::journal::{Batch, Item, Journal, NewOwned, Verdict};
/// use distributed_task::kernel::Place;
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::new();
/// # let seat = SeatId(uuid::Uuid::new_v4());
/// # journal.enter(seat, journal.listen(Arc::new(Deaf)).await?).await?;
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// # let definition = DefinitionHash([7; 16]);
/// # let records = vec![Record::Started(Arc::new(Started {
/// #     definition,
/// #     request: Value::journaled("Oslo".to_owned()),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # }))];
///
/// // A saga that begins in the hands of its owner: later items leave `create` empty.
/// let admission = Some(journal.admit(definition).await?);
/// let item = Item {
///     saga,
///     fence: Fence(journal.now().0),
///     seq: 0,
///     at: journal.now(),
///     records: records.into(),
///     folded: Vec::new(),
///     place: Place::Owned,
///     guarded: false,
///     create: Some(NewOwned { definition, key: None, admission }),
/// };
/// let batch = Batch { seat, items: vec![item].into() };
/// let committed = journal.commit(batch).await?;
/// assert_eq!(committed.verdicts[..], [Verdict::Written { mail: false }]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Debug)]
pub struct Batch {
    /// Who writes.
    pub seat: SeatId,
    /// One item a saga.
    pub items: SmallVec<[Item; 1]>,
}

/// What one saga has to write.
///
/// See [`Batch`] for an example.
#[derive(Debug)]
pub struct Item {
    /// The saga.
    pub saga: SagaId,
    /// The writer's fence.
    pub fence: Fence,
    /// The sequence number of the first record.
    pub seq: u64,
    /// [`now`](Journal::now) when the group was decided. A store with a clock of its own stamps
    /// with that one.
    pub at: Timestamp,
    /// The group.
    pub records: Group,
    /// Inbox entries it folds.
    pub folded: Vec<EntryId>,
    /// Where the saga goes.
    pub place: Place,
    /// Whether it must not be written while other mail waits.
    pub guarded: bool,
    /// Starts the saga, owned by the seat at once (A6).
    pub create: Option<NewOwned>,
}

/// A saga that begins in the hands of its owner.
///
/// See [`Batch`] for an example.
pub struct NewOwned {
    /// Its graph.
    pub definition: DefinitionHash,
    /// The first id under its key, if this is not it: that start was abandoned (I2).
    pub key: Option<SagaId>,
    /// The reserved room of a start that its owner has to hand over (A6). `None`: it is accepted with
    /// its first group, and waits for nobody.
    pub admission: Option<Admission>,
}

impl fmt::Debug for NewOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewOwned({})", self.definition)
    }
}

/// The answer to `commit`, one verdict an item.
///
/// See [`Batch`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// In the order of the items.
    pub verdicts: SmallVec<[Verdict; 1]>,
}

/// What became of one item.
///
/// See [`Batch`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Written.
    Written {
        /// The saga has mail.
        mail: bool,
    },
    /// Not written: it was guarded, and the saga has mail.
    Mail,
    /// Not written: the seat does not own the saga, or the sequence does not fit.
    NotOwner,
}
