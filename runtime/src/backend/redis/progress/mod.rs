//! Progress over Redis: states in keys that pass, and messages to the processes that watch.
//!
//! ```text
//!  owner ──update──▶ state.lua ─┬─ {ns:progress}:<saga>     the state held
//!    ▲                          └─▶ …of:<saga> ─────────────▶ Hub ─▶ mailboxes ─▶ watchers
//!    │ watched?                                                ▲
//!   Hub ◀── …watched ◀── announce.lua ◀── Desk                 │
//!                            └──────────▶ …to:<process> ───────┘  the state held
//! ```
//!
//! One connection for messages, however many sagas are watched. Nobody watches: nothing is sent.

mod desk;
mod hub;
mod names;
mod scripts;

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::task::AbortHandle;

use self::{
    desk::Desk,
    hub::Hub,
    names::{Held, Names},
    scripts::STATE,
};
use super::{
    NAMESPACE,
    link::{Heard, Link, LinkSettings, RedisOpenError},
    milliseconds,
};
use crate::{
    kernel::SagaId,
    progress::{Progress, ProgressError, ProgressStream, ProgressTracker},
};

/// Tracks progress over Redis 7.0 or later: what one process publishes, all others see.
///
/// The process that owns a saga publishes while it knows that somebody watches it. Watching is
/// announced to all processes when it begins and every 5 s, and counts for 15 s: so a change shows
/// within 5 s at the latest where the owner of a saga changes or messages were lost, else at once.
/// A state is kept for an hour after it was published or watched last. While the server is away
/// watchers wait, and go on when it is back.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::redis::RedisProgress, progress::ProgressTracker as _};
/// use futures_util::StreamExt as _;
///
/// let progress = RedisProgress::builder("redis://127.0.0.1/").namespace("shop").open().await?;
/// # let saga = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// // In any process:
/// let mut watcher = progress.stream(saga);
/// while let Some(Ok(state)) = watcher.next().await {
///     println!("{state}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct RedisProgress {
    link: Arc<Link>,
    names: Arc<Names>,
    hub: Arc<Hub>,
    kept: Bytes,
    desk: AbortHandle,
}

/// Settings of [`RedisProgress`].
///
/// ```
/// use std::time::Duration;
/// use distributed_task::backend::redis::RedisProgress;
///
/// let builder = RedisProgress::builder("redis://127.0.0.1/")
///     .namespace("shop")
///     .keep(Duration::from_secs(10 * 60));
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct RedisProgressBuilder {
    link: LinkSettings,
    namespace: String,
    keep: Duration,
}

/// How long a state is kept by default.
const KEPT: Duration = Duration::from_secs(60 * 60);

impl RedisProgressBuilder {
    /// The beginning of the name of every key. Processes with one namespace see each other's sagas.
    /// Default `distributed-task`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long a state is kept after it was published or watched last. Default 1 hour.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`RedisOpenError`] when the server cannot be reached or used.
    pub async fn open(self) -> Result<RedisProgress, RedisOpenError> {
        let link = Link::open(self.link).await?;
        Ok(RedisProgress::over(link, &self.namespace, self.keep))
    }
}

impl RedisProgress {
    /// A tracker at this address, with settings of your own. Where a
    /// [`RedisJournal`](super::RedisJournal) is, its
    /// [`progress`](super::RedisJournal::progress) shares the connection.
    pub fn builder(url: impl Into<String>) -> RedisProgressBuilder {
        RedisProgressBuilder {
            link: LinkSettings::new(url),
            namespace: NAMESPACE.to_owned(),
            keep: KEPT,
        }
    }

    /// The same over a connection that is there, with the settings that it has by default.
    pub(super) fn on(link: Arc<Link>, namespace: &str) -> Self {
        Self::over(link, namespace, KEPT)
    }

    fn over(link: Arc<Link>, namespace: &str, keep: Duration) -> Self {
        let (names, hub) = (Arc::new(Names::new(namespace)), Arc::new(Hub::new()));
        let kept: Bytes = milliseconds(keep).max(1).to_string().into();
        let channels = vec![names.everybody(), names.own()];
        let desk = Desk {
            subscription: link.subscribe(channels, listener(&names, &hub)),
            link: Arc::clone(&link),
            names: Arc::clone(&names),
            hub: Arc::clone(&hub),
            kept: kept.clone(),
            sagas: HashSet::new(),
        };
        let desk = tokio::spawn(desk.run()).abort_handle();
        Self { link, names, hub, kept, desk }
    }

    fn publish(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>> {
        async move {
            let saga = progress.saga;
            let failed = |source| ProgressError { saga, action: "published", source };
            let state = serde_json::to_vec(&progress).map_err(|error| failed(Arc::new(error)))?;
            let args = [
                progress.seq.to_string().into(),
                Bytes::from_static(if progress.status.is_terminal() { b"1" } else { b"0" }),
                state.into(),
                self.kept.clone(),
                self.names.channel(saga).into(),
            ];
            let published = self.link.script(&STATE, &[&self.names.state(saga)], &args).await;
            published.map(drop).map_err(|error| failed(Arc::new(error)))
        }
        .boxed()
    }

    async fn read(&self, saga: SagaId) -> Result<Option<Progress>, ProgressError> {
        let failed = |source| ProgressError { saga, action: "read", source };
        let mut command = redis::cmd("HGET");
        command.arg(self.names.state(saga)).arg("state");
        let answer = self.link.call(command).await.map_err(|error| failed(Arc::new(error)))?;
        match answer {
            redis::Value::BulkString(text) => {
                let held = Held::read(&text).map_err(|error| failed(error.into()))?;
                Ok(Some(held.progress))
            }
            _ => Ok(None),
        }
    }
}

/// What becomes of messages.
fn listener(names: &Arc<Names>, hub: &Arc<Hub>) -> impl Fn(Heard) + Send + Sync + 'static {
    let (names, hub) = (Arc::clone(names), Arc::clone(hub));
    let everybody = names.everybody();
    move |heard| match heard {
        Heard::Gap => hub.gap(),
        Heard::Silence => {}
        Heard::Message { channel, payload } if channel == everybody => {
            hub.announced(names.announced(&payload));
        }
        Heard::Message { payload, .. } => match Held::read(&payload) {
            Ok(held) => hub.heard(held),
            Err(error) => tracing::debug!(error, "a state that cannot be read"),
        },
    }
}

impl ProgressTracker for RedisProgress {
    fn initialise(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>> {
        self.publish(progress)
    }

    fn update(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>> {
        self.publish(progress)
    }

    fn complete(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>> {
        debug_assert!(progress.status.is_terminal(), "the last state is a terminal one");
        self.publish(progress)
    }

    fn get(&self, saga: SagaId) -> BoxFuture<'_, Result<Option<Progress>, ProgressError>> {
        self.read(saga).boxed()
    }

    fn stream(&self, saga: SagaId) -> ProgressStream {
        self.hub.watch(saga).map(Ok).boxed()
    }

    fn watched(&self, saga: SagaId) -> bool {
        self.hub.is_watched(saga)
    }
}

/// The streams of a tracker end with it.
impl Drop for RedisProgress {
    fn drop(&mut self) {
        self.desk.abort();
        self.hub.close();
    }
}

impl fmt::Debug for RedisProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisProgress").finish_non_exhaustive()
    }
}
