//! Settings, and opening: what is in the file becomes the index.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    SqliteJournal, SqliteOpenError,
    file::{self, Opened},
    log::{self, Changes, Replayed},
    rows,
    store::{BoxError, Store},
    writer::Writer,
};
use crate::{
    backend::memory::{MemoryJournal, MemoryJournalBuilder},
    clock::{Clock, SystemClock, TokioClock},
    journal::{Durability, Journal as _},
    kernel::Timestamp,
};

/// Settings of a [`SqliteJournal`].
///
/// ```
/// use std::time::Duration;
/// use distributed_task::{backend::sqlite::SqliteJournal, journal::{Durability, Journal as _}};
///
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("orders.db");
/// let journal = SqliteJournal::builder(&path)
///     .retain(Duration::from_secs(7 * 24 * 3600))
///     .durability(Durability::Process)
///     .max_size(1 << 30)
///     .open()
///     .expect("nobody else has it open");
/// assert_eq!(journal.durability(), Durability::Process);
/// ```
pub struct SqliteJournalBuilder {
    path: PathBuf,
    durability: Durability,
    retain: Duration,
    max_size: Option<u64>,
    clock: Option<Arc<dyn Clock>>,
    index: MemoryJournalBuilder,
}

impl SqliteJournal {
    /// The journal in this file, which is made if there is none, with the default settings.
    ///
    /// # Errors
    /// See [`SqliteJournalBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteOpenError> {
        Self::builder(path).open()
    }

    /// A journal with settings of your own.
    pub fn builder(path: impl AsRef<Path>) -> SqliteJournalBuilder {
        SqliteJournalBuilder {
            path: path.as_ref().into(),
            durability: Durability::Fsync,
            retain: Duration::from_secs(24 * 60 * 60),
            max_size: None,
            clock: None,
            index: MemoryJournal::builder(),
        }
    }
}

impl SqliteJournalBuilder {
    /// So many new sagas of each task may wait for their first claim before `submit` waits. Default
    /// 100.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.index = self.index.capacity(capacity);
        self
    }

    /// How long a saga that is over can be read, and its key is remembered. Default 24 hours. What
    /// is older is deleted as new sagas come, and its room used again: the file does not shrink. After that
    /// a key is [not to be used
    /// again](crate::docs::guide::idempotent_start#a-key-that-is-used-again) for something new.
    #[must_use]
    pub fn retain(mut self, retention: Duration) -> Self {
        self.retain = retention;
        self
    }

    /// How large the file may grow, in bytes, beside its `-wal` of some 16 MiB. Default: as large as
    /// the disk. A journal that has no room is like one on a full disk.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Whether each group of writes is flushed to the disk before it is answered: `Fsync`, the
    /// default, or not: `Process`. Then sagas survive the end of the process, and what was written
    /// in the last moments before the power failed is lost as if it had not been.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability.max(Durability::Process);
        self
    }

    /// How long a ticket stays with a queue that carries it, where there is one, before it counts as
    /// lost and comes back to its ready list. Default one minute.
    #[must_use]
    pub fn carry_timeout(mut self, timeout: Duration) -> Self {
        self.index = self.index.carry_timeout(timeout);
        self
    }

    /// How long a seat lives without a pulse. Default: for ever, since it dies with this process.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.index = self.index.lease(lease);
        self
    }

    /// The clock. Default: [`TokioClock`], which follows tokio's paused time in tests. The time of
    /// the journal never falls behind what is in the file.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Opens the file, or makes it. Blocks for as long as that takes: open sagas are read into
    /// memory. What was owned when the process ended is given back, and timers that were due
    /// meanwhile are due now.
    ///
    /// # Errors
    /// [`SqliteOpenError`], and then nothing was changed.
    pub fn open(self) -> Result<SqliteJournal, SqliteOpenError> {
        let file = file::open(&self.path, self.durability, self.max_size)?;
        let damaged = |source| SqliteOpenError::Damaged { path: self.path.clone(), source };
        let (floor, fence) = rows::read_store(&file.connection).map_err(damaged)?;
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::new(TokioClock::starting_at(SystemClock::default().now())));
        let ahead = floor.since(clock.now());
        let mut index = self.index.clock(Arc::new(NeverBehind { clock, ahead }));
        index.keeps_all = true;
        let index = Arc::new(index.build());
        index.fences_above(fence);
        // More than one in a microsecond are never made.
        index.listeners_from(index.now().0);
        let store = Self::read(index, file, self.retain).map_err(damaged)?;
        let (index, outbox) = (Arc::clone(&store.index), Arc::default());
        let writer = Writer::start(store, Arc::clone(&outbox));
        let writer =
            writer.map_err(|source| SqliteOpenError::Unreachable { path: self.path, source })?;
        Ok(SqliteJournal { index, writer, outbox, durability: self.durability })
    }

    fn read(index: Arc<MemoryJournal>, file: Opened, retain: Duration) -> Result<Store, BoxError> {
        let from = &file.connection;
        for definition in rows::read_definitions(from)? {
            // Nobody listens yet, and the index answers at once.
            drop(index.define(Arc::new(definition)));
        }
        index.put_late(rows::read_late(from)?);
        let Replayed { sagas, dirty, bytes } = log::replay(from)?;
        let mut has_keys = rows::has_keys(from)?;
        let now = index.now();
        for (saga, (kept, records)) in sagas {
            has_keys |= kept.key.is_some();
            index.put(saga, kept, records, now);
        }
        Ok(Store {
            index,
            file,
            retain,
            has_keys,
            changes: Changes::default(),
            dirty,
            logged: bytes,
            visitors: Vec::new(),
        })
    }
}

/// A clock that goes on from where the journal was, should the machine have been set back.
struct NeverBehind {
    clock: Arc<dyn Clock>,
    ahead: Duration,
}

impl Clock for NeverBehind {
    fn now(&self) -> Timestamp {
        self.clock.now().plus(self.ahead)
    }
}
