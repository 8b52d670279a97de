//! Looking for sagas: lists, and what nobody here can claim.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::{Operator, OperatorError};
use crate::{
    journal::{ListFilter, Listed, PlaceKind},
    kernel::{DefinitionHash, Place, SagaId, SagaStatus, Timestamp},
    orchestrator::{
        host::Host,
        look::Look,
        reason::WhyParked,
        task::{Inner, StatusError},
    },
    task::TaskSteps,
};

/// Sagas that one call of the journal lists.
const PAGE: usize = 100;

/// Which sagas to list.
///
/// ```
/// use distributed_task::{SagaFilter, SagaStatus};
///
/// let waiting = SagaFilter::all().of_task("book-trip").with_status(SagaStatus::Waiting);
/// # let _ = waiting;
/// ```
#[derive(Clone, Debug, Default)]
pub struct SagaFilter {
    task: Option<String>,
    status: Option<SagaStatus>,
    journal: ListFilter,
    after: Option<SagaId>,
}

impl SagaFilter {
    /// Every saga that the journal has records of, ended ones as well.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those of the task of this name, in all its versions.
    #[must_use]
    pub fn of_task(self, task: impl Into<String>) -> Self {
        Self { task: Some(task.into()), ..self }
    }

    /// Only those that follow this definition.
    #[must_use]
    pub fn of_definition(mut self, definition: DefinitionHash) -> Self {
        self.journal.definition = Some(definition);
        self
    }

    /// Only those in this kind of place.
    #[must_use]
    pub fn in_place(mut self, place: PlaceKind) -> Self {
        self.journal.place = Some(place);
        self
    }

    /// Only those in this state.
    #[must_use]
    pub fn with_status(self, status: SagaStatus) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Only those behind this one, in the order of their ids: to go on where another list was left.
    #[must_use]
    pub fn after(self, saga: SagaId) -> Self {
        Self { after: Some(saga), ..self }
    }
}

/// One saga of a [`SagaList`].
///
/// See [`SagaList`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaRow {
    /// The saga.
    pub id: SagaId,
    /// Its task.
    pub task: String,
    /// The definition that it follows.
    pub definition: DefinitionHash,
    /// Its state.
    pub status: SagaStatus,
    /// Where it is.
    pub place: Place,
    /// Why it is parked or stuck, if it is, in words.
    pub reason: Option<String>,
    /// Why it is parked, if it is, for programs.
    pub parked: Option<WhyParked>,
    /// The steps that keep it where it is, if it is parked for one or stuck: those that somebody's
    /// word, or new code, is waited for.
    pub steps: Vec<String>,
    /// Since when it is as it is: the time of its last record, by the clock of the journal.
    pub since: Timestamp,
}

impl SagaRow {
    fn of(id: SagaId, look: &Look) -> Self {
        let status = look.status();
        let parked = look.why_parked().filter(|_| status == SagaStatus::Parked);
        let reason = match &parked {
            Some(why) => Some(why.to_string()),
            None => (status == SagaStatus::Stuck).then(|| look.last_failure()),
        };
        Self {
            id,
            task: look.definition.task.to_string(),
            definition: look.hash,
            status,
            place: look.place,
            reason,
            parked,
            steps: look.waiting_steps(),
            since: look.records.last().map(|stamped| stamped.at).unwrap_or_default(),
        }
    }
}

/// Ready sagas of one definition that the code of this task does not cover (V3). Which ones they are
/// tells [`list`](Operator::list), with [`filter`](Self::filter).
///
/// ```
/// use distributed_task::{Operator, OperatorError, TaskSteps, kernel::SagaId};
///
/// /// The sagas of this task that wait for a release that is nowhere.
/// async fn waiting<T: TaskSteps>(
///     operator: &Operator<T>,
///     task: &str,
/// ) -> Result<Vec<SagaId>, OperatorError> {
///     let mut ids = Vec::new();
///     for lying in operator.unclaimable().await? {
///         let mut rows = operator.list(lying.filter().of_task(task));
///         while let Some(row) = rows.next().await {
///             ids.push(row?.id);
///         }
///     }
///     Ok(ids)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unclaimable {
    /// The definition.
    pub definition: DefinitionHash,
    /// Its task.
    pub task: String,
    /// So many of its sagas lie in its ready list.
    pub ready: usize,
}

impl Unclaimable {
    /// These sagas, for [`Operator::list`].
    pub fn filter(&self) -> SagaFilter {
        SagaFilter::all().of_definition(self.definition).in_place(PlaceKind::Ready)
    }
}

/// Sagas, in the order of their ids: a [`Stream`] with a `next` of its own. It reads page by page,
/// so what changes meanwhile may be seen as it was or as it is.
///
/// ```
/// use distributed_task::{Operator, OperatorError, TaskSteps};
///
/// async fn report<T: TaskSteps>(operator: &Operator<T>) -> Result<(), OperatorError> {
///     let mut parked = operator.parked();
///     while let Some(row) = parked.next().await {
///         let row = row?;
///         println!("{} of {}: {}", row.id, row.task, row.reason.unwrap_or_default());
///     }
///     Ok(())
/// }
/// ```
pub struct SagaList(BoxStream<'static, Result<SagaRow, OperatorError>>);

impl SagaList {
    /// The next saga; `None` after the last one. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<SagaRow, OperatorError>> {
        self.0.next().await
    }
}

impl Stream for SagaList {
    type Item = Result<SagaRow, OperatorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<T: TaskSteps> Operator<T> {
    /// The sagas that fit a filter, of every task that uses this journal.
    ///
    /// A failure of the journal ends the list with an error.
    pub fn list(&self, filter: SagaFilter) -> SagaList {
        let inner = Arc::clone(&self.inner);
        let pages = Pages { inner, filter, page: VecDeque::new(), more: true };
        SagaList(stream::unfold(pages, Pages::next).boxed())
    }

    /// Sagas that wait for code or an operator: the dead letters (D1). They are never removed by
    /// themselves (D4).
    pub fn parked(&self) -> SagaList {
        self.list(SagaFilter::all().in_place(PlaceKind::Parked).with_status(SagaStatus::Parked))
    }

    /// Sagas that can go neither forward nor back without an operator (C7, P3).
    pub fn stuck(&self) -> SagaList {
        self.list(SagaFilter::all().in_place(PlaceKind::Parked).with_status(SagaStatus::Stuck))
    }

    /// Ready sagas that the code of this task does not cover, by definition (V3): those of versions
    /// that nobody runs any more, and those of other tasks that use the same journal, which another
    /// host may cover. They cost nothing, and start when a host comes that covers them. It tells how
    /// many there are; [`Unclaimable::filter`] tells [`list`](Self::list) which.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn unclaimable(&self) -> Result<Vec<Unclaimable>, OperatorError> {
        let host = &self.inner.host;
        let covers = host.covers();
        let mut all = Vec::new();
        for known in host.journal.definitions().await? {
            let definition = known.hash();
            if covers.iter().any(|covered| covered.hash == definition) {
                continue;
            }
            let ready = count(host, PlaceKind::Ready, definition).await?;
            if ready > 0 {
                all.push(Unclaimable { definition, task: known.task.to_string(), ready });
            }
        }
        Ok(all)
    }
}

/// So many sagas of a definition are in such a place.
async fn count(
    host: &Host,
    place: PlaceKind,
    definition: DefinitionHash,
) -> Result<usize, OperatorError> {
    let filter = ListFilter { place: Some(place), definition: Some(definition) };
    let (mut count, mut after) = (0, None);
    loop {
        let page = host.journal.list(filter, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        count += page.len();
        after = Some(last.id);
    }
}

/// A list, page by page.
struct Pages {
    inner: Arc<Inner>,
    filter: SagaFilter,
    page: VecDeque<Listed>,
    more: bool,
}

impl Pages {
    async fn next(mut self) -> Option<(Result<SagaRow, OperatorError>, Self)> {
        match self.row().await {
            Ok(row) => Some((Ok(row?), self)),
            Err(error) => {
                self.more = false;
                self.page.clear();
                Some((Err(error), self))
            }
        }
    }

    async fn row(&mut self) -> Result<Option<SagaRow>, OperatorError> {
        loop {
            while let Some(listed) = self.page.pop_front() {
                if let Some(row) = self.look(listed).await? {
                    return Ok(Some(row));
                }
            }
            if !self.more {
                return Ok(None);
            }
            let journal = &self.inner.host.journal;
            let page = journal.list(self.filter.journal, self.filter.after, PAGE).await?;
            self.more = !page.is_empty();
            self.filter.after = page.last().map(|last| last.id).or(self.filter.after);
            self.page = page.into();
        }
    }

    /// The row of a saga, if it fits and is still there.
    async fn look(&self, listed: Listed) -> Result<Option<SagaRow>, OperatorError> {
        let host = &self.inner.host;
        if let Some(task) = &self.filter.task
            && host.graph(listed.definition).await?.task != task.as_str()
        {
            return Ok(None);
        }
        let look = match host.look(listed.id).await {
            Ok(look) => look,
            Err(StatusError::Journal { source, .. }) => return Err(source.into()),
            Err(_) => return Ok(None),
        };
        let row = SagaRow::of(listed.id, &look);
        Ok(self.filter.status.is_none_or(|status| status == row.status).then_some(row))
    }
}
