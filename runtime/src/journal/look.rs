//! Letters, histories, lists and audits: what those do who own nothing.

#[cfg(doc)]
use super::NewSaga;
use crate::kernel::{DefinitionHash, Place, SagaId, SagaStatus, Stamped};

/// The answer to `tell`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::{backend::memory::MemoryJournal, journal::JournalError, kernel::SagaId};
/// use distributed_task::journal::{Journal, Told};
/// use distributed_task::kernel::{EntryId, Letter, Mail};
/// use uuid::Uuid;
/// # let journal = MemoryJournal::new();
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
///
/// let letter = Letter::Cancel { reason: "the trip is off".into() };
/// let told = journal.tell(saga, Mail { id: EntryId(Uuid::new_v4()), letter }).await?;
/// match told {
///     Told::Told | Told::Already => println!("it goes back, unless its pivot wins"),
///     Told::TooLate(status) => println!("it is {status}"),
///     Told::NoSuch => println!("it was never submitted, or is forgotten"),
/// }
/// # assert_eq!(told, Told::NoSuch);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It will be folded.
    Told,
    /// It was told before; or it is a cancel, and the saga goes back already.
    Already,
    /// The saga is over; or it is a cancel, and the pivot is done.
    TooLate(SagaStatus),
    /// There is no such saga.
    NoSuch,
}

/// The answer to `read`.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Debug)]
pub struct History {
    /// The graph of the saga.
    pub definition: DefinitionHash,
    /// Where it is.
    pub place: Place,
    /// Its records from the asked sequence number on.
    pub records: Vec<Stamped>,
}

/// Which sagas to list. The default lists all.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::memory::MemoryJournal;
/// use distributed_task::journal::{Journal, JournalError, ListFilter, Listed, PlaceKind};
///
/// /// All parked sagas, page by page.
/// async fn parked(journal: &dyn Journal) -> Result<Vec<Listed>, JournalError> {
///     let filter = ListFilter { place: Some(PlaceKind::Parked), ..ListFilter::default() };
///     let mut all = Vec::new();
///     loop {
///         let page = journal.list(filter, all.last().map(|last: &Listed| last.id), 100).await?;
///         if page.is_empty() {
///             return Ok(all);
///         }
///         all.extend(page);
///     }
/// }
/// assert!(parked(&MemoryJournal::new()).await?.is_empty());
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those in this kind of place.
    pub place: Option<PlaceKind>,
    /// Only those of this definition.
    pub definition: Option<DefinitionHash>,
}

impl ListFilter {
    /// Whether a saga is one of them.
    pub fn fits(&self, saga: &Listed) -> bool {
        self.place.is_none_or(|wanted| wanted == PlaceKind::of(saga.place))
            && self.definition.is_none_or(|wanted| wanted == saga.definition)
    }
}

/// The kinds of [`Place`].
///
/// See [`ListFilter`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// In a ready list, or carried.
    Ready,
    /// With an owner.
    Owned,
    /// Waiting for a time; over, perhaps, but not settled.
    Timed,
    /// Waiting for code or an operator.
    Parked,
    /// Over.
    Ended,
}

impl PlaceKind {
    /// The kind of a place.
    pub fn of(place: Place) -> Self {
        match place {
            Place::Ready => Self::Ready,
            Place::Owned => Self::Owned,
            Place::Timed(_) => Self::Timed,
            Place::Parked => Self::Parked,
            Place::Ended => Self::Ended,
        }
    }
}

/// One row of `list`.
///
/// See [`ListFilter`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The saga.
    pub id: SagaId,
    /// Its graph.
    pub definition: DefinitionHash,
    /// Where it is.
    pub place: Place,
}

/// The answer to `audit`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::memory::MemoryJournal;
/// use distributed_task::journal::{Journal, JournalError};
///
/// /// Looks at every open saga; answers how many had to be mended.
/// async fn audit(journal: &dyn Journal) -> Result<usize, JournalError> {
///     let (mut after, mut mended) = (None, 0);
///     loop {
///         let page = journal.audit(after, 100).await?;
///         mended += page.mended.len();
///         after = page.next;
///         if after.is_none() {
///             return Ok(mended);
///         }
///     }
/// }
/// assert_eq!(audit(&MemoryJournal::new()).await?, 0);
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Sagas looked at.
    pub seen: usize,
    /// Sagas that were in no place.
    pub mended: Vec<SagaId>,
    /// Where to go on; `None` at the end.
    pub next: Option<SagaId>,
}
