//! The pulse: renews the lease at a third of it, turns due timers into tickets, and reaps the dead.
//! Without a lease and without timers it sleeps until a timer is set.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{fence::SelfFence, host::Host};
use crate::{
    journal::{JournalError, Lease, Left, Pulse, SeatId},
    kernel::Timestamp,
};

/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Beats until everything the host does is done, and then leaves the seat.
///
/// Takes the host in a guard from outside, so that it is told even if this never ran.
pub(super) async fn run(host: GoneAtEnd, lease: Lease) {
    let host = &*host.0;
    tokio::select! {
        () = host.tasks.wait() => return leave(host).await,
        () = beat(host, lease) => {}
        () = host.fence.fallen() => {
            tracing::error!("no pulse in time: this host stops before its sagas are given away");
        }
    }
    // The seat is lost, or may be: whatever still runs would be refused.
    host.leave();
    host.aborting.cancel();
    host.tasks.wait().await;
}

/// However the pulse ends, and be it with its runtime: nobody waits for this host any more.
pub(super) struct GoneAtEnd(pub(super) Arc<Host>);

impl Drop for GoneAtEnd {
    fn drop(&mut self) {
        self.0.ears.close();
        self.0.gone.cancel();
    }
}

async fn leave(host: &Host) {
    match host.journal.leave(host.seat).await {
        Ok(Left::Left) => {}
        Ok(Left::Owns(sagas)) => {
            tracing::error!(sagas, "left with sagas in hand: their lease has to run out");
        }
        Err(error) => tracing::warn!(%error, "the seat was not left: its lease has to run out"),
    }
}

/// Returns when the seat is lost.
async fn beat(host: &Host, lease: Lease) {
    let mut deadline = lease.deadline;
    let mut next_due: Option<Timestamp> = None;
    let mut suspects = Suspects::default();
    // Timers may wait that were set by hosts that are gone.
    host.ears.timer.notify_one();
    loop {
        let wait = until_next(host, deadline, next_due);
        tokio::select! {
            () = host.ears.timer.notified() => {}
            () = maybe_sleep(wait) => {}
        }
        let (renewing, sent) = (SelfFence::renewing(), host.journal.now());
        match host.journal.pulse(host.seat, None).await {
            Ok(pulse) => {
                deadline = pulse.deadline;
                host.fence.renewed(renewing, deadline.map(|deadline| deadline.since(sent)));
                if let Err(error) = host.heard_of_definitions(pulse.definitions).await {
                    tracing::warn!(%error, "the definitions were not read");
                }
                next_due = pulse.next_due;
                suspects.reap(host, &pulse).await;
            }
            Err(JournalError::Unavailable(error)) => {
                tracing::warn!(%error, "no pulse, trying again");
                sleep(RETRY).await;
            }
            Err(error) => {
                tracing::error!(%error, "this host has lost its seat");
                return;
            }
        }
    }
}

/// Seats whose deadline had passed when this host looked, and when it did.
#[derive(Default)]
struct Suspects(Vec<(SeatId, Timestamp)>);

impl Suspects {
    /// Reaps those that are still overdue a third of a lease after the first look: one sighting may
    /// be a pause of our own.
    async fn reap(&mut self, host: &Host, pulse: &Pulse) {
        self.0.retain(|(seat, _)| pulse.dead.contains(seat));
        let now = host.journal.now();
        let patience = pulse.deadline.map_or(Duration::ZERO, |deadline| deadline.since(now) / 3);
        for dead in &pulse.dead {
            let Some((_, seen)) = self.0.iter().find(|(seat, _)| seat == dead) else {
                self.0.push((*dead, now));
                continue;
            };
            if now < seen.plus(patience) {
                continue;
            }
            match host.journal.reap(*dead).await {
                Ok(reaped) => tracing::warn!(seat = %dead, ?reaped, "a host is gone"),
                Err(error) => tracing::warn!(seat = %dead, %error, "cannot reap"),
            }
        }
    }
}

fn until_next(
    host: &Host,
    deadline: Option<Timestamp>,
    next_due: Option<Timestamp>,
) -> Option<Duration> {
    let now = host.journal.now();
    let renewal = deadline.map(|deadline| deadline.since(now) / 3);
    let timer = next_due.map(|due| due.since(now));
    [renewal, timer].into_iter().flatten().min()
}

async fn maybe_sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}
