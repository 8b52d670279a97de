//! Telling the program that it leads, and that it leads no more: in pairs, in order, and where nothing
//! waits for it that keeps the lease.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{JoinError, JoinHandle},
    time::{sleep, timeout},
};
use tokio_util::task::{AbortOnDropHandle, task_tracker::TaskTrackerToken};

use super::{LeadershipContext, LeadershipEnd, LeadershipLost, office::Office};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type OnAcquired =
    dyn Fn(LeadershipContext) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync;
type OnLost = dyn Fn(LeadershipContext, LeadershipLost) -> BoxFuture<'static, ()> + Send + Sync;

/// What a program wants to be told with.
#[derive(Clone, Default)]
pub(super) struct Callbacks {
    pub(super) acquired: Option<Arc<OnAcquired>>,
    pub(super) lost: Option<Arc<OnLost>>,
}

/// A tenure to tell of. What is told at its beginning is work that runs in it.
pub(super) type News = (Office, TaskTrackerToken);

impl Callbacks {
    pub(super) fn is_empty(&self) -> bool {
        self.acquired.is_none() && self.lost.is_none()
    }

    /// Tells of one tenure after the other. A callback that has not ended so long after its tenure was lost
    /// is dropped where it waits.
    pub(super) async fn tell(self, mut news: UnboundedReceiver<News>, limit: Duration) {
        while let Some((office, working)) = news.recv().await {
            // What would begin too late is told to nobody, nor is its end.
            if office.context.is_cancelled() {
                continue;
            }
            if let Some(acquired) = &self.acquired {
                begin(acquired, &office, limit).await;
            }
            drop(working);
            office.left().await;
            if let Some(lost) = &self.lost {
                end(lost, &office, limit).await;
            }
        }
    }
}

async fn begin(acquired: &Arc<OnAcquired>, office: &Office, limit: Duration) {
    let (acquired, context) = (Arc::clone(acquired), office.context.clone());
    // A callback that panics does so in a task of its own.
    let mut telling = spawn(async move { acquired(context).await });
    let too_long = async {
        office.left().await;
        // Where it was given up it had its time.
        if matches!(office.context.ended().await.cause, LeadershipEnd::Lost(_)) {
            sleep(limit).await;
        }
    };
    let told = tokio::select! {
        biased;
        told = &mut telling => told,
        () = too_long => {
            tracing::warn!(election = office.context.election(), "what runs for a leader was dropped");
            telling.abort();
            // What blocks its thread does not hear of it.
            let _ = timeout(limit, telling).await;
            return;
        }
    };
    if let Err(error) = flat(told) {
        tracing::warn!(election = office.context.election(), %error, "stepping down");
        office.give_up(LeadershipEnd::Failed);
    }
}

async fn end(lost: &Arc<OnLost>, office: &Office, limit: Duration) {
    let (lost, context) = (Arc::clone(lost), office.context.clone());
    let telling = spawn(async move {
        let why = context.ended().await;
        lost(context, why).await;
    });
    let election = office.context.election();
    match timeout(limit, telling).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(election, %error, "a callback failed"),
        Err(_) => tracing::warn!(election, "a callback was dropped: it took too long"),
    }
}

fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> AbortOnDropHandle<T> {
    let running: JoinHandle<T> = tokio::spawn(work);
    AbortOnDropHandle::new(running)
}

fn flat(told: Result<Result<(), Failure>, JoinError>) -> Result<(), Failure> {
    told.unwrap_or_else(|panic| Err(panic.into()))
}
