//! What happens to a candidacy, as those see it who watch it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use super::LeadershipEnd;
use crate::kernel::Fence;

/// So many events wait for somebody who is slow; then the oldest are forgotten.
pub(super) const WAITING: usize = 64;

/// Something that happened to a [`Candidacy`](super::Candidacy). What it says can be read by then.
///
/// See [`Candidacy`](super::Candidacy) for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ElectionEvent {
    /// It leads.
    BecameLeader {
        /// The fence of the tenure.
        fence: Fence,
    },
    /// It leads no more.
    LostLeadership {
        /// The fence of the tenure.
        fence: Fence,
        /// Why.
        cause: LeadershipEnd,
    },
    /// Another tenure was seen, of whomever, or that nobody leads.
    LeaderChanged {
        /// Who was seen to lead before.
        previous: Option<Arc<str>>,
        /// Who is seen to lead now.
        new: Option<Arc<str>>,
        /// The fence of its tenure.
        fence: Option<Fence>,
    },
    /// It could not ask to lead; it will ask again.
    AcquisitionFailed {
        /// What the store said.
        error: Arc<str>,
    },
}

/// The events of a candidacy from now on: a [`Stream`] with a `next` of its own. Somebody who reads slowly
/// misses the oldest, and never the newest.
///
/// See [`Candidacy`](super::Candidacy) for an example.
pub struct ElectionEvents(BoxStream<'static, ElectionEvent>);

impl ElectionEvents {
    pub(super) fn new(from: Option<broadcast::Receiver<ElectionEvent>>) -> Self {
        Self(match from {
            Some(from) => stream::unfold(from, next).boxed(),
            None => stream::empty().boxed(),
        })
    }

    /// The next event; `None` when the candidacy is over. Cancel safe.
    pub async fn next(&mut self) -> Option<ElectionEvent> {
        self.0.next().await
    }
}

async fn next(
    mut from: broadcast::Receiver<ElectionEvent>,
) -> Option<(ElectionEvent, broadcast::Receiver<ElectionEvent>)> {
    loop {
        match from.recv().await {
            Ok(event) => return Some((event, from)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

impl Stream for ElectionEvents {
    type Item = ElectionEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ElectionEvent>> {
        self.0.as_mut().poll_next(cx)
    }
}
