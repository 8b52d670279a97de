//! Grants that count only when replicas have them, by `WAIT`: on a connection of its own, since it holds up all that
//! is asked behind it there. All that were granted meanwhile are waited for together.

use std::{fmt, sync::Arc, time::Duration};

use redis::cmd;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::{super::milliseconds, answer_of, lease_error};
use crate::{
    backend::redis::link::{Link, LinkSettings, RedisOpenError},
    lease::{LeaseError, Life},
};

/// How many replicas must have a grant, and for how long that is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) replicas: u32,
    pub(super) limit: Duration,
}

/// Where it is asked.
pub(super) struct Replicas {
    wanted: Wanted,
    asks: mpsc::UnboundedSender<oneshot::Sender<Answer>>,
    _asking: AbortOnDropHandle<()>,
}

/// How many have all that was written before, and which life of the server said so.
type Answer = Result<(u64, Life), Arc<LeaseError>>;

/// What is written last lives no longer.
const REMEMBERED: Duration = Duration::from_secs(60);

impl Replicas {
    pub(super) async fn open(
        wanted: Wanted,
        settings: LinkSettings,
        namespace: &str,
    ) -> Result<Self, RedisOpenError> {
        let link = Link::open(settings.for_calls_of(wanted.limit)).await?;
        let (asks, mut coming) = mpsc::unbounded_channel::<oneshot::Sender<Answer>>();
        let key = format!("{namespace}:replicated");
        let asking = link.spawn({
            let link = Arc::clone(&link);
            async move {
                while let Some(first) = coming.recv().await {
                    let mut all = vec![first];
                    all.extend(std::iter::from_fn(|| coming.try_recv().ok()));
                    let answer = ask(&link, &key, wanted).await.map_err(Arc::new);
                    for tell in all {
                        // Whoever asked may have given up.
                        let _ = tell.send(answer.clone());
                    }
                }
            }
        });
        Ok(Self { wanted, asks, _asking: AbortOnDropHandle::new(asking) })
    }

    /// Returns when as many have what this life of the server granted before.
    pub(super) async fn have(&self, life: &Life) -> Result<(), LeaseError> {
        let (tell, told) = oneshot::channel();
        let ended = || LeaseError::Unanswered("nobody asks for replicas any more".into());
        self.asks.send(tell).map_err(|_| ended())?;
        let (have, at) = told.await.map_err(|_| ended())?.map_err(|error| {
            LeaseError::Unanswered(format!("no replica was waited for: {error}").into())
        })?;
        let Wanted { replicas, limit } = self.wanted;
        let why = match have >= u64::from(replicas) {
            false => format!("{have} of {replicas} replicas had it after {limit:?}"),
            true if life.id.is_empty() => {
                "the server does not say who it is: allow `INFO`".to_owned()
            }
            true if at.id == life.id => return Ok(()),
            true => "another server than that which granted it was asked for replicas".to_owned(),
        };
        Err(LeaseError::Unanswered(why.into()))
    }
}

/// Waits for what was written on that connection, which is after all that was granted before.
async fn ask(link: &Link, key: &str, wanted: Wanted) -> Result<(u64, Life), LeaseError> {
    let write = cmd("SET").arg(key).arg(1).arg("PX").arg(milliseconds(REMEMBERED)).take();
    let limit = milliseconds(wanted.limit).max(1);
    let wait = cmd("WAIT").arg(wanted.replicas).arg(limit).take();
    let (have, life) = link.pair_with_life(&write, &wait).await.map_err(lease_error)?;
    Ok((answer_of(have)?, life))
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wanted.fmt(f)
    }
}
