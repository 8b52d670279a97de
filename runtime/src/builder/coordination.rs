//! Where a process keeps its leases: the builder of a [`Coordination`].

use std::fmt;

#[cfg(feature = "in-process")]
use crate::backend::memory::MemoryLeases;
#[cfg(feature = "redis")]
use crate::backend::redis::{RedisLeases, RedisLeasesBuilder, RedisOpenError};
use crate::coordination::{Coordination, CoordinationOptions, InvalidOptions};
use crate::lease::LeaseStore;

/// Puts a [`Coordination`] together: where it keeps leases, and what it is told of how.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{builder::CoordinationOpenError, coordination::Coordination};
///
/// // `.redis("redis://127.0.0.1/")` over many processes: all else stays.
/// let coordination = Coordination::builder().memory().open().await?;
/// coordination.lock("account:4711").with_lock(async |_| println!("settled")).await?;
///
/// let forgotten = Coordination::builder().open().await;
/// assert!(matches!(forgotten, Err(CoordinationOpenError::NoStore)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Default)]
#[must_use]
pub struct CoordinationBuilder {
    store: Option<Store>,
    options: Option<CoordinationOptions>,
}

enum Store {
    There(Box<dyn FnOnce() -> Coordination + Send>),
    #[cfg(feature = "redis")]
    Redis(RedisLeasesBuilder),
}

impl Coordination {
    /// A builder, which is told where leases are kept.
    pub fn builder() -> CoordinationBuilder {
        CoordinationBuilder::default()
    }
}

impl CoordinationBuilder {
    /// In the memory of this process. What is said last counts, of the stores and of the options.
    #[cfg(feature = "in-process")]
    pub fn memory(self) -> Self {
        self.store(MemoryLeases::new())
    }

    /// In the Redis at this address, which many processes share: `redis://`, `rediss://`, `unix://` or
    /// `redis+sentinel://`, as [`docs::redis`](crate::docs::redis) says.
    #[cfg(feature = "redis")]
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.redis_with(RedisLeases::builder(url))
    }

    /// The same with settings of your own.
    #[cfg(feature = "redis")]
    pub fn redis_with(mut self, settings: RedisLeasesBuilder) -> Self {
        self.store = Some(Store::Redis(settings));
        self
    }

    /// In a store that is there: a [quorum](crate::backend::quorum::QuorumLeases), one that shares the
    /// connection of a journal, one of your own. What [`Coordination::new`] says of such a store holds.
    pub fn store(mut self, store: impl LeaseStore) -> Self {
        self.store = Some(Store::There(Box::new(|| Coordination::new(store))));
        self
    }

    /// With these options, which may come from a file.
    pub fn options(mut self, options: CoordinationOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Looks at the options, and connects where there is something to connect to: on the thread that keeps
    /// leases.
    ///
    /// # Errors
    /// [`CoordinationOpenError`].
    ///
    /// # Cancellation
    /// What was opened ends.
    ///
    /// # Panics
    /// As [`std::thread::spawn`] does, when the machine has no thread left.
    pub async fn open(self) -> Result<Coordination, CoordinationOpenError> {
        // Nothing is begun that would be refused.
        self.options.iter().try_for_each(CoordinationOptions::check)?;
        let coordination = match self.store.ok_or(CoordinationOpenError::NoStore)? {
            Store::There(coordination) => coordination(),
            #[cfg(feature = "redis")]
            Store::Redis(settings) => Coordination::open(settings.open()).await?,
        };
        match self.options {
            Some(options) => Ok(coordination.with_options(options)?),
            None => Ok(coordination),
        }
    }
}

impl fmt::Debug for CoordinationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoordinationBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why a process cannot coordinate.
///
/// See [`CoordinationBuilder`] for an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinationOpenError {
    /// It was not told where.
    #[error(
        "it is not said where leases are kept: call `.redis(url)`, `.memory()` or `.store(..)` on the builder"
    )]
    NoStore,
    /// Its options cannot be followed.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The server cannot be reached or used.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Redis(#[from] RedisOpenError),
}
