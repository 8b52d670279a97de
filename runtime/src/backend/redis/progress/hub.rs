//! Who watches what: here, where each has a mailbox, and elsewhere, as far as it was announced.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::names::Held;
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::{SagaId, Timestamp},
    progress::{Mailbox, Watcher},
};

/// For how long an announcement counts: two may be lost.
pub(super) const COUNTS: Duration = Duration::from_secs(15);

pub(super) struct Hub {
    /// How many sagas are watched, here and elsewhere: the quick answer of `watched`.
    sagas: AtomicUsize,
    table: Mutex<Table>,
    /// There is something for [`Hub::changes`].
    pub(super) changed: Notify,
    clock: TokioClock,
}

#[derive(Default)]
struct Table {
    here: HashMap<SagaId, Watched>,
    /// Until when.
    elsewhere: HashMap<SagaId, Timestamp>,
    changes: Changes,
}

#[derive(Default)]
struct Watched {
    held: Option<Held>,
    watchers: Vec<Arc<Mailbox>>,
}

/// What happened since somebody looked.
#[derive(Default)]
pub(super) struct Changes {
    /// Sagas whose first watcher came, or whose last one left.
    pub(super) sagas: Vec<SagaId>,
    /// Messages may have been missed.
    pub(super) gap: bool,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            sagas: AtomicUsize::new(0),
            table: Mutex::default(),
            changed: Notify::new(),
            clock: TokioClock::starting_at(Timestamp(0)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("nothing panics under this lock")
    }

    /// To be called under the lock, whenever a saga comes or goes.
    fn count(&self, table: &Table) {
        self.sagas.store(table.here.len() + table.elsewhere.len(), Ordering::Relaxed);
    }

    pub(super) fn is_watched(&self, saga: SagaId) -> bool {
        // Relaxed will do: a watcher reads the journal after this count rose, a publisher wrote to
        // it before asking here, and the journal puts the two in an order.
        if self.sagas.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let table = self.lock();
        table.here.contains_key(&saga)
            || table.elsewhere.get(&saga).is_some_and(|until| self.clock.now() < *until)
    }

    pub(super) fn watch(self: &Arc<Self>, saga: SagaId) -> Watcher<Leaving> {
        let mailbox = Arc::new(Mailbox::default());
        let mut table = self.lock();
        let watched = table.here.entry(saga).or_default();
        let is_first = watched.watchers.is_empty();
        if let Some(held) = &watched.held {
            mailbox.put(held.progress.clone());
        }
        watched.watchers.push(Arc::clone(&mailbox));
        if is_first {
            table.changes.sagas.push(saga);
            self.count(&table);
            self.changed.notify_one();
        }
        let leaving = Leaving { saga, mailbox: Arc::clone(&mailbox), hub: Arc::clone(self) };
        Watcher::new(mailbox, leaving)
    }

    fn leave(&self, saga: SagaId, mailbox: &Arc<Mailbox>) {
        let mut table = self.lock();
        let watched = table.here.get_mut(&saga).expect("it is there while somebody watches");
        watched.watchers.retain(|other| !Arc::ptr_eq(other, mailbox));
        if watched.watchers.is_empty() {
            table.here.remove(&saga);
            table.changes.sagas.push(saga);
            self.count(&table);
            self.changed.notify_one();
        }
    }

    /// A state came. It may have come before, by another way.
    pub(super) fn heard(&self, new: Held) {
        let mut table = self.lock();
        let Some(watched) = table.here.get_mut(&new.progress.saga) else { return };
        if watched.held.as_ref().is_some_and(|held| held.is_over_or_newer(&new)) {
            return;
        }
        watched.watchers.iter().for_each(|watcher| watcher.put(new.progress.clone()));
        watched.held = Some(new);
    }

    /// Another process watches these, for a while.
    pub(super) fn announced(&self, sagas: Vec<SagaId>) {
        let until = self.clock.now().plus(COUNTS);
        let mut table = self.lock();
        table.elsewhere.extend(sagas.into_iter().map(|saga| (saga, until)));
        self.count(&table);
    }

    /// Messages may have been missed.
    pub(super) fn gap(&self) {
        self.lock().changes.gap = true;
        self.changed.notify_one();
    }

    pub(super) fn changes(&self) -> Changes {
        std::mem::take(&mut self.lock().changes)
    }

    pub(super) fn is_here(&self, saga: SagaId) -> bool {
        self.lock().here.contains_key(&saga)
    }

    /// The sagas that are watched here and go on; and forgets who watched elsewhere.
    pub(super) fn sweep(&self) -> Vec<SagaId> {
        let now = self.clock.now();
        let mut table = self.lock();
        table.elsewhere.retain(|_, until| now < *until);
        self.count(&table);
        let goes_on = |watched: &Watched| {
            watched.held.as_ref().is_none_or(|held| !held.progress.status.is_terminal())
        };
        let here = table.here.iter().filter(|(_, watched)| goes_on(watched));
        here.map(|(saga, _)| *saga).collect()
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        for watched in self.lock().here.values() {
            watched.watchers.iter().for_each(|watcher| watcher.close());
        }
    }
}

/// Ends a watch.
pub(super) struct Leaving {
    saga: SagaId,
    mailbox: Arc<Mailbox>,
    hub: Arc<Hub>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.hub.leave(self.saga, &self.mailbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Progress, SagaStatus};

    fn saga(id: u128) -> SagaId {
        SagaId(uuid::Uuid::from_u128(id))
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcement_counts_for_a_while_and_can_be_repeated() {
        let hub = Hub::new();
        hub.announced(vec![saga(1), saga(2)]);
        tokio::time::advance(COUNTS / 2).await;
        hub.announced(vec![saga(2)]);
        assert!(hub.is_watched(saga(1)) && hub.is_watched(saga(2)) && !hub.is_watched(saga(3)));
        tokio::time::advance(COUNTS / 2).await;
        assert!(!hub.is_watched(saga(1)) && hub.is_watched(saga(2)));
        tokio::time::advance(COUNTS / 2).await;
        assert!(!hub.is_watched(saga(2)));
        assert_eq!(hub.sagas.load(Ordering::Relaxed), 2, "nobody has looked yet");
        assert_eq!(hub.sweep(), []);
        assert_eq!(hub.sagas.load(Ordering::Relaxed), 0, "the quick answer is back");
    }

    #[tokio::test(start_paused = true)]
    async fn of_one_seq_the_state_counts_that_the_store_took_last() {
        use futures_util::{FutureExt, StreamExt};
        let hub = Arc::new(Hub::new());
        let mut watcher = hub.watch(saga(1));
        let at = |seq, at, steps| Held {
            at,
            progress: Progress { seq, ..Progress::new(saga(1), steps) },
        };
        for state in [at(3, 30, 1), at(3, 20, 2), at(2, 40, 3), at(3, 30, 4)] {
            hub.heard(state);
        }
        assert_eq!(watcher.next().now_or_never().flatten(), Some(at(3, 30, 1).progress));
        assert_eq!(watcher.next().now_or_never(), None);
        hub.heard(at(3, 31, 5));
        assert_eq!(watcher.next().now_or_never().flatten(), Some(at(3, 31, 5).progress));
        let end = Progress { status: SagaStatus::Completed, ..at(4, 0, 6).progress };
        hub.heard(Held { at: 50, progress: end.clone() });
        assert_eq!(hub.sweep(), [], "it is not announced any more");
        assert_eq!(watcher.collect::<Vec<_>>().now_or_never(), Some(vec![end]));
        assert!(!hub.is_watched(saga(1)));
    }
}
