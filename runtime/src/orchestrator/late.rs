//! Late successes: what is known of a step whose saga is not in these hands any more, or of an
//! attempt that was given up (J5). It is told to the inbox, and whoever owns the saga folds it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::sleep;
use tracing::{Instrument, Span};

use super::{host::Host, random};
use crate::{
    journal::{JournalError, Told},
    kernel::{AttemptEnd, Kind, Letter, Machine, Mail, Record, SagaId, Way},
    task::Work,
};

/// How long to wait before telling a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The attempt that a late success is of.
pub(super) struct Late {
    saga: SagaId,
    step: usize,
    generation: u32,
    attempt: u32,
    /// It changes nothing: once its saga is over, its success is no news.
    reads_only: bool,
}

impl Late {
    /// `None` for an attempt whose success says nothing to anybody: that of an undo or a probe,
    /// which is asked again, and that of an ephemeral step, whose value dies with its host.
    pub(super) fn of(
        saga: &Machine,
        (step, way): (usize, Way),
        (generation, attempt): (u32, u32),
    ) -> Option<Self> {
        let definition = &saga.definition().steps[step];
        let reads_only = definition.kind == Kind::ReadOnly;
        let late = Self { saga: saga.id(), step, generation, attempt, reads_only };
        (way == Way::Do && !definition.ephemeral).then_some(late)
    }
}

impl Host {
    /// Tells of an attempt that ended, if it has an effect to tell of. Nobody waits for it but the
    /// shutdown.
    pub(super) fn tell_late(self: &Arc<Self>, late: Late, end: AttemptEnd) {
        if is_news(&end) {
            let host = Arc::clone(self);
            self.tasks.spawn(async move { host.tell_of(late, end).await });
        }
    }

    /// Lets a thread that cannot be interrupted go on, and tells of it when it ends. A shutdown
    /// waits for it until its limit, and no longer.
    pub(super) fn outlived(self: &Arc<Self>, late: Late, work: Work, span: Span) {
        let (host, mut stay) = (Arc::clone(self), Some(self.tasks.token()));
        let goes_on = async move {
            let mut work = AssertUnwindSafe(work.future).catch_unwind();
            let ended = tokio::select! {
                biased;
                ended = &mut work => ended,
                () = host.aborting.cancelled() => {
                    stay = None;
                    work.await
                }
            };
            if let Ok(end) = ended
                && is_news(&end)
            {
                tracing::warn!(attempt = late.attempt, "done, although it was given up");
                host.tell_of(late, end).await;
            }
            drop(stay);
        };
        tokio::spawn(goes_on.instrument(span));
    }

    async fn tell_of(&self, late: Late, end: AttemptEnd) {
        let Late { saga, step, generation, attempt, reads_only } = late;
        if reads_only && self.is_over(saga).await {
            return;
        }
        let letter = Letter::Late { step, generation, attempt, way: Way::Do, end };
        let mail = Mail { id: random::entry(), letter };
        loop {
            match self.heard(self.journal.tell(saga, mail.clone())).await {
                Some(Ok(Told::Told | Told::Already)) => return,
                Some(Ok(Told::TooLate(status))) => {
                    // The journal lists what nobody will undo.
                    tracing::debug!(%saga, %status, "the saga is over: a late success is no news");
                    return;
                }
                Some(Ok(Told::NoSuch)) => {
                    tracing::error!(%saga, step, "a late success of a saga that nobody knows");
                    return;
                }
                Some(Err(error @ JournalError::Unavailable(_))) => {
                    tracing::warn!(%saga, %error, "a late success is not told yet, again");
                    if self.aborting.is_cancelled() {
                        break;
                    }
                }
                Some(Err(_)) | None => break,
            }
            tokio::select! {
                biased;
                () = self.aborting.cancelled() => {}
                () = sleep(RETRY) => {}
            }
        }
        tracing::error!(%saga, step, attempt, "a late success could not be told");
    }

    async fn is_over(&self, saga: SagaId) -> bool {
        match self.heard(self.journal.read(saga, 0)).await {
            Some(Ok(Some(history))) => {
                matches!(history.records.last().map(|last| &last.record), Some(Record::Finished(_)))
            }
            Some(Ok(None)) => true,
            Some(Err(_)) | None => false,
        }
    }
}

fn is_news(end: &AttemptEnd) -> bool {
    matches!(end, AttemptEnd::Done(_) | AttemptEnd::Partial(..))
}
