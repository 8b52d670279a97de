//! Settings of the journal in memory.

use std::{
    sync::{Arc, Mutex, RwLock, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    super::{seats::Seats, shard::Shards},
    MemoryJournal,
};
use crate::clock::{Clock, SystemClock, TokioClock};

/// Settings of a [`MemoryJournal`].
///
/// ```
/// # futures_util::future::FutureExt::now_or_never(async {
/// use std::time::Duration;
/// use distributed_task::{backend::memory::MemoryJournal, journal::{Journal, JournalError}};
/// use futures_util::FutureExt;
///
/// let builder = MemoryJournal::builder().capacity(1).retain_keys(Duration::from_secs(3600));
/// let journal = builder.build();
/// # use distributed_task::kernel::DefinitionHash;
/// # let (definition, other) = (DefinitionHash([7; 16]), DefinitionHash([8; 16]));
/// let admitted = journal.admit(definition).await?;
/// assert!(journal.admit(definition).now_or_never().is_none(), "the next one waits");
/// assert!(journal.admit(other).now_or_never().is_some(), "but not one of another definition");
/// drop(admitted);
/// assert!(journal.admit(definition).now_or_never().is_some());
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone)]
pub struct MemoryJournalBuilder {
    pub(super) capacity: usize,
    pub(super) retain_ended: usize,
    pub(super) retain_keys: Duration,
    pub(super) carry_timeout: Duration,
    pub(super) lease: Option<Duration>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    /// Ended sagas stay until they are taken.
    #[cfg(feature = "sqlite")]
    pub(crate) keeps_all: bool,
}

impl MemoryJournalBuilder {
    /// So many new sagas of a definition may wait for their first claim before `submit` waits: what
    /// another task, or another version of this one, left waiting takes no room. Default 100.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Ended sagas that stay readable, about. Default 1,000. A handle keeps its own outcome.
    #[must_use]
    pub fn retain_ended(mut self, sagas: usize) -> Self {
        self.retain_ended = sagas;
        self
    }

    /// How long the key of a saga is remembered after its end, at least: a second start under it finds
    /// the first, although its records may be gone. At most twice as long, or as long as the records
    /// are there. Default 24 hours. After that a key is [not to be used
    /// again](crate::docs::guide::idempotent_start#a-key-that-is-used-again) for something new.
    #[must_use]
    pub fn retain_keys(mut self, retention: Duration) -> Self {
        self.retain_keys = retention;
        self
    }

    /// How long a ticket stays with a queue that carries it, where there is one, before it counts as
    /// lost and comes back to its ready list (B8): longer than tickets wait in the queue as a rule.
    /// Default one minute.
    #[must_use]
    pub fn carry_timeout(mut self, timeout: Duration) -> Self {
        self.carry_timeout = timeout;
        self
    }

    /// How long a seat lives without a pulse. Default: for ever, since it dies with this process.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The clock. Default: [`TokioClock`], which follows tokio's paused time in tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The journal.
    pub fn build(self) -> MemoryJournal {
        let retain = Some(self.retain_ended.div_ceil(Shards::COUNT));
        #[cfg(feature = "sqlite")]
        let retain = retain.filter(|_| !self.keeps_all);
        MemoryJournal {
            clock: self
                .clock
                .unwrap_or_else(|| Arc::new(TokioClock::starting_at(SystemClock::default().now()))),
            shards: Shards::new(),
            ready: Mutex::default(),
            timers: Mutex::default(),
            seats: Seats::new(self.lease),
            listeners: RwLock::default(),
            definitions: RwLock::default(),
            fences: AtomicU64::new(0),
            next_listener: AtomicU64::new(1),
            rooms: RwLock::default(),
            capacity: self.capacity.clamp(1, Semaphore::MAX_PERMITS),
            late: Mutex::default(),
            retain,
            retain_keys: self.retain_keys,
            carry_timeout: self.carry_timeout,
        }
    }
}
