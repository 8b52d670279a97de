//! The claim loop: takes tickets from the journal's ready lists, as many as there are free slots,
//! and spawns a driver for each saga. Idle, it waits for a signal; it never polls.

use std::{sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::{driver::Driver, host::Host};
use crate::{
    journal::{ClaimFrom, ClaimedSaga, JournalError},
    kernel::{DefinitionHash, Event, Host as Role, Machine, Timestamp},
};

/// After so many crashes in a row a saga is a suspect.
const SUSPECT: u32 = 2;
/// Sagas that one claim takes at most.
const BATCH: usize = 64;
/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

pub(super) async fn run(host: Arc<Host>) {
    claim_until_leaving(&host).await;
    not_idle(&host).await;
}

async fn claim_until_leaving(host: &Arc<Host>) {
    while let Some(slot) = slot(host).await {
        let from = hashes(host);
        let limit = 1 + host.slots.available_permits().min(BATCH - 1);
        let claimed = host.journal.claim(host.seat, ClaimFrom::Definitions(&from), limit);
        match claimed.await {
            Ok(claimed) if claimed.sagas.is_empty() => {
                drop(slot);
                tokio::select! {
                    () = host.leaving.cancelled() => return,
                    () = host.ears.ready.notified() => {}
                }
            }
            Ok(claimed) => {
                let mut slot = Some(slot);
                for saga in claimed.sagas {
                    // A driver that finds no slot left waits for one before it starts anything.
                    let free = || Arc::clone(&host.slots).try_acquire_owned().ok();
                    let slot = if is_suspect(&saga) { None } else { slot.take().or_else(free) };
                    drive(host, saga, claimed.at, slot);
                }
            }
            Err(error) => {
                drop(slot);
                if !wait_out(host, &error).await {
                    return;
                }
            }
        }
    }
}

/// A free slot; `None` when the host leaves.
pub(super) async fn slot(host: &Host) -> Option<OwnedSemaphorePermit> {
    if host.leaving.is_cancelled() {
        return None;
    }
    if let Ok(slot) = Arc::clone(&host.slots).try_acquire_owned() {
        return Some(slot);
    }
    // Woken, perhaps, but busy meanwhile: another host may have time.
    not_idle(host).await;
    tokio::select! {
        biased;
        () = host.leaving.cancelled() => None,
        slot = host.slot() => slot,
    }
}

/// Says that this host cannot take what lies in its ready lists, so that another one is woken.
pub(super) async fn not_idle(host: &Host) {
    let definitions = hashes(host);
    let claimed = host.journal.claim(host.seat, ClaimFrom::Definitions(&definitions), 0).await;
    if let Err(error) = claimed {
        tracing::debug!(%error, "the idle mark was not taken back");
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

/// Spawns the driver of a saga that was claimed at `now`.
pub(super) fn drive(
    host: &Arc<Host>,
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
    let mut driver = Driver::new(Arc::clone(host), machine, now).with_slot(slot);
    if covered.hash != host.hash {
        driver = driver.with_handlers(Arc::clone(&covered.handlers));
    }
    if is_suspect {
        driver = driver.as_suspect();
    }
    // Boxed once, and not moved about: a task of the runtime holds its future in line.
    host.tasks.spawn(Box::pin(driver.run(event)));
}

/// After an error: whether it is worth going on, after a wait.
pub(super) async fn wait_out(host: &Host, error: &JournalError) -> bool {
    match error {
        JournalError::Unavailable(_) => tracing::warn!(%error, "cannot claim, trying again"),
        _ => {
            tracing::error!(%error, "this host claims nothing more");
            return false;
        }
    }
    tokio::select! {
        () = host.leaving.cancelled() => false,
        () = sleep(RETRY) => true,
    }
}
