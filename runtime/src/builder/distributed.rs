//! What the processes of a task share.

use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;

#[cfg(feature = "redis")]
use tokio::sync::OnceCell;

#[cfg(feature = "redis")]
use crate::{
    backend::redis::{RedisJournal, RedisJournalBuilder, RedisOpenError},
    journal::Journal,
};

/// What the processes of a task share. Nothing is opened before a task is built.
///
/// Tasks of one process that are given clones of one of these share its connections, and their pulses
/// are one command.
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
}

/// A journal that is opened once.
#[cfg(feature = "redis")]
#[derive(Clone)]
struct Shared {
    builder: RedisJournalBuilder,
    opened: Arc<OnceCell<Arc<RedisJournal>>>,
}

impl Distributed {
    /// Records, tickets, timers and progress are in this Redis, such as `redis://127.0.0.1/`.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.redis_with(RedisJournal::builder(url))
    }

    /// The same, with settings.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis_with(self, builder: RedisJournalBuilder) -> Self {
        Self { redis: Some(Shared { builder, opened: Arc::default() }) }
    }

    /// The journal, if there is one.
    #[cfg(feature = "redis")]
    pub(super) async fn journal(&self) -> Option<Result<Arc<dyn Journal>, RedisOpenError>> {
        let Shared { builder, opened } = self.redis.as_ref()?;
        let open = async || builder.clone().open().await.map(Arc::new);
        let journal = opened.get_or_try_init(open).await;
        Some(journal.map(|journal| Arc::clone(journal) as Arc<dyn Journal>))
    }
}

impl fmt::Debug for Distributed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may hold passwords.
        f.debug_struct("Distributed").finish_non_exhaustive()
    }
}
