//! Starting a saga, and finding one that was started.

use super::Admission;
#[cfg(doc)]
use super::Journal;
use crate::kernel::{
    Cause, DefinitionHash, Fingerprint, Finish, Finished, Group, Place, SagaId, SagaStatus,
    Timestamp,
};

/// A saga to create.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::{backend::memory::MemoryJournal, kernel::{DefinitionHash, Value}};
/// # use std::sync::Arc;
/// use distributed_task::journal::{Created, Journal, JournalError, NewSaga, Stage};
/// use distributed_task::kernel::{Place, Record, SagaId, Started};
///
/// async fn create(
///     journal: &dyn Journal,
///     id: SagaId,
///     started: Started,
/// ) -> Result<Created, JournalError> {
///     let (definition, at) = (started.definition, journal.now());
///     let admission = journal.admit(definition).await?;
///     let records = vec![Record::Started(Arc::new(started))].into();
///     let (place, key) = (Place::Ready, None);
///     journal.create(NewSaga { id, at, definition, records, place, key, admission }).await
/// }
/// # let journal = MemoryJournal::new();
/// # let id: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// # let started = Started {
/// #     definition: DefinitionHash([7; 16]),
/// #     request: Value::journaled("Oslo".to_owned()),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # };
///
/// assert_eq!(create(&journal, id, started.clone()).await?, Created::Created);
/// let Created::Exists(known) = create(&journal, id, started).await? else { panic!("again?") };
/// assert_eq!(known.stage, Stage::Accepted);
///
/// let history = journal.read(id, 0).await?.expect("it is there");
/// assert_eq!((history.records.len(), history.place), (1, Place::Ready));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub struct NewSaga {
    /// Its id.
    pub id: SagaId,
    /// [`now`](Journal::now) when it was submitted.
    pub at: Timestamp,
    /// Its graph.
    pub definition: DefinitionHash,
    /// `Started` and what follows at once.
    pub records: Group,
    /// `Ready`; `Ended` when no step had to run; `Parked` when a condition panicked.
    pub place: Place,
    /// The first id under its key, if this is not it: that start was abandoned (I2).
    pub key: Option<SagaId>,
    /// The reserved room.
    pub admission: Admission,
}

/// The answer to `create`.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Created,
    /// A saga with this id was there before, or one under this key; nothing was written.
    Exists(Known),
}

/// What is known of a saga by its id.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id: that which was asked for, or that of the latest start under its key.
    pub id: SagaId,
    /// What it was started with, if it was started under a key.
    pub fingerprint: Option<Fingerprint>,
    /// How far it got.
    pub stage: Stage,
}

/// How far a saga got, as far as a second start under its key needs to know (I2).
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody was told that it is accepted: it is in the hands of the host that began it, or that
    /// host is gone and its start is being undone.
    Starting,
    /// Its start was accepted.
    Accepted,
    /// It is over, settled or not.
    Ended(SagaStatus),
    /// Its start was abandoned, and is undone.
    Abandoned,
}

impl Stage {
    /// The stage of a saga that is over, settled or not.
    pub fn of(finished: &Finished) -> Self {
        match finished.finish {
            Finish::Compensated(Cause::Abandoned) => Self::Abandoned,
            _ => Self::Ended(SagaStatus::of(finished)),
        }
    }
}
