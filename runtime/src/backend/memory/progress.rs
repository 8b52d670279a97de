//! Progress within one process: a map of states, and a mailbox for each watcher.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture};

use crate::{
    kernel::SagaId,
    progress::{Mailbox, Progress, ProgressError, ProgressStream, ProgressTracker, Watcher},
};

/// How many sagas are kept that nobody watches.
const UNWATCHED: usize = 1024;

/// Tracks progress in memory. It holds what is watched, and the latest 1024 sagas that are not.
///
/// ```
/// use distributed_task::{backend::memory::MemoryProgress, progress::ProgressTracker as _};
///
/// let tracker = MemoryProgress::default();
/// # let saga = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// assert!(!tracker.watched(saga));
/// let watcher = tracker.stream(saga);
/// assert!(tracker.watched(saga));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct MemoryProgress {
    hub: Arc<Hub>,
}

#[derive(Default)]
struct Hub {
    /// Streams alive, over all sagas: the quick answer of `watched`.
    streams: AtomicUsize,
    sagas: Mutex<Sagas>,
}

#[derive(Default)]
struct Sagas {
    entries: HashMap<SagaId, Entry>,
    /// Sagas in the order in which they were last left alone. One may be here twice, or be watched
    /// again; each that is held and unwatched is here at least once.
    unwatched: VecDeque<SagaId>,
}

#[derive(Default)]
struct Entry {
    held: Option<Progress>,
    watchers: Vec<Arc<Mailbox>>,
}

impl ProgressTracker for MemoryProgress {
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
        async move { Ok(self.hub.lock().entries.get(&saga).and_then(|e| e.held.clone())) }.boxed()
    }

    fn stream(&self, saga: SagaId) -> ProgressStream {
        self.hub.watch(saga).map(Ok).boxed()
    }

    fn watched(&self, saga: SagaId) -> bool {
        // Relaxed will do: a watcher reads the journal after this count rose, a publisher wrote to
        // it before asking here, and the lock of the journal puts the two in an order.
        self.hub.streams.load(Ordering::Relaxed) > 0
            && self.hub.lock().entries.get(&saga).is_some_and(|entry| !entry.watchers.is_empty())
    }
}

impl MemoryProgress {
    fn publish(&self, progress: Progress) -> BoxFuture<'_, Result<(), ProgressError>> {
        async move {
            self.hub.lock().publish(progress);
            Ok(())
        }
        .boxed()
    }
}

/// The streams of a tracker end with it.
impl Drop for MemoryProgress {
    fn drop(&mut self) {
        for entry in self.hub.lock().entries.values() {
            entry.watchers.iter().for_each(|watcher| watcher.close());
        }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Sagas> {
        self.sagas.lock().expect("nothing panics under this lock")
    }

    fn watch(self: &Arc<Self>, saga: SagaId) -> Watcher<Leaving> {
        let mailbox = Arc::new(Mailbox::default());
        self.streams.fetch_add(1, Ordering::Relaxed);
        let mut sagas = self.lock();
        let entry = sagas.entries.entry(saga).or_default();
        if let Some(held) = &entry.held {
            mailbox.put(held.clone());
        }
        entry.watchers.push(Arc::clone(&mailbox));
        let leaving = Leaving { saga, mailbox: Arc::clone(&mailbox), hub: Arc::clone(self) };
        Watcher::new(mailbox, leaving)
    }

    fn leave(&self, saga: SagaId, mailbox: &Arc<Mailbox>) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
        let mut sagas = self.lock();
        let entry = sagas.entries.get_mut(&saga).expect("a watched saga is not forgotten");
        entry.watchers.retain(|other| !Arc::ptr_eq(other, mailbox));
        if entry.watchers.is_empty() {
            sagas.leave_alone(saga);
        }
    }
}

impl Sagas {
    fn publish(&mut self, progress: Progress) {
        let saga = progress.saga;
        let entry = self.entries.entry(saga).or_default();
        let first = entry.held.is_none();
        if entry.held.as_ref().is_some_and(|held| is_over_or_newer(held, &progress)) {
            return;
        }
        entry.watchers.iter().for_each(|watcher| watcher.put(progress.clone()));
        entry.held = Some(progress);
        if first && entry.watchers.is_empty() {
            self.leave_alone(saga);
        }
    }

    /// Notes that nobody watches this saga, and forgets the one for which that is true longest.
    fn leave_alone(&mut self, saga: SagaId) {
        self.unwatched.push_back(saga);
        if self.unwatched.len() > UNWATCHED
            && let Some(oldest) = self.unwatched.pop_front()
            && self.entries.get(&oldest).is_some_and(|entry| entry.watchers.is_empty())
        {
            self.entries.remove(&oldest);
        }
    }
}

fn is_over_or_newer(held: &Progress, progress: &Progress) -> bool {
    held.status.is_terminal() || held.seq > progress.seq
}

/// Ends a watch.
struct Leaving {
    saga: SagaId,
    mailbox: Arc<Mailbox>,
    hub: Arc<Hub>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.hub.leave(self.saga, &self.mailbox);
    }
}

impl fmt::Debug for MemoryProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProgress").field("streams", &self.hub.streams).finish_non_exhaustive()
    }
}
