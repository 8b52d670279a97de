//! What candidates of one process say together: that they stand.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Metadata;
use crate::{
    coordination::gather::{OfEach, Together},
    lease::{Beat, LeaseError, LeaseStore, Live, Owner},
};

/// How long a beat waits for its answer at most.
const ANSWER: Duration = Duration::from_secs(3);

/// A beat that waits for those of others.
pub(in crate::coordination) struct OwnedBeat {
    pub(super) name: Arc<str>,
    pub(super) candidate: Arc<str>,
    pub(super) owner: Option<Owner>,
    pub(super) is_healthy: bool,
    pub(super) health_score: f64,
    pub(super) metadata: Metadata,
    pub(super) interval: Duration,
    /// Whoever leaves waits for it.
    pub(super) _under_way: TaskTrackerToken,
}

impl OwnedBeat {
    fn as_beat(&self) -> Beat<'_> {
        Beat {
            name: &self.name,
            candidate: &self.candidate,
            owner: self.owner.as_ref(),
            is_healthy: self.is_healthy,
            health_score: self.health_score,
            metadata: &self.metadata,
            interval: self.interval,
        }
    }
}

impl Together for OwnedBeat {
    type Answer = Live;

    fn lasts(&self) -> Duration {
        self.interval.min(ANSWER)
    }

    fn ask<'a>(store: &'a dyn LeaseStore, all: &'a [Self]) -> BoxFuture<'a, OfEach<Live>> {
        async move {
            let Some(store) = store.candidates() else {
                let source = "it does not know who stands".into();
                return Err(LeaseError::Refused { source, retryable: false });
            };
            let beats: Vec<_> = all.iter().map(Self::as_beat).collect();
            store.beat_all(&beats).await
        }
        .boxed()
    }
}
