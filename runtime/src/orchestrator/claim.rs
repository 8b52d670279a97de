//! The claim loop: takes tickets from the journal's ready lists, as many as there are free slots,
//! and spawns a driver for each saga. Idle, it waits for a signal; it never polls.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use smallvec::{SmallVec, smallvec};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::{
    driver::{Driver, ask},
    host::Host,
    seat::Seat,
};
use crate::{
    journal::{Batch, ClaimFrom, ClaimedSaga, Item, JournalError, Verdict},
    kernel::{DefinitionHash, Event, Group, Host as Role, Machine, Place, Timestamp},
};

/// After so many crashes in a row a saga is a suspect.
const SUSPECT: u32 = 2;
/// Sagas that one claim takes at most.
const BATCH: usize = 64;
/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

pub(super) async fn run(host: Arc<Host>) {
    while let Some(seat) = host.seat().await {
        claim_until_leaving(&host, &seat).await;
        not_idle(&host, &seat).await;
    }
}

/// Returns when the seat is lost, too.
async fn claim_until_leaving(host: &Arc<Host>, seat: &Arc<Seat>) {
    while let Some(slot) = slot(host, seat).await {
        // What is claimed has its driver before anybody thinks that nothing is under way.
        let claiming = seat.tasks.token();
        let from = hashes(host);
        let limit = 1 + host.slots.available_permits().min(BATCH - 1);
        let claimed = host.journal.claim(seat.id, ClaimFrom::Definitions(&from), limit);
        match host.answered(seat, claimed).await {
            Some(Ok(claimed)) if claimed.sagas.is_empty() => {
                drop((slot, claiming));
                host.is_idle.store(true, Ordering::Relaxed);
                let called = tokio::select! {
                    biased;
                    () = host.leaving.cancelled() => false,
                    () = seat.lost.cancelled() => false,
                    () = host.ears.ready.notified() => true,
                };
                host.is_idle.store(false, Ordering::Relaxed);
                if !called {
                    return;
                }
            }
            Some(Ok(claimed)) => {
                let mut slot = Some(slot);
                for saga in claimed.sagas {
                    if is_suspect(&saga) {
                        drive_alone(host, seat, saga, claimed.at);
                        continue;
                    }
                    // A driver that finds no slot left waits for one before it starts anything.
                    let free = || Arc::clone(&host.slots).try_acquire_owned().ok();
                    drive(host, seat, saga, claimed.at, slot.take().or_else(free));
                }
                drop(claiming);
            }
            Some(Err(error)) => {
                drop((slot, claiming));
                if !wait_out(host, seat, &error).await {
                    return;
                }
            }
            None => return,
        }
    }
}

/// A free slot; `None` when the host leaves, or loses its seat.
async fn slot(host: &Host, seat: &Seat) -> Option<OwnedSemaphorePermit> {
    if host.leaving.is_cancelled() || seat.lost.is_cancelled() {
        return None;
    }
    if let Ok(slot) = Arc::clone(&host.slots).try_acquire_owned() {
        return Some(slot);
    }
    // Woken, perhaps, but busy meanwhile: another host may have time.
    not_idle(host, seat).await;
    tokio::select! {
        biased;
        () = host.leaving.cancelled() => None,
        () = seat.lost.cancelled() => None,
        slot = host.slot() => slot,
    }
}

/// Says that this host cannot take what lies in its ready lists, so that another one is woken.
pub(super) async fn not_idle(host: &Host, seat: &Seat) {
    let definitions = hashes(host);
    let claimed = host.journal.claim(seat.id, ClaimFrom::Definitions(&definitions), 0);
    match host.answered(seat, claimed).await {
        Some(Ok(_)) => {}
        Some(Err(error)) => tracing::debug!(%error, "the idle mark was not taken back"),
        None => tracing::debug!("the idle mark was not taken back"),
    }
}

/// The definitions whose sagas are claimed here.
pub(super) fn hashes(host: &Host) -> SmallVec<[DefinitionHash; 1]> {
    host.covers().iter().map(|covered| covered.hash).collect()
}

/// So many hosts died on it that the next one runs no other such saga beside it (R3).
pub(super) fn is_suspect(saga: &ClaimedSaga) -> bool {
    saga.crashes >= SUSPECT
}

/// Drives a suspect in the one slot for such sagas. One that would have to wait for it is put down
/// meanwhile: if the other one kills this host, it is not charged with that (B4).
pub(super) fn drive_alone(host: &Arc<Host>, seat: &Arc<Seat>, saga: ClaimedSaga, now: Timestamp) {
    let due = match host.suspects.take(host.journal.now()) {
        Ok(slot) => return drive(host, seat, saga, now, Some(slot)),
        Err(due) => due,
    };
    let item = move |saga: &ClaimedSaga| Item {
        saga: saga.id,
        fence: saga.fence,
        seq: saga.records.len() as u64,
        at: now,
        records: Group::new(),
        folded: Vec::new(),
        place: Place::Timed(due),
        guarded: true,
        create: None,
    };
    let (host, seat) = (Arc::clone(host), Arc::clone(seat));
    let task = Arc::clone(&seat);
    task.tasks.spawn(async move {
        loop {
            let batch = Batch { seat: seat.id, items: smallvec![item(&saga)] };
            match host.answered(&seat, host.journal.commit(batch)).await {
                Some(Ok(committed)) if committed.verdicts.first() == Some(&Verdict::Mail) => {
                    return drive(&host, &seat, saga, now, None);
                }
                // It may be put down, and then be somebody else's: the same again says so.
                Some(Err(JournalError::Unavailable(_))) => {}
                _ => return,
            }
            if ask::wait(&host, &seat).await.is_err() {
                return;
            }
        }
    });
}

/// Spawns the driver of a saga that was claimed at `now`.
pub(super) fn drive(
    host: &Arc<Host>,
    seat: &Arc<Seat>,
    saga: ClaimedSaga,
    now: Timestamp,
    slot: Option<OwnedSemaphorePermit>,
) {
    let covers = host.covers();
    let Some(covered) = covers.iter().find(|covered| covered.hash == saga.definition) else {
        // Only covered definitions are asked for.
        tracing::error!(saga = %saga.id, "a saga whose definition is not covered here");
        return;
    };
    let is_suspect = is_suspect(&saga);
    let definition = Arc::clone(&covered.definition);
    let resumed = Machine::resume(definition, saga.id, Role::Worker, saga.fence, &saga.records);
    let Some(machine) = resumed else {
        // The journal promised that the first record is `Started`.
        tracing::error!(saga = %saga.id, "a saga without a first record");
        return;
    };
    let event =
        Event::Claimed { crashes: saga.crashes, crashed_at: saga.crashed_at, mail: saga.mail };
    let machine = Box::new(machine);
    let mut driver = Driver::new(Arc::clone(host), Arc::clone(seat), machine, now).with_slot(slot);
    if covered.hash != host.hash {
        driver = driver.with_handlers(Arc::clone(&covered.handlers));
    }
    if is_suspect {
        driver = driver.as_suspect();
    }
    // Boxed once, and not moved about: a task of the runtime holds its future in line.
    seat.tasks.spawn(Box::pin(driver.run(event)));
}

/// After an error: whether it is worth going on with this seat, after a wait.
pub(super) async fn wait_out(host: &Host, seat: &Seat, error: &JournalError) -> bool {
    match error {
        JournalError::Unavailable(_) => tracing::warn!(%error, "cannot claim, trying again"),
        JournalError::Fenced(_) | JournalError::Diverged(_) => {
            tracing::error!(%error, "cannot claim");
            seat.lose();
            return false;
        }
    }
    tokio::select! {
        biased;
        () = host.leaving.cancelled() => false,
        () = seat.lost.cancelled() => false,
        () = sleep(RETRY) => true,
    }
}
