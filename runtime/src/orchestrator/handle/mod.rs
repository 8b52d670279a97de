//! The handle of one saga.

mod cancel;
mod end;
mod progress;

use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(super) use cancel::cancel_id;
pub use cancel::{CancelError, Cancelled};
pub use progress::ProgressUpdates;

use super::{
    history::{SagaEvent, SagaEvents, Teller},
    look::Look,
    signals::Waiter,
    task::{Inner, StatusError},
};
use crate::{
    kernel::{Definition, SagaId, SagaStatus},
    task::TaskDefinition,
};

/// So long without a signal, and a handle looks into the journal itself.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// How long to wait before the next look at a saga of another process: short at first, because that
/// process may not know yet that somebody watches.
pub(super) fn silence(looks: u32) -> Duration {
    let soon = Duration::from_millis(50);
    soon.saturating_mul(3_u32.saturating_pow(looks)).min(SILENCE)
}

/// One saga of the task `T`. Cloning it is cheap; dropping it changes nothing.
///
/// ```
/// use distributed_task::{SagaStatus, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Double::builder().use_in_process_mode().build().await?;
/// let saga = task.submit(21).await?;
/// let mut updates = saga.progress();
/// while let Some(progress) = updates.next().await {
///     println!("{progress}");
/// }
/// assert_eq!(saga.status().await?, SagaStatus::Completed);
///
/// // Later, or in another place, by its id:
/// let again = task.handle(saga.id()).await?;
/// assert!(matches!(again.outcome().await?, SagaOutcome::Completed(42)));
/// # Ok(())
/// # }
/// ```
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
    /// The graph it follows, if that is another one than the host's.
    elder: Option<Arc<Definition>>,
    /// Only its end is known.
    forgotten: Option<SagaStatus>,
    task: PhantomData<fn() -> T>,
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
            elder: None,
            forgotten: None,
            task: PhantomData,
        }
    }

    /// The handle of a saga of which only the end is known.
    pub(super) fn forgotten(inner: Arc<Inner>, id: SagaId, status: SagaStatus) -> Self {
        Self { forgotten: Some(status), ..Self::new(inner, id, Arc::default()) }
    }

    /// The handle of a saga that the journal knows.
    pub(super) async fn find(inner: Arc<Inner>, id: SagaId) -> Result<Self, StatusError> {
        let mut saga = Self { elsewhere: true, ..Self::new(inner, id, Arc::default()) };
        let look = saga.read().await?;
        if look.hash != saga.inner.host.hash {
            saga.elder = Some(Arc::clone(&look.definition));
        }
        let here = look.reply_to() == Some(saga.inner.host.listener.0);
        if here && !saga.inner.host.gone.is_cancelled() {
            saga.waiter = saga.inner.host.ears.waiter(id);
            // One that is gone by now may never have heard of this waiter.
            saga.elsewhere = saga.inner.host.gone.is_cancelled();
        }
        // Listen first, look then: an end between the two is heard.
        saga.look().await?;
        Ok(saga)
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
        match self.read().await {
            Ok(look) => Ok(look.status()),
            Err(StatusError::Forgotten { status, .. }) => Ok(status),
            Err(error) => Err(error),
        }
    }

    /// What happened to the saga so far, from the journal: its audit trail.
    ///
    /// ```
    /// # use distributed_task::prelude::*;
    /// # #[distributed_task(request = u32, response = u32)]
    /// # struct Double;
    /// # #[steps]
    /// # impl Double {
    /// #     #[step(read_only)]
    /// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let task = Double::builder().use_in_process_mode().build().await?;
    /// let saga = task.submit(21).await?;
    /// saga.outcome().await?;
    /// let history: Vec<String> = saga.history().await?.iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     history,
    ///     ["0: submitted", "1: `double` starts", "2: `double` done", "3: the saga is completed"]
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the journal does not keep the records of the saga any more, or fails.
    pub async fn history(&self) -> Result<Vec<SagaEvent>, StatusError> {
        let look = self.read().await?;
        Ok(Teller::new(look.definition).tell(&look.records))
    }

    /// What happened to the saga and what follows, in order, without gap or repetition (INV11): the
    /// numbers of the events are those of the journal, 0, 1, 2 and so on. Ends after the end of the
    /// saga, when its records are gone, and when the task is shut down. A saga that is parked or
    /// stuck does not end it: the one is an event, the other stands
    /// [at the event](SagaEvent::stuck) that made it so. Of a saga that another process drives, events
    /// show within 5 s.
    ///
    /// A saga that ended unsettled may be taken up again (C8); [`events_after`](Self::events_after)
    /// follows that.
    pub fn events(&self) -> SagaEvents {
        SagaEvents::of(self.clone(), 0)
    }

    /// As [`events`](Self::events), from the event after number `seq` on: to go on where another
    /// stream, perhaps of another process, has ended.
    pub fn events_after(&self, seq: u64) -> SagaEvents {
        SagaEvents::of(self.clone(), seq.saturating_add(1))
    }

    /// What the journal has of it.
    async fn read(&self) -> Result<Look, StatusError> {
        let look = self.inner.host.look(self.id).await?;
        if look.definition.task != T::TASK.name {
            return Err(StatusError::OtherTask { saga: self.id });
        }
        Ok(look)
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Whether its changes may be signalled elsewhere.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    fn definition(&self) -> &Arc<Definition> {
        self.elder.as_ref().unwrap_or(&self.inner.host.definition)
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
            elder: self.elder.clone(),
            forgotten: self.forgotten,
            task: PhantomData,
        }
    }
}

impl<T> fmt::Debug for SagaHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SagaHandle({})", self.id)
    }
}
