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
