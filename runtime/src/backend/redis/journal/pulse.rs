//! The pulse of all seats of this process in a partition: one call, whatever their number (B3).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use redis::Value;
use uuid::Uuid;

use super::{
    Inner,
    chunk::BoxError,
    partition::{Partition, hash, text, unavailable},
    reply::List,
    scripts::{PULSE, REAP},
    seat::Seat,
};
use crate::{
    journal::{JournalError, Pulse, Reaped, SeatId, Signal},
    kernel::{DefinitionHash, SagaId, Timestamp},
};

/// An answer that is younger than this part of a lease is an answer to the next seat as well.
const FRESH: u32 = 12;

/// What the last pulse was answered.
#[derive(Default)]
pub(super) struct Beats {
    /// One at a time.
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<Last>>,
}

struct Last {
    at: Timestamp,
    deadline: Timestamp,
    next_due: Option<Timestamp>,
    definitions: usize,
    dead: Vec<SeatId>,
    seats: HashMap<SeatId, Alive>,
}

#[derive(Clone, Copy)]
enum Alive {
    Yes,
    Fenced,
    Diverged,
}

impl Beats {
    /// What was answered is not true any more.
    pub(super) fn forget(&self) {
        *self.last.lock().expect("nobody panics under it") = None;
    }
}

impl Inner {
    /// Renews a seat, with all others of this process.
    pub(super) async fn pulse(
        &self,
        partition: &Partition,
        seat: &Seat,
    ) -> Result<Pulse, JournalError> {
        let _turn = partition.beats.turn.lock().await;
        seat.check()?;
        let now = self.clock.local();
        let fresh = now.0.saturating_sub(self.settings.lease.as_micros() as u64 / u64::from(FRESH));
        let known = || {
            let last = partition.beats.last.lock().expect("nobody panics under it");
            let last = last.as_ref().filter(|last| {
                let due = last.next_due.is_some_and(|due| due <= self.clock.now());
                last.at.0 > fresh && !due && last.seats.contains_key(&seat.id)
            })?;
            Some(last.of(seat))
        };
        if let Some(answer) = known() {
            return answer;
        }
        let last = self.beat(partition, now).await?;
        let answer = last.of(seat);
        *partition.beats.last.lock().expect("nobody panics under it") = Some(last);
        answer
    }

    async fn beat(&self, partition: &Partition, sent: Timestamp) -> Result<Last, JournalError> {
        let mut seats: Vec<Arc<Seat>> = partition.seats().values().cloned().collect();
        seats.retain(|seat| seat.check().is_ok());
        seats.sort_unstable_by_key(|seat| seat.id);
        let mut waited_for: Vec<DefinitionHash> = Vec::new();
        for seat in &seats {
            waited_for.extend(&*seat.waits_for.lock().expect("nobody panics under it"));
        }
        waited_for.sort_unstable();
        waited_for.dedup();
        let lease = u64::try_from(self.settings.lease.as_micros()).unwrap_or(u64::MAX);
        let mut args = vec![text(lease), text(waited_for.len() as u64)];
        args.extend(waited_for.into_iter().map(hash));
        for seat in &seats {
            args.extend([
                Bytes::copy_from_slice(seat.id.0.as_bytes()),
                text(seat.batches.load(Ordering::Acquire)),
                text(seat.claims.load(Ordering::Acquire)),
            ]);
        }
        let answer = partition.run(&PULSE, args).await.map_err(unavailable)?;
        self.read_beat(&seats, answer, sent).map_err(unavailable)
    }

    fn read_beat(
        &self,
        seats: &[Arc<Seat>],
        answer: Value,
        sent: Timestamp,
    ) -> Result<Last, BoxError> {
        let mut answer = List::of(answer)?;
        self.clock.heard(Timestamp(answer.number()?));
        let deadline = Timestamp(answer.number()?);
        let next_due = answer.maybe_number()?.map(Timestamp);
        let definitions = usize::try_from(answer.number()?).unwrap_or(usize::MAX);
        let (mut list, mut dead) = (answer.list()?, Vec::new());
        while !list.is_empty() {
            dead.push(SeatId(Uuid::from_bytes(list.array()?)));
        }
        let (mut list, mut ready) = (answer.list()?, Vec::new());
        while !list.is_empty() {
            ready.push(DefinitionHash(list.array()?));
        }
        let (mut list, mut states) = (answer.list()?, HashMap::new());
        for seat in seats {
            let mut state = list.list()?;
            let alive = match &*state.bytes()? {
                b"F" => Alive::Fenced,
                b"D" => Alive::Diverged,
                _ => Alive::Yes,
            };
            states.insert(seat.id, alive);
            if !matches!(alive, Alive::Yes) {
                continue;
            }
            seat.renewed(sent.plus(self.settings.lease));
            // What messages said, once more, for those that were lost.
            let mut letters = state.list()?;
            while !letters.is_empty() {
                let saga = SagaId(Uuid::from_bytes(letters.array()?));
                self.ears.signal(seat.listener, Signal::Mail(saga));
            }
            let waits_for = seat.waits_for.lock().expect("nobody panics under it").clone();
            if ready.iter().any(|definition| waits_for.contains(definition)) {
                self.ears.signal(seat.listener, Signal::Ready);
            }
        }
        Ok(Last { at: sent, deadline, next_due, definitions, dead, seats: states })
    }

    /// Ends a seat and gives back what it owns, page by page.
    pub(super) async fn reap(
        &self,
        partition: &Partition,
        dead: SeatId,
        until: Timestamp,
    ) -> Result<Reaped, JournalError> {
        let seat = Bytes::copy_from_slice(dead.0.as_bytes());
        let (mut page, mut given_back) = (Bytes::from_static(b"0"), 0);
        partition.beats.forget();
        loop {
            let answer = partition.insist(&REAP, vec![seat.clone(), page], || until).await;
            let mut answer = List::of(answer.map_err(unavailable)?).map_err(unavailable)?;
            if &*answer.bytes().map_err(unavailable)? == b"A" {
                return Ok(Reaped::Alive);
            }
            let sagas = answer.number().map_err(unavailable)?;
            given_back += usize::try_from(sagas).unwrap_or(usize::MAX);
            page = answer.bytes().map_err(unavailable)?;
            if &*page == b"0" {
                return Ok(Reaped::Reaped(given_back));
            }
        }
    }
}

impl Last {
    fn of(&self, seat: &Seat) -> Result<Pulse, JournalError> {
        match self.seats.get(&seat.id) {
            Some(Alive::Yes) => Ok(Pulse {
                deadline: Some(self.deadline),
                next_due: self.next_due,
                definitions: self.definitions,
                dead: self.dead.clone(),
                carried: Vec::new(),
            }),
            Some(Alive::Diverged) => Err(seat.lose(true)),
            Some(Alive::Fenced) | None => Err(seat.lose(false)),
        }
    }
}

/// The longest that one call is repeated which need not succeed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
