//! Watching a saga.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::sleep;

use super::{SagaHandle, silence};
use crate::{
    orchestrator::{signals::Seen, task::StatusError, watch::progress_of},
    progress::{Progress, follow},
    task::TaskDefinition,
};

/// After a signal what is published is on its way: a look is not the first that tells.
const FIRST_LOOK: u32 = 2;

impl<T: TaskDefinition> SagaHandle<T> {
    /// The current state and every change that follows. Ends after the terminal one, when the saga
    /// needs an operator, or, of one that was started here, when the task is shut down; watching again
    /// waits again. A journal that does not answer is asked again until then. Any number of streams may
    /// watch. Of a saga that another process drives, and of one that goes on behind its end (C8), changes
    /// show within 5 s.
    pub fn progress(&self) -> ProgressUpdates {
        // Watch first, read then: what is committed before the read is in it, what comes after it
        // is published.
        let live = self.inner.host.services.progress.stream(self.id);
        let live = live.filter_map(|update| async { update.ok() });
        let handle = self.clone();
        let updates = async move {
            // The journal may not know the saga any more: then there is nothing to see.
            let Some(known) = handle.known().await else { return stream::empty().boxed() };
            let looks = match handle.elsewhere {
                true => handle.looks().boxed(),
                false => handle.ends().boxed(),
            };
            follow(known, stream::select(live, looks)).boxed()
        };
        let updates = stream::once(updates).flatten();
        ProgressUpdates(match self.elsewhere {
            true => updates.boxed(),
            false => updates.take_until(self.inner.host.gone.clone().cancelled_owned()).boxed(),
        })
    }

    /// What the journal knows, as soon as it answers; `None` when it does not know the saga any more, or
    /// nobody here asks it any more.
    async fn known(&self) -> Option<Progress> {
        let mut looks = 0;
        loop {
            match self.read().await {
                Ok(look) => return Some(progress_of(self.id, &look.definition, &look.state)),
                Err(StatusError::Journal { source, .. }) => {
                    tracing::debug!(saga = %self.id, error = %source, "not looked at, later again");
                }
                Err(_) => return None,
            }
            tokio::select! {
                biased;
                () = self.inner.host.gone.cancelled() => return None,
                Seen::HostGone = self.waiter.wait(u64::MAX) => return None,
                () = sleep(silence(looks)) => looks += 1,
            }
        }
    }

    /// What the journal knows, again and again.
    fn looks(self) -> impl Stream<Item = Progress> + Send {
        stream::unfold((self, 0), |(handle, looks)| async move {
            sleep(silence(looks)).await;
            Some((handle.known().await?, (handle, looks + 1)))
        })
    }

    /// What the journal knows some time after it has signalled that the saga is over, or needs an
    /// operator. Who drove it there has published that, unless it had just come and did not know yet
    /// that anybody watches.
    ///
    /// An end is signalled once, and the saga may be opened again behind it (C8): from then on the
    /// journal is asked more and more seldom.
    fn ends(self) -> impl Stream<Item = Progress> + Send {
        stream::unfold((self, 0, FIRST_LOOK), |(handle, mut stops, mut looks)| async move {
            match handle.waiter.wait(stops).await {
                Seen::Ended(_) => {}
                Seen::NeedsOperator(seen) => (stops, looks) = (seen, FIRST_LOOK),
                Seen::HostGone => return None,
            }
            sleep(silence(looks)).await;
            Some((handle.known().await?, (handle, stops, looks + 1)))
        })
    }
}

/// The states of one saga, as they change: a [`Stream`] with a `next` of its own.
///
/// See [`SagaHandle`] for an example.
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
