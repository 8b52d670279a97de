//! A seat as its process knows it: what it owns, and the numbers of its calls.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{commit::Job, gather::Gather, owned::Owned};
use crate::{
    journal::{JournalError, ListenerId, SeatId},
    kernel::{DefinitionHash, SagaId},
};

pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) listener: ListenerId,
    pub(super) commits: Gather<Job>,
    /// The number of the last batch that was answered.
    pub(super) batches: AtomicU64,
    /// The number of the last claim that was answered. One claim at a time: a number is used until it
    /// is answered.
    pub(super) claims: AtomicU64,
    pub(super) claiming: tokio::sync::Mutex<()>,
    /// Claims in all partitions: each begins with the next one.
    pub(super) turns: AtomicUsize,
    owned: Mutex<HashMap<SagaId, Owned>>,
    /// The ready lists that it waits for.
    waits_for: Mutex<Vec<DefinitionHash>>,
    lost: AtomicU8,
}

const FENCED: u8 = 1;
const DIVERGED: u8 = 2;

impl Seat {
    pub(super) fn new(id: SeatId, listener: ListenerId) -> Self {
        Self {
            id,
            listener,
            commits: Gather::default(),
            batches: AtomicU64::new(0),
            claims: AtomicU64::new(0),
            claiming: tokio::sync::Mutex::new(()),
            turns: AtomicUsize::new(0),
            owned: Mutex::default(),
            waits_for: Mutex::default(),
            lost: AtomicU8::new(0),
        }
    }

    pub(super) fn owned(&self) -> MutexGuard<'_, HashMap<SagaId, Owned>> {
        self.owned.lock().expect("nobody panics under it")
    }

    pub(super) fn waits_for(&self) -> MutexGuard<'_, Vec<DefinitionHash>> {
        self.waits_for.lock().expect("nobody panics under it")
    }

    /// Why it does not live, if that is known here.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        match self.lost.load(Ordering::Acquire) {
            0 => Ok(()),
            DIVERGED => Err(JournalError::Diverged(self.id)),
            _ => Err(JournalError::Fenced(self.id)),
        }
    }

    /// It is gone, or nobody knows what it wrote last: nothing is written under it any more.
    pub(super) fn lose(&self, diverged: bool) -> JournalError {
        let why = if diverged { DIVERGED } else { FENCED };
        // The first reason stays.
        let _ = self.lost.compare_exchange(0, why, Ordering::AcqRel, Ordering::Acquire);
        self.owned().clear();
        if diverged { JournalError::Diverged(self.id) } else { JournalError::Fenced(self.id) }
    }
}
