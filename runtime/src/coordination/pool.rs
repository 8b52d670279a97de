//! Those of this process who want one lock: one of them leads, and asks the store for it. Who has it hands it
//! over to the next one, so that many here cost the store, and other processes, as little as one.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use super::options::LockingOptions;
use crate::{kernel::Timestamp, lease::Owner};

/// So often a lock is handed over, before it is the turn of another process.
const MOST: u32 = 16;
/// Not after so long, counted from when this process got it.
const LONGEST: Duration = Duration::from_millis(100);

/// For each lock that somebody here has, or asks for, those who wait until they do.
pub(super) struct Pool {
    lines: Mutex<Lines>,
    /// So many locks may be waited for here. Those who wait for another one ask the store, each for itself.
    most: AtomicUsize,
}

#[derive(Default)]
struct Lines {
    locks: HashMap<Arc<str>, Line>,
    /// For so many of them somebody waits.
    wanted: usize,
}

/// By the order in which they came.
#[derive(Default)]
struct Line {
    waiting: BTreeMap<u64, oneshot::Sender<Lead>>,
    came: u64,
}

/// Somebody who waits here.
pub(super) struct Place {
    pool: Arc<Pool>,
    name: Arc<str>,
    number: u64,
    told: oneshot::Receiver<Lead>,
}

/// Whoever has it asks the store for the lock, and has the lock. Dropping it lets the next one do so.
pub(super) struct Lead(Option<Leading>);

struct Leading {
    pool: Arc<Pool>,
    name: Arc<str>,
    handed: Option<Handed>,
    times: u32,
    since: Option<Timestamp>,
}

/// What one leaves to the next.
pub(super) struct Handed {
    /// Who has the lock.
    pub(super) from: Owner,
    /// When it let go of it.
    pub(super) at: Timestamp,
    /// Told whether the next one has it by now. Dropped where that is not known.
    pub(super) is_done: oneshot::Sender<bool>,
}

impl Pool {
    pub(super) fn set(&self, options: &LockingOptions) {
        self.most.store(options.pooled(), Ordering::Relaxed);
    }

    /// A place at the end; nothing where there is room for no other lock.
    pub(super) fn join(self: &Arc<Self>, name: &Arc<str>) -> Option<Place> {
        let (tell, told) = oneshot::channel();
        let most = self.most.load(Ordering::Relaxed);
        if most == 0 {
            return None;
        }
        let mut lines = self.lines();
        let Lines { locks, wanted } = &mut *lines;
        let (number, leads) = match locks.entry(Arc::clone(name)) {
            Entry::Occupied(line) => {
                let line = line.into_mut();
                if line.waiting.is_empty() {
                    if *wanted >= most {
                        return None;
                    }
                    *wanted += 1;
                }
                line.came += 1;
                line.waiting.insert(line.came, tell);
                (line.came, None)
            }
            Entry::Vacant(none) => {
                none.insert(Line::default());
                (0, Some(tell))
            }
        };
        drop(lines);
        let (pool, name) = (Arc::clone(self), Arc::clone(name));
        let place = Place { pool, name, number, told };
        if let Some(tell) = leads {
            let (pool, name) = (Arc::clone(self), Arc::clone(&place.name));
            let leading = Leading { pool, name, handed: None, times: 0, since: None };
            // It is there to receive it.
            drop(tell.send(Lead(Some(leading))));
        }
        Some(place)
    }

    /// Who is next. Nobody leads if there is none.
    fn next(&self, name: &str) -> Option<oneshot::Sender<Lead>> {
        let mut lines = self.lines();
        let line = lines.locks.get_mut(name)?;
        let Some((_, next)) = line.waiting.pop_first() else {
            lines.locks.remove(name);
            return None;
        };
        if line.waiting.is_empty() {
            lines.wanted -= 1;
        }
        Some(next)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Pool {
    fn default() -> Self {
        let most = AtomicUsize::new(LockingOptions::default().pooled());
        Self { lines: Mutex::default(), most }
    }
}

impl Place {
    /// Whether somebody came first.
    pub(super) fn is_behind(&self) -> bool {
        self.number > 0
    }

    /// Waits for the lead.
    pub(super) async fn turn(&mut self) -> Option<Lead> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.pool.lines();
        let Some(line) = lines.locks.get_mut(&self.name) else { return };
        if line.waiting.remove(&self.number).is_some() && line.waiting.is_empty() {
            lines.wanted -= 1;
        }
    }
}

impl Lead {
    /// What the one before has left.
    pub(super) fn handed(&mut self) -> Option<Handed> {
        self.0.as_mut()?.handed.take()
    }

    /// The store has granted the lock to this process, in its turn.
    pub(super) fn granted(&mut self, now: Timestamp) {
        if let Some(leading) = &mut self.0 {
            (leading.times, leading.since) = (0, Some(now));
        }
    }

    /// Whether somebody waits here, and it is not yet the turn of another process.
    pub(super) fn may_hand_over(&self, now: Timestamp) -> bool {
        let Some(leading) = &self.0 else { return false };
        let is_ours = leading.since.is_some_and(|since| now.since(since) < LONGEST);
        let waits = |line: &Line| !line.waiting.is_empty();
        is_ours
            && leading.times < MOST
            && leading.pool.lines().locks.get(&leading.name).is_some_and(waits)
    }

    /// Lets the next one lead, to whom the lock is handed over. Tells whether it was.
    pub(super) fn hand_over(mut self, from: &Owner, at: Timestamp) -> oneshot::Receiver<bool> {
        let (is_done, told) = oneshot::channel();
        if let Some(leading) = &mut self.0 {
            leading.times += 1;
            leading.handed = Some(Handed { from: from.clone(), at, is_done });
        }
        told
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(mut leading) = self.0.take() else { return };
        while let Some(next) = leading.pool.next(&leading.name) {
            match next.send(Self(Some(leading))) {
                Ok(()) => return,
                // It has just left.
                Err(mut back) => match back.0.take() {
                    Some(again) => leading = again,
                    None => return,
                },
            }
        }
    }
}
