//! The claim loop: takes tickets from the journal's ready lists, as many as there are free slots,
//! and spawns a driver for each saga. Idle, it waits for a signal; it never polls.

use std::{sync::Arc, time::Duration};

use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::{driver::Driver, host::Host};
use crate::{
    journal::{ClaimFrom, ClaimedSaga, JournalError},
    kernel::{Event, Host as Role, Machine, Timestamp},
};

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
        let from = [host.hash];
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
                    drive(host, saga, claimed.at, slot.take().or_else(free));
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
    let claimed = host.journal.claim(host.seat, ClaimFrom::Definitions(&[host.hash]), 0).await;
    if let Err(error) = claimed {
        tracing::debug!(%error, "the idle mark was not taken back");
    }
}

/// Spawns the driver of a saga that was claimed at `now`.
pub(super) fn drive(
    host: &Arc<Host>,
    saga: ClaimedSaga,
    now: Timestamp,
    slot: Option<OwnedSemaphorePermit>,
) {
    let definition = Arc::clone(&host.definition);
    let resumed = Machine::resume(definition, saga.id, Role::Worker, saga.fence, &saga.records);
    let Some(machine) = resumed else {
        // The journal promised that the first record is `Started`.
        tracing::error!(saga = %saga.id, "a saga without a first record");
        return;
    };
    let event = Event::Claimed { crashes: saga.crashes, mail: saga.mail };
    host.tasks.spawn(Driver::new(Arc::clone(host), machine, now).with_slot(slot).run(event));
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
