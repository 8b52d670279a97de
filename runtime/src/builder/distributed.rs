//! What the processes of a task share.

use std::{fmt, sync::Arc};

#[cfg(feature = "redis")]
use tokio::sync::OnceCell;

use super::BuildError;
#[cfg(feature = "s3")]
use crate::backend::files::{ObjectFiles, S3Settings};
#[cfg(feature = "redis")]
use crate::backend::redis::{RedisJournal, RedisJournalBuilder, RedisProgress};
use crate::{files::Files, journal::Journal, lock::DistributedLock, progress::ProgressTracker};

/// What the processes of a task share. Nothing is opened before a task is built.
///
/// Tasks of one process that are given clones of one of these share its connections, and their pulses
/// are one command. They live in the runtime in which the first of these tasks was built.
///
/// ```no_run
/// # #[cfg(feature = "redis")]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{builder::Distributed, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Half;
/// # #[steps]
/// # impl Half {
/// #     #[step(read_only)]
/// #     async fn half(&self, request: &u32) -> u32 { request / 2 }
/// # }
///
/// let shared = Distributed::default().redis("redis://127.0.0.1/");
/// let double = Double::builder().use_distributed_mode(|_| shared.clone()).build_worker().await?;
/// let half = Half::builder().use_distributed_mode(|_| shared).build_worker().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Distributed {
    #[cfg(feature = "redis")]
    redis: Option<Shared>,
    #[cfg(feature = "s3")]
    s3: Option<S3Settings>,
}

/// A journal that is opened once.
#[cfg(feature = "redis")]
#[derive(Clone)]
struct Shared {
    builder: RedisJournalBuilder,
    opened: Arc<OnceCell<Opened>>,
    #[cfg(feature = "coordination")]
    locks: Arc<super::redis_locks::RedisLocks>,
}

/// What is in one Redis.
#[cfg(feature = "redis")]
#[derive(Clone)]
struct Opened {
    journal: Arc<dyn Journal>,
    progress: Arc<dyn ProgressTracker>,
}

impl Distributed {
    /// Records, tickets, timers, progress and, with the feature `coordination`, locks are in this Redis, such as `redis://127.0.0.1/`.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.redis_with(RedisJournal::builder(url))
    }

    /// The same, with settings.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis_with(mut self, builder: RedisJournalBuilder) -> Self {
        #[cfg(feature = "coordination")]
        let locks = Arc::new(super::redis_locks::RedisLocks::new(builder.leases()));
        self.redis = Some(Shared {
            builder,
            opened: Arc::default(),
            #[cfg(feature = "coordination")]
            locks,
        });
        self
    }

    /// Files are on this S3 server, such as `http://127.0.0.1:9000`. A bucket that is missing is created.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn s3(
        self,
        endpoint: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        self.s3_with(ObjectFiles::s3(endpoint, access_key, secret_key))
    }

    /// The same, with settings.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn s3_with(mut self, settings: S3Settings) -> Self {
        self.s3 = Some(settings);
        self
    }
}

#[cfg(feature = "redis")]
impl Distributed {
    /// The journal, if one is shared.
    pub(super) async fn journal(
        &self,
        task: &'static str,
    ) -> Result<Option<Arc<dyn Journal>>, BuildError> {
        Ok(self.opened(task).await?.map(|opened| opened.journal))
    }

    /// Where progress is published, if that is shared.
    pub(super) async fn progress(
        &self,
        task: &'static str,
    ) -> Result<Option<Arc<dyn ProgressTracker>>, BuildError> {
        Ok(self.opened(task).await?.map(|opened| opened.progress))
    }

    async fn opened(&self, task: &'static str) -> Result<Option<Opened>, BuildError> {
        let Some(Shared { builder, opened, .. }) = &self.redis else { return Ok(None) };
        let open = async || {
            let journal: RedisJournal = builder.clone().open().await?;
            let progress: RedisProgress = journal.progress();
            Ok(Opened { progress: Arc::new(progress), journal: Arc::new(journal) })
        };
        match opened.get_or_try_init(open).await {
            Ok(opened) => Ok(Some(opened.clone())),
            Err(source) => Err(BuildError::Redis { task, source: Box::new(source) }),
        }
    }
}

/// Nothing is shared that only Redis could.
#[cfg(not(feature = "redis"))]
impl Distributed {
    pub(super) async fn journal(&self, _: &str) -> Result<Option<Arc<dyn Journal>>, BuildError> {
        Ok(None)
    }

    pub(super) async fn progress(
        &self,
        _: &str,
    ) -> Result<Option<Arc<dyn ProgressTracker>>, BuildError> {
        Ok(None)
    }
}

#[cfg(all(feature = "redis", feature = "coordination"))]
impl Distributed {
    /// The locks, if they are shared.
    pub(super) fn lock(&self) -> Option<Arc<dyn DistributedLock>> {
        let locks = Arc::clone(&self.redis.as_ref()?.locks);
        Some(locks)
    }
}

/// Nothing is shared that only leases in Redis could.
#[cfg(not(all(feature = "redis", feature = "coordination")))]
impl Distributed {
    pub(super) fn lock(&self) -> Option<Arc<dyn DistributedLock>> {
        None
    }
}

#[cfg(feature = "s3")]
impl Distributed {
    /// The file store, if one is shared.
    pub(super) fn files(&self, task: &'static str) -> Result<Option<Files>, BuildError> {
        let files = self.s3.clone().map(S3Settings::build).transpose();
        let files = files.map_err(|source| BuildError::S3 { task, source })?;
        Ok(files.map(Files::new))
    }
}

/// Nothing is shared that only S3 could.
#[cfg(not(feature = "s3"))]
impl Distributed {
    pub(super) fn files(&self, _: &str) -> Result<Option<Files>, BuildError> {
        Ok(None)
    }
}

impl fmt::Debug for Distributed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may have passwords in them.
        f.debug_struct("Distributed").finish_non_exhaustive()
    }
}
