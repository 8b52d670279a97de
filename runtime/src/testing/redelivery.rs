//! A queue that brings a ticket twice.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    backend::memory::MemoryQueue,
    queue::{Delivery, Queue, QueueError, Ticket},
};

/// A queue in memory that can be told to bring its last ticket again, and counts what is settled.
#[derive(Default)]
pub struct Redelivery {
    queue: MemoryQueue,
    last: Mutex<Last>,
    published: AtomicUsize,
    settled: Arc<AtomicUsize>,
}

#[derive(Default)]
enum Last {
    #[default]
    None,
    /// The first one comes twice.
    Awaited,
    Ticket(String, Ticket),
}

impl Redelivery {
    /// The last ticket comes again; if there was none, the first will come twice.
    pub fn again(&self) {
        let mut last = self.last();
        match &*last {
            Last::Ticket(name, ticket) => self.put(name, ticket.clone()),
            Last::None | Last::Awaited => *last = Last::Awaited,
        }
    }

    /// Tickets that nobody has settled.
    pub fn unsettled(&self) -> usize {
        self.published.load(SeqCst) - self.settled.load(SeqCst)
    }

    /// Tickets that were brought.
    pub fn published(&self) -> usize {
        self.published.load(SeqCst)
    }

    fn put(&self, name: &str, ticket: Ticket) {
        self.published.fetch_add(1, SeqCst);
        let put = self.queue.publish(name, ticket).now_or_never();
        put.expect("there is room").expect("a queue in memory does not fail");
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue for Redelivery {
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        let last = Last::Ticket(queue.to_owned(), ticket.clone());
        if let Last::Awaited = std::mem::replace(&mut *self.last(), last) {
            self.put(queue, ticket.clone());
        }
        self.put(queue, ticket);
        std::future::ready(Ok(())).boxed()
    }

    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>> {
        let settled = Arc::clone(&self.settled);
        let received = async move {
            let delivery = self.queue.receive(queue).await?;
            Ok(Box::new(Counted { delivery, settled }) as Box<dyn Delivery>)
        };
        received.boxed()
    }
}

/// A delivery whose end is counted.
struct Counted {
    delivery: Box<dyn Delivery>,
    settled: Arc<AtomicUsize>,
}

impl Delivery for Counted {
    fn ticket(&self) -> &Ticket {
        self.delivery.ticket()
    }

    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>> {
        self.settled.fetch_add(1, SeqCst);
        self.delivery.ack()
    }

    fn nack(self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>> {
        self.delivery.nack(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::SagaId;

    fn ticket() -> Ticket {
        let saga = SagaId(uuid::Uuid::from_u128(7));
        Ticket { saga, task: "order".to_owned(), definition: "none".to_owned() }
    }

    /// Takes what is there, and settles it.
    fn settle_all(queue: &Redelivery) -> usize {
        let receive = || queue.receive("orders").now_or_never();
        let settle = |received: Result<Box<dyn Delivery>, QueueError>| {
            let delivery = received.expect("it works");
            assert_eq!(delivery.ticket(), &ticket());
            delivery.ack().now_or_never().expect("at once").expect("it works");
        };
        std::iter::from_fn(receive).map(settle).count()
    }

    #[test]
    fn a_ticket_comes_again_before_or_after_it_came() {
        let queue = Redelivery::default();
        let publish = || queue.publish("orders", ticket()).now_or_never().expect("at once");
        queue.again();
        assert_eq!((settle_all(&queue), queue.unsettled()), (0, 0), "there is none yet");
        publish().expect("it works");
        assert_eq!((queue.unsettled(), settle_all(&queue), queue.unsettled()), (2, 2, 0));
        queue.again();
        assert_eq!((queue.unsettled(), settle_all(&queue), queue.unsettled()), (1, 1, 0));
        assert_eq!(queue.published(), 3);
    }
}
