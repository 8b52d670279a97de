//! The handle of one saga.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    outcome::{OutcomeError, SagaOutcome, outcome, park_reason},
    signals::{Seen, Waiter},
    task::{Inner, StatusError},
    watch::progress_of,
};
use crate::{
    journal::{JournalError, Told},
    kernel::{EntryId, Letter, Mail, Phase, Record, SagaId, SagaStatus, State},
    progress::{Progress, follow},
    task::{Cancellable, TaskDefinition},
};

/// So long without a signal, and a handle looks into the journal itself.
const SILENCE: Duration = Duration::from_secs(5);

/// One saga of the task `T`. Cloning it is cheap; dropping it changes nothing.
pub struct SagaHandle<T> {
    inner: Arc<Inner>,
    /// It may have been submitted elsewhere, and then its end is signalled elsewhere.
    elsewhere: bool,
    waiter: Arc<Waiter>,
    /// So often this handle has told that the saga needs an operator.
    told: AtomicU64,
    /// The sequence number at which it was last seen to need one in the journal.
    seen_stop: AtomicU64,
    id: SagaId,
    task: PhantomData<fn() -> T>,
}

/// What became of a cancel that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It is recorded: the saga stops and goes back, unless its pivot wins (K3).
    Recorded,
    /// It is recorded already, or the saga goes back already.
    Already,
    /// The saga is over or past its pivot.
    TooLate(SagaStatus),
}

/// Why a saga could not be cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The journal does not know the saga, or not any more.
    #[error("there is no saga {saga}")]
    NoSuch {
        /// The saga.
        saga: SagaId,
    },
    /// The journal failed; whether the cancel is recorded is open, and asking again is safe.
    #[error("saga {saga}: {source}")]
    Journal {
        /// The saga.
        saga: SagaId,
        /// What the journal says.
        source: JournalError,
    },
}

impl<T: TaskDefinition> SagaHandle<T> {
    pub(super) fn new(inner: Arc<Inner>, id: SagaId, waiter: Arc<Waiter>) -> Self {
        Self {
            inner,
            elsewhere: false,
            waiter,
            told: AtomicU64::new(0),
            seen_stop: AtomicU64::new(0),
            id,
            task: PhantomData,
        }
    }

    /// The handle of a saga that the journal knows.
    pub(super) async fn find(inner: Arc<Inner>, id: SagaId) -> Result<Self, StatusError> {
        let mut saga = Self { elsewhere: true, ..Self::new(inner, id, Arc::default()) };
        let here = saga.read().await?.1 == Some(saga.inner.host.listener.0);
        if here && !saga.inner.host.gone.is_cancelled() {
            saga.waiter = saga.inner.host.ears.waiter(id);
            // One that is gone by now may never have heard of this waiter.
            saga.elsewhere = saga.inner.host.gone.is_cancelled();
        }
        // Listen first, look then: an end between the two is heard.
        saga.look().await?;
        Ok(saga)
    }

    /// Looks into the journal, and tells the waiter what can be seen there.
    async fn look(&self) -> Result<(), StatusError> {
        let state = self.state().await?;
        match (state.finished(), state.status(&self.inner.host.definition)) {
            (Some(finished), _) => {
                self.waiter.end(Arc::clone(finished));
                self.inner.host.ears.forget(self.id);
            }
            // Told once: looking again sees the same stop again.
            (None, SagaStatus::Parked | SagaStatus::Stuck)
                if self.seen_stop.swap(state.seq(), Ordering::Relaxed) != state.seq() =>
            {
                self.waiter.needs_operator();
            }
            _ => {}
        }
        Ok(())
    }

    /// The next thing seen. Of a saga that was submitted elsewhere no signal may come here, so
    /// after a silence the journal is asked (B19).
    async fn seen(&self) -> Result<Seen, StatusError> {
        let stops = self.told.load(Ordering::Relaxed);
        if !self.elsewhere {
            return Ok(self.waiter.wait(stops).await);
        }
        loop {
            match timeout(SILENCE, self.waiter.wait(stops)).await {
                Ok(seen) => return Ok(seen),
                Err(_) => self.look().await?,
            }
        }
    }

    /// Identity of the saga.
    pub fn id(&self) -> SagaId {
        self.id
    }

    /// Where the saga is now, read from the journal.
    ///
    /// # Errors
    /// When the journal does not know the saga any more, or fails.
    pub async fn status(&self) -> Result<SagaStatus, StatusError> {
        let state = self.state().await?;
        Ok(state.status(&self.inner.host.definition))
    }

    async fn state(&self) -> Result<State, StatusError> {
        Ok(self.read().await?.0)
    }

    /// What the records tell, and who listens for the end.
    async fn read(&self) -> Result<(State, Option<u64>), StatusError> {
        let host = &self.inner.host;
        let journal = |source| StatusError::Journal { saga: self.id, source };
        let history = host.journal.read(self.id, 0).await.map_err(journal)?;
        let history = history.ok_or(StatusError::NoSuch { saga: self.id })?;
        if history.definition != host.hash {
            return Err(StatusError::OtherTask { saga: self.id });
        }
        let reply_to = match history.records.first().map(|stamped| &stamped.record) {
            Some(Record::Started(started)) => started.reply_to,
            _ => None,
        };
        let state = State::fold(&host.definition, &history.records);
        Ok((state.ok_or(StatusError::NoSuch { saga: self.id })?, reply_to))
    }

    /// The current state and every change that follows. Ends after the terminal one, when the saga
    /// needs an operator, or when the task is shut down; watching again waits again. Any number of
    /// streams may watch. Of a saga that another process drives, changes show within 5 s.
    pub fn progress(&self) -> ProgressUpdates {
        // Watch first, read then: what is committed before the read is in it, what comes after it
        // is published.
        let live = self.inner.host.services.progress.stream(self.id);
        let live = live.filter_map(|update| async { update.ok() });
        let handle = self.clone();
        let updates = async move {
            match handle.known().await {
                Some(known) if handle.elsewhere => {
                    follow(known, stream::select(live, handle.looks())).boxed()
                }
                Some(known) => {
                    let gone = handle.inner.host.gone.clone();
                    follow(known, live).take_until(gone.cancelled_owned()).boxed()
                }
                // The journal does not know the saga any more: there is nothing to see.
                None => stream::empty().boxed(),
            }
        };
        ProgressUpdates(stream::once(updates).flatten().boxed())
    }

    /// What the journal knows.
    async fn known(&self) -> Option<Progress> {
        let state = self.state().await.ok()?;
        Some(progress_of(self.id, &self.inner.host.definition, &state))
    }

    /// What the journal knows, again and again.
    fn looks(self) -> impl Stream<Item = Progress> + Send {
        stream::unfold(self, |handle| async {
            sleep(SILENCE).await;
            Some((handle.known().await?, handle))
        })
    }

    /// Waits for the end of the saga. Cancel safe: dropping the future changes nothing, and asking
    /// again waits again. It never waits for ever: a parked or stuck saga is an error.
    ///
    /// # Errors
    /// When the saga needs an operator, when the task is shut down first, or when the journal
    /// fails.
    pub async fn outcome(&self) -> Result<SagaOutcome<T>, OutcomeError> {
        loop {
            match self.seen().await? {
                Seen::Ended(finished) => {
                    let undecodable = |error| OutcomeError::Undecodable { saga: self.id, error };
                    return outcome::<T>(
                        &*self.inner.host.handlers,
                        &self.inner.host.definition,
                        &finished,
                    )
                    .map_err(undecodable);
                }
                Seen::NeedsOperator(stops) => {
                    self.told.fetch_max(stops, Ordering::Relaxed);
                    if let Some(error) = self.needs_operator().await? {
                        return Err(error);
                    }
                }
                Seen::HostGone => return Err(OutcomeError::HostGone { saga: self.id }),
            }
        }
    }

    /// Why the saga needs an operator, if it still does.
    async fn needs_operator(&self) -> Result<Option<OutcomeError>, OutcomeError> {
        let state = self.state().await?;
        let definition = &self.inner.host.definition;
        let saga = self.id;
        Ok(match state.status(definition) {
            SagaStatus::Parked => {
                let reason = state.parked().map(|reason| park_reason(definition, reason));
                Some(OutcomeError::Parked { saga, reason: reason.unwrap_or_default() })
            }
            SagaStatus::Stuck => {
                let failed = |phase| match state.cause() {
                    Some(_) => phase == Phase::UndoFailed,
                    None => matches!(phase, Phase::Unknown | Phase::Refused),
                };
                let steps = definition.steps.iter().zip(state.steps());
                let steps = steps.filter(|(_, at)| failed(at.phase));
                let steps = steps.map(|(step, _)| step.name.to_string()).collect();
                let reason = state.failures().last().map(|(_, why)| why.to_string());
                Some(OutcomeError::Stuck { saga, steps, reason: reason.unwrap_or_default() })
            }
            _ => None,
        })
    }

    /// Asks the saga to stop and go back. Answered when the wish is durable (K1); asking twice is
    /// asking once. Steps that run are told through `cx.cancelled()` and have a grace time.
    ///
    /// # Errors
    /// When the journal does not know the saga any more, or fails.
    pub fn cancel(&self) -> BoxFuture<'_, Result<Cancelled, CancelError>>
    where
        T: Cancellable,
    {
        // Not an `async fn`: the compiler would tell of a missing `cancellable` three times.
        let letter = Letter::Cancel { reason: "cancelled by its submitter".to_owned() };
        let mail = Mail { id: EntryId(self.cancel_id()), letter };
        let told = self.inner.host.journal.tell(self.id, mail);
        async move {
            match told.await {
                Ok(Told::Told) => Ok(Cancelled::Recorded),
                Ok(Told::Already) => Ok(Cancelled::Already),
                Ok(Told::TooLate(status)) => Ok(Cancelled::TooLate(status)),
                Ok(Told::NoSuch) => Err(CancelError::NoSuch { saga: self.id }),
                Err(source) => Err(CancelError::Journal { saga: self.id, source }),
            }
        }
        .boxed()
    }

    /// One saga can be cancelled once: the same entry however often it is told.
    fn cancel_id(&self) -> Uuid {
        Uuid::from_u128(self.id.0.as_u128() ^ u128::from_be_bytes(*b"cancel\0\0\0\0\0\0\0\0\0\0"))
    }
}

impl<T> Clone for SagaHandle<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            elsewhere: self.elsewhere,
            waiter: Arc::clone(&self.waiter),
            told: self.told.load(Ordering::Relaxed).into(),
            seen_stop: self.seen_stop.load(Ordering::Relaxed).into(),
            id: self.id,
            task: PhantomData,
        }
    }
}

impl<T> fmt::Debug for SagaHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaHandle({})", self.id)
    }
}

/// The states of one saga, as they change: a [`Stream`] with a `next` of its own.
pub struct ProgressUpdates(BoxStream<'static, Progress>);

impl ProgressUpdates {
    /// The next state; `None` after the last one. Cancel safe.
    pub async fn next(&mut self) -> Option<Progress> {
        self.0.next().await
    }
}

impl Stream for ProgressUpdates {
    type Item = Progress;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        self.0.as_mut().poll_next(cx)
    }
}
