//! Who is told what happens: listeners here, by messages from everywhere.
//!
//! The upper 40 bits of a listener's id name its process, and with it the channel to which scripts
//! publish what is for it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use crate::{
    journal::{ListenerId, Signal, Signals},
    kernel::Timestamp,
};

const LOCAL_BITS: u32 = 24;

pub(super) struct Ears {
    process: u64,
    next: AtomicU64,
    /// When messages were heard again after a gap, on the clock here.
    gap: AtomicU64,
    listeners: RwLock<BTreeMap<ListenerId, Arc<dyn Signals>>>,
}

impl Ears {
    pub(super) fn new() -> Self {
        let (_, random) = draw().as_u64_pair();
        Self {
            process: random >> LOCAL_BITS,
            next: AtomicU64::new(1),
            gap: AtomicU64::new(0),
            listeners: RwLock::default(),
        }
    }

    /// The end of the name of this process's channel.
    pub(super) fn channel(&self) -> [u8; 5] {
        let [channel @ .., _, _, _] = (self.process << LOCAL_BITS).to_be_bytes();
        channel
    }

    pub(super) fn note_gap(&self, at: Timestamp) {
        self.gap.store(at.0, Ordering::Relaxed);
    }

    pub(super) fn gap(&self) -> Timestamp {
        Timestamp(self.gap.load(Ordering::Relaxed))
    }

    /// Whether a listener is one of this process.
    pub(super) fn is_here(&self, listener: ListenerId) -> bool {
        listener.0 >> LOCAL_BITS == self.process
    }

    pub(super) fn listen(&self, signals: Arc<dyn Signals>) -> ListenerId {
        let local = self.next.fetch_add(1, Ordering::Relaxed) & ((1 << LOCAL_BITS) - 1);
        let id = ListenerId(self.process << LOCAL_BITS | local);
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).insert(id, signals);
        id
    }

    pub(super) fn forget(&self, listener: ListenerId) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).remove(&listener);
    }

    pub(super) fn signal(&self, to: ListenerId, signal: Signal) {
        let listener =
            self.listeners.read().unwrap_or_else(PoisonError::into_inner).get(&to).cloned();
        if let Some(listener) = listener {
            listener.signal(signal);
        }
    }

    pub(super) fn all(&self, signal: impl Fn() -> Signal) {
        let all: Vec<_> = self
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        all.into_iter().for_each(|listener| listener.signal(signal()));
    }
}

#[allow(clippy::disallowed_methods, reason = "two processes must not share a channel")]
fn draw() -> Uuid {
    Uuid::new_v4()
}
