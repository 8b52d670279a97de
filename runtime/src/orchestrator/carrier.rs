//! The carrier: when a queue brings the tickets, a relay moves them from the journal to the queue,
//! and a consumer claims the sagas that its messages name.
//!
//! The ready list is the outbox: a ticket leaves it for the queue, and the claim clears it. A
//! message that comes twice, or for a saga that has an owner, is acknowledged and forgotten.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    claim::{drive, drive_alone, hashes, is_suspect, not_idle, wait_out},
    host::{Carrier, Host},
    seat::Seat,
};
use crate::{
    journal::{Carry, ClaimFrom},
    kernel::{DefinitionHash, SagaId},
    queue::{Delivery, Queue, QueueError, Ticket},
};

/// Tickets that the relay takes at most at once.
const BATCH: usize = 128;
/// How long to wait before asking a queue again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

pub(super) fn spawn(host: &Arc<Host>, carrier: Carrier) {
    host.tasks.spawn(relay(Arc::clone(host), Arc::clone(&carrier.queue)));
    host.tasks.spawn(consume(Arc::clone(host), carrier));
}

/// Moves tickets from the journal to the queue, until the host leaves.
async fn relay(host: Arc<Host>, queue: Arc<dyn Queue>) {
    while let Some(seat) = host.seat().await {
        relay_until_leaving(&host, &seat, &*queue).await;
        not_idle(&host, &seat).await;
    }
}

/// Returns when the seat is lost, too.
async fn relay_until_leaving(host: &Host, seat: &Seat, queue: &dyn Queue) {
    while !host.leaving.is_cancelled() && !seat.lost.is_cancelled() {
        let definitions = hashes(host);
        let carry = Carry { definitions: &definitions, limit: BATCH };
        let Some(pulse) = host.answered(seat, host.journal.pulse(seat.id, Some(carry))).await
        else {
            return;
        };
        match pulse {
            Ok(pulse) if pulse.carried.is_empty() => tokio::select! {
                biased;
                () = host.leaving.cancelled() => return,
                () = seat.lost.cancelled() => return,
                () = host.ears.ready.notified() => {}
            },
            Ok(pulse) => {
                // Each has a timer now, for the case that the queue loses it.
                host.ears.timer.notify_one();
                for (saga, definition) in pulse.carried {
                    let task = host.definition.task.clone().into_owned();
                    let ticket = Ticket { saga, task, definition: definition.to_string() };
                    publish(host, queue, ticket).await;
                }
            }
            Err(error) => {
                if !wait_out(host, seat, &error).await {
                    return;
                }
            }
        }
    }
}

/// Publishes until the queue has it. A ticket that is given up comes back to its ready list by
/// itself.
async fn publish(host: &Host, queue: &dyn Queue, ticket: Ticket) {
    let published = async {
        while let Err(error) = queue.publish(&host.definition.queue, ticket.clone()).await {
            tracing::warn!(%error, saga = %ticket.saga, "not published, trying again");
            sleep(RETRY).await;
        }
    };
    tokio::select! {
        biased;
        () = published => {}
        () = host.leaving.cancelled() => {}
    }
}

/// Claims the sagas that messages name, one for each free slot.
async fn consume(host: Arc<Host>, carrier: Carrier) {
    while let Some(seat) = host.seat().await {
        // There is a slot, but it is not taken yet: a saga that waited may want it first. That this
        // host is busy is no news to its ready lists: the relay goes on.
        let free = tokio::select! {
            biased;
            () = host.leaving.cancelled() => return,
            free = host.slot() => free,
        };
        drop(free);
        let received = tokio::select! {
            biased;
            () = host.leaving.cancelled() => return,
            () = seat.lost.cancelled() => continue,
            received = carrier.queue.receive(&host.definition.queue) => received,
        };
        let delivery = match received {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::warn!(%error, "cannot receive, trying again");
                tokio::select! {
                    biased;
                    () = host.leaving.cancelled() => return,
                    () = sleep(RETRY) => continue,
                }
            }
        };
        let Some((delivery, saga, definition)) = accept(&host, &carrier, delivery).await else {
            continue;
        };
        let Ok(slot) = Arc::clone(&host.slots).try_acquire_owned() else {
            // It did: the message is for whoever has time.
            settle(&host, delivery.nack(Duration::ZERO)).await;
            continue;
        };
        // What is claimed has its driver before anybody thinks that nothing is under way.
        let claiming = seat.tasks.token();
        let named = [saga];
        let claimed = host.journal.claim(seat.id, ClaimFrom::Sagas(definition, &named), 1);
        match host.answered(&seat, claimed).await {
            // The claim is durable: from now on the seat is the driver, not the message (J4).
            Some(Ok(claimed)) => {
                match claimed.sagas.into_iter().next() {
                    Some(saga) if is_suspect(&saga) => {
                        drive_alone(&host, &seat, saga, claimed.at);
                    }
                    Some(saga) => drive(&host, &seat, saga, claimed.at, Some(slot)),
                    None => {}
                }
                drop(claiming);
                settle(&host, delivery.ack()).await;
            }
            Some(Err(error)) => {
                drop((slot, claiming));
                settle(&host, delivery.nack(RETRY)).await;
                wait_out(&host, &seat, &error).await;
            }
            None => {
                drop((slot, claiming));
                settle(&host, delivery.nack(RETRY)).await;
            }
        }
    }
}

/// The saga that a message names; a message of another task, or of a definition that is not covered
/// here, is refused and forgotten: its ticket comes back to its ready list by itself.
async fn accept(
    host: &Host,
    carrier: &Carrier,
    delivery: Box<dyn Delivery>,
) -> Option<(Box<dyn Delivery>, SagaId, DefinitionHash)> {
    let named = delivery.ticket().definition.clone();
    let definition = hashes(host).into_iter().find(|hash| hash.to_string() == named);
    let accepted = (carrier.accept)(delivery.ticket().clone());
    let definition = definition.ok_or_else(|| format!("definition {named} is not covered here"));
    match accepted.and_then(|saga| Ok((saga, definition?))) {
        Ok((saga, definition)) => Some((delivery, saga, definition)),
        Err(reason) => {
            tracing::error!(reason, "a message that no worker of this task can use");
            settle(host, delivery.ack()).await;
            None
        }
    }
}

/// A delivery that cannot be settled comes again, and is harmless then.
async fn settle(host: &Host, settled: impl Future<Output = Result<(), QueueError>>) {
    tokio::select! {
        biased;
        settled = settled => {
            if let Err(error) = settled {
                tracing::warn!(%error, "a message was not settled");
            }
        }
        () = host.aborting.cancelled() => {}
    }
}
