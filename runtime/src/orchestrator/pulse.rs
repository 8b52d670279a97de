//! The pulse: renews the lease at a third of it, turns due timers into tickets, reaps the dead, and is
//! the net under signals that were lost.
//! Without a lease and without timers it sleeps until a timer is set.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{
    host::Host,
    seat::{Seat, Taken},
};
use crate::{
    clock::{Clock, TokioClock},
    journal::{JournalError, Lease, Left, Pulse, SeatId},
    kernel::Timestamp,
};

/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// The shortest, when the lease runs out.
const SHORTEST: Duration = Duration::from_millis(20);
/// The longest wait between two tries to take a new seat.
const LONGEST: Duration = Duration::from_secs(30);
/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// Beats until everything the host does is done, and then leaves the seat. A seat that is lost is
/// followed by a new one.
///
/// Takes the host in a guard from outside, so that it is told even if this never ran.
pub(super) async fn run(host: GoneAtEnd, seat: Arc<Seat>, lease: Lease) {
    let host = &*host.0;
    let mut held = Some((seat, lease));
    while let Some((seat, lease)) = held {
        tokio::select! {
            biased;
            () = seat.lost.cancelled() => tracing::error!("this host has lost its seat"),
            () = all_is_done(host, &seat) => {
                leave(host, &seat).await;
                break;
            }
            () = beat(host, &seat, lease) => {}
        }
        host.stand_up();
        seat.lose();
        // Whatever ran under it would be refused; it comes to an end before anything new begins.
        seat.tasks.close();
        seat.tasks.wait().await;
        held = next_seat(host, &seat).await;
    }
    host.tasks.wait().await;
    // Nobody here waits for the end of a saga any more.
    host.soon(host.journal.unlisten(host.listener)).await;
}

/// However the pulse ends, and be it with its runtime: nobody waits for this host any more.
pub(super) struct GoneAtEnd(pub(super) Arc<Host>);

impl Drop for GoneAtEnd {
    fn drop(&mut self) {
        self.0.leave();
        self.0.stand_up();
        self.0.is_gone();
    }
}

/// Waits until the host has left, and nothing of it is under way.
async fn all_is_done(host: &Host, seat: &Seat) {
    // In this order: claim loops and submits start drivers, and drivers leave something to be told.
    host.tasks.wait().await;
    seat.tasks.close();
    seat.tasks.wait().await;
    host.tasks.wait().await;
}

async fn leave(host: &Host, seat: &Seat) {
    match host.soon(host.journal.leave(seat.id)).await {
        Some(Ok(Left::Left)) => {}
        Some(Ok(Left::Owns(sagas))) => {
            tracing::error!(sagas, "left with sagas in hand: their lease has to run out");
        }
        Some(Err(error)) => {
            tracing::warn!(%error, "the seat was not left: its lease has to run out");
        }
        None => tracing::warn!("the journal does not answer: the lease has to run out"),
    }
}

/// A new seat, as soon as the journal gives one; `None` when the host leaves first.
async fn next_seat(host: &Host, lost: &Seat) -> Option<(Arc<Seat>, Lease)> {
    let mut wait = RETRY;
    loop {
        let taken = tokio::select! {
            biased;
            () = host.leaving.cancelled() => return None,
            taken = timeout(TRY, take(host)) => taken,
        };
        match taken {
            Ok(Ok(Taken { seat, lease, known })) => {
                tracing::warn!(lost = %lost.id, seat = %seat.id, "this host goes on with a new seat");
                give_up(host, lost).await;
                host.sit_down(Arc::clone(&seat), known);
                return Some((seat, lease));
            }
            Ok(Err(error)) => tracing::warn!(%error, ?wait, "no new seat, trying again"),
            Err(_) => tracing::warn!(?wait, "no answer to who wants a new seat, trying again"),
        }
        tokio::select! {
            biased;
            () = host.leaving.cancelled() => return None,
            () = sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST);
    }
}

/// A lost seat may own nothing, and is forgotten at once. Else what it owned is given back, if its lease
/// is over: nobody has to look twice whether its host lives. If it is not, whoever sees it reaps it.
async fn give_up(host: &Host, lost: &Seat) {
    if let Some(Ok(Left::Owns(_))) = host.soon(host.journal.leave(lost.id)).await {
        host.soon(host.journal.reap(lost.id)).await;
    }
}

/// Takes a seat, and shows that it can be kept: a host that would lose it again at once claims no
/// sagas that would die with it.
async fn take(host: &Host) -> Result<Taken, JournalError> {
    let taken = Seat::take(&*host.journal, &host.ears, &host.definition).await?;
    match host.journal.pulse(taken.seat.id, None).await {
        Ok(_) => Ok(taken),
        Err(error) => {
            host.soon(host.journal.leave(taken.seat.id)).await;
            Err(error)
        }
    }
}

/// Returns when the seat is lost.
async fn beat(host: &Host, seat: &Seat, lease: Lease) {
    let mut deadline = lease.deadline;
    let (mut next, mut next_due): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    let clock = TokioClock::starting_at(Timestamp(0));
    let mut suspects = Suspects { clock, seen: Vec::new() };
    // Timers may wait that were set by hosts that are gone.
    host.ears.timer.notify_one();
    loop {
        let wait = until_next(host, (deadline, next), next_due);
        tokio::select! {
            biased;
            () = host.ears.timer.notified() => {}
            () = maybe_sleep(wait) => {}
        }
        let (renewing, sent) = (seat.fence.renewing(), host.journal.now());
        match host.journal.pulse(seat.id, None).await {
            Ok(pulse) => {
                deadline = pulse.deadline;
                seat.fence.renewed(renewing, deadline.map(|deadline| deadline.since(sent)));
                if let Err(error) = host.heard_of_definitions(pulse.definitions).await {
                    tracing::warn!(%error, "the definitions were not read");
                }
                (next, next_due) = (pulse.next, pulse.next_due);
                suspects.reap(host, &pulse).await;
            }
            Err(JournalError::Unavailable(error)) => {
                match seat.fence.has_fallen() {
                    true => tracing::error!(%error, "no pulse in time: this host holds still"),
                    false => tracing::warn!(%error, "no pulse, trying again"),
                }
                sleep(until_retry(host, deadline)).await;
            }
            Err(error) => {
                tracing::error!(%error, "this host has lost its seat");
                return;
            }
        }
    }
}

/// Seats whose deadline had passed when this host looked, and when it did: by a clock of its own, since that of
/// the journal stands still when its server's is set back.
struct Suspects {
    clock: TokioClock,
    seen: Vec<(SeatId, Timestamp)>,
}

impl Suspects {
    /// Reaps those that are still overdue at the next pulse, a quarter of a lease or more after the first
    /// look: one sighting may be a pause of our own.
    async fn reap(&mut self, host: &Host, pulse: &Pulse) {
        self.seen.retain(|(seat, _)| pulse.dead.contains(seat));
        let left = |deadline: Timestamp| deadline.since(host.journal.now());
        let (now, patience) = (self.clock.now(), pulse.deadline.map(left).unwrap_or_default() / 4);
        for dead in &pulse.dead {
            let Some((_, seen)) = self.seen.iter().find(|(seat, _)| seat == dead) else {
                self.seen.push((*dead, now));
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
    (deadline, next): (Option<Timestamp>, Option<Timestamp>),
    next_due: Option<Timestamp>,
) -> Option<Duration> {
    let now = host.journal.now();
    let third = |deadline: Timestamp| deadline.since(now) / 3;
    let renewal = next.map(|next| next.since(now)).or(deadline.map(third));
    let timer = next_due.map(|due| due.since(now));
    [renewal, timer].into_iter().flatten().min()
}

/// How long to wait after a pulse that was not answered: often enough that a blip does not cost a short
/// lease.
fn until_retry(host: &Host, deadline: Option<Timestamp>) -> Duration {
    let left = deadline.map_or(LONGEST, |deadline| deadline.since(host.journal.now()));
    match left.is_zero() {
        // There is no lease to save any more.
        true => RETRY / 4,
        false => (left / 4).clamp(SHORTEST, RETRY),
    }
}

async fn maybe_sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}
