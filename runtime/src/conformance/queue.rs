//! The contract of [`Queue`], as checks.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::timeout;
use uuid::Uuid;

use super::rule::{Failure, Rule, TooSlow, Verdict, check_all, ensure, ensure_eq, rules};
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::{SagaId, Timestamp},
    queue::{Delivery, Queue, QueueError, Ticket},
};

/// A fresh queue, and what a suite must know of it.
///
/// See [`run`] for an example.
pub struct Subject<Q> {
    /// The queue, empty.
    pub queue: Q,
    /// How many tickets of one name it holds before `publish` waits, at least 2; `None`: as many as
    /// there are.
    pub capacity: Option<usize>,
    /// Longer than it takes to bring a ticket that is there: what does not come within this is not
    /// there. Tickets are given back for four times as long.
    pub moment: Duration,
}

/// Checks every rule of the contract, each on a queue that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryQueue,
///     conformance::{self, queue::Subject},
/// };
///
/// conformance::queue::run(async || Subject {
///     queue: MemoryQueue::with_capacity(8),
///     capacity: Some(8),
///     moment: Duration::from_millis(50),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<Q: Queue>(mut make: impl AsyncFnMut() -> Subject<Q>) {
    check_all(RULES, async || {
        let Subject { queue, capacity, moment } = make().await;
        Desk { queue: Arc::new(queue), capacity, moment }
    })
    .await;
}

/// A queue on a desk.
struct Desk {
    queue: Arc<dyn Queue>,
    capacity: Option<usize>,
    moment: Duration,
}

const RULES: &[Rule<Desk>] = rules! {
    "a ticket comes as it was published" => comes_whole,
    "tickets that nobody gave back come in the order in which they were published" => in_order,
    "`receive` waits while there is no ticket" => waits_for_tickets,
    "tickets on one name never reach consumers of another" => names_are_apart,
    "each ticket goes to one consumer at a time" => one_consumer,
    "a ticket that is acknowledged does not come back" => acknowledged,
    "a ticket that is given back comes back, to any consumer" => given_back,
    "a ticket that is given back does not come before its delay" => given_back_later,
    "a delivery that is dropped comes back at once" => dropped,
    "a full queue makes `publish` wait until a ticket is acknowledged" => full,
    "what comes back needs no room" => comes_back_to_a_full_queue,
    "dropping the future of `receive` loses nothing" => receive_cancelled,
    "dropping the future of `publish` leaves the ticket published or not" => publish_cancelled,
};

const QUEUE: &str = "orders";
/// A ticket that is there comes within this, however busy the machine is.
const COMES: Duration = Duration::from_secs(60);

impl Desk {
    async fn publish(&self, number: u128) -> Result<(), QueueError> {
        self.queue.publish(QUEUE, ticket(number)).await
    }

    async fn receive(&self) -> Result<Box<dyn Delivery>, Failure> {
        self.receive_from(QUEUE).await
    }

    async fn receive_from(&self, queue: &str) -> Result<Box<dyn Delivery>, Failure> {
        match timeout(COMES, self.queue.receive(queue)).await {
            Ok(delivery) => Ok(delivery?),
            Err(_) => Err(format!("no ticket came within {COMES:?}").into()),
        }
    }

    /// Takes the next ticket, which must be this one.
    async fn take(&self, number: u128) -> Result<Box<dyn Delivery>, Failure> {
        let delivery = self.receive().await?;
        ensure_eq(delivery.ticket(), &ticket(number))?;
        Ok(delivery)
    }

    async fn is_empty(&self) -> Verdict {
        match timeout(self.moment, self.queue.receive(QUEUE)).await {
            Err(_) => Ok(()),
            Ok(delivery) => Err(format!("{:?} came", delivery?.ticket()).into()),
        }
    }
}

fn ticket(number: u128) -> Ticket {
    Ticket {
        saga: SagaId(Uuid::from_u128(number)),
        task: "order".into(),
        definition: "00112233445566778899aabbccddeeff".into(),
    }
}

async fn comes_whole(desk: Desk) -> Verdict {
    let sent = Ticket { task: "größe".into(), definition: String::new(), ..ticket(7) };
    desk.queue.publish(QUEUE, sent.clone()).await?;
    let delivery = desk.receive().await?;
    ensure_eq(delivery.ticket(), &sent)?;
    delivery.ack().await.map_err(Into::into)
}

async fn in_order(desk: Desk) -> Verdict {
    let many = u128::try_from(desk.capacity.unwrap_or(100).min(100))?;
    for number in 0..many {
        desk.publish(number).await?;
    }
    for number in 0..many {
        desk.take(number).await?.ack().await?;
    }
    Ok(())
}

async fn waits_for_tickets(desk: Desk) -> Verdict {
    desk.is_empty().await?;
    let receive = async { desk.take(1).await?.ack().await.map_err(Failure::from) };
    let publish = async { desk.publish(1).await.map_err(Failure::from) };
    futures_util::try_join!(receive, publish).map(drop)
}

async fn names_are_apart(desk: Desk) -> Verdict {
    desk.queue.publish("returns", ticket(1)).await?;
    desk.is_empty().await?;
    desk.publish(2).await?;
    desk.take(2).await?.ack().await?;
    let delivery = desk.receive_from("returns").await?;
    ensure_eq(delivery.ticket(), &ticket(1))?;
    delivery.ack().await.map_err(Into::into)
}

async fn one_consumer(desk: Desk) -> Verdict {
    const CONSUMERS: usize = 4;
    let many = desk.capacity.unwrap_or(64).min(64);
    let came = AtomicUsize::new(0);
    for number in 0..many {
        desk.publish(u128::try_from(number)?).await?;
    }
    let consume = || async {
        let mut taken = Vec::new();
        while came.load(Ordering::Relaxed) < many {
            if let Ok(delivery) = timeout(desk.moment, desk.receive()).await {
                taken.push(delivery?);
                came.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok::<_, Failure>(taken)
    };
    let consumers = (0..CONSUMERS).map(|_| consume());
    let taken: Vec<_> =
        futures_util::future::try_join_all(consumers).await?.into_iter().flatten().collect();
    let sagas: BTreeSet<SagaId> = taken.iter().map(|delivery| delivery.ticket().saga).collect();
    ensure_eq((taken.len(), sagas.len()), (many, many))?;
    desk.is_empty().await?;
    for delivery in taken {
        delivery.ack().await?;
    }
    Ok(())
}

async fn acknowledged(desk: Desk) -> Verdict {
    desk.publish(1).await?;
    desk.take(1).await?.ack().await?;
    desk.is_empty().await
}

async fn given_back(desk: Desk) -> Verdict {
    desk.publish(1).await?;
    for _ in 0..3 {
        desk.take(1).await?.nack(Duration::ZERO).await?;
    }
    desk.take(1).await?.ack().await?;
    desk.is_empty().await
}

async fn given_back_later(desk: Desk) -> Verdict {
    let delay = 4 * desk.moment;
    desk.publish(1).await?;
    let delivery = desk.take(1).await?;
    let clock = TokioClock::starting_at(Timestamp(0));
    delivery.nack(delay).await?;
    // It holds up nobody else.
    let others = async {
        desk.is_empty().await?;
        desk.publish(2).await?;
        desk.take(2).await?.ack().await.map_err(Failure::from)
    };
    if let Err(why) = others.await {
        let is_slow = clock.now().since(Timestamp(0)) > delay;
        return Err(if is_slow { TooSlow(why).into() } else { why });
    }
    let delivery = desk.take(1).await?;
    // Two clocks do not agree to the microsecond.
    let early = delay.saturating_sub(clock.now().since(Timestamp(0)) + desk.moment / 8);
    ensure(early.is_zero(), || format!("it came {early:?} early"))?;
    delivery.ack().await.map_err(Into::into)
}

async fn dropped(desk: Desk) -> Verdict {
    desk.publish(1).await?;
    drop(desk.take(1).await?);
    desk.take(1).await?.ack().await?;
    desk.is_empty().await
}

/// Fills the queue, if it can be filled. The number of the next ticket.
async fn fill(desk: &Desk) -> Result<Option<u128>, Failure> {
    let Some(capacity) = desk.capacity else { return Ok(None) };
    let capacity = u128::try_from(capacity)?;
    for number in 0..capacity {
        desk.publish(number).await?;
    }
    Ok(Some(capacity))
}

async fn full(desk: Desk) -> Verdict {
    let Some(next) = fill(&desk).await? else { return Ok(()) };
    let mut publish = Box::pin(desk.publish(next));
    let waits = timeout(desk.moment, &mut publish).await.is_err();
    ensure(waits, || "it took one more than its capacity".into())?;
    let delivery = desk.take(0).await?;
    let waits = timeout(desk.moment, &mut publish).await.is_err();
    ensure(waits, || "a ticket that is not acknowledged made room".into())?;
    delivery.ack().await?;
    publish.await?;
    for number in 1..=next {
        desk.take(number).await?.ack().await?;
    }
    desk.is_empty().await
}

async fn comes_back_to_a_full_queue(desk: Desk) -> Verdict {
    let Some(next) = fill(&desk).await? else { return Ok(()) };
    desk.take(0).await?.nack(Duration::ZERO).await?;
    drop(desk.receive().await?);
    let mut sagas = BTreeSet::new();
    for _ in 0..next {
        let delivery = desk.receive().await?;
        sagas.insert(delivery.ticket().saga);
        delivery.ack().await?;
    }
    ensure_eq(u128::try_from(sagas.len())?, next)?;
    desk.is_empty().await
}

async fn receive_cancelled(desk: Desk) -> Verdict {
    for number in 0..20 {
        // A consumer that waits and goes, before and after a ticket comes.
        let mut waiting = desk.queue.receive(QUEUE);
        let early = (&mut waiting).now_or_never();
        ensure(early.is_none(), || "a ticket came from nowhere".into())?;
        desk.publish(number).await?;
        drop(waiting);
        drop(desk.queue.receive(QUEUE));
        desk.take(number).await?.ack().await?;
    }
    Ok(())
}

async fn publish_cancelled(desk: Desk) -> Verdict {
    let filled = fill(&desk).await?;
    let next = filled.unwrap_or(0);
    let mut waiting = desk.queue.publish(QUEUE, ticket(next));
    let early = timeout(desk.moment, &mut waiting).await;
    ensure(filled.is_none() || early.is_err(), || "it took one more than its capacity".into())?;
    drop(waiting);
    drop(desk.queue.publish(QUEUE, ticket(next)));
    // The room that it waited for is not lost: the queue takes as many as before.
    for number in 0..next {
        desk.take(number).await?.ack().await?;
    }
    while let Ok(delivery) = timeout(desk.moment, desk.queue.receive(QUEUE)).await {
        let delivery = delivery?;
        ensure_eq(delivery.ticket(), &ticket(next))?;
        delivery.ack().await?;
    }
    fill(&desk).await.map(drop)
}
