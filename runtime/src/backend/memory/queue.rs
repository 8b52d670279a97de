//! The queue in memory: a bounded channel for each name.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{Notify, Semaphore},
    time::sleep,
};

use crate::queue::{Delivery, Queue, QueueError, Ticket};

/// A [`Queue`] in the memory of this process. Cloning shares it.
///
/// ```
/// use distributed_task::backend::memory::MemoryQueue;
///
/// let queue = MemoryQueue::with_capacity(1_000);
/// # let _ = queue;
/// ```
#[derive(Clone, Debug)]
pub struct MemoryQueue {
    channels: Arc<Mutex<HashMap<String, Arc<Channel>>>>,
    capacity: usize,
}

#[derive(Debug)]
struct Channel {
    waiting: Mutex<VecDeque<Ticket>>,
    arrived: Notify,
    /// One permit for each ticket that may still be published. What comes back needs none: it
    /// never left.
    room: Semaphore,
}

impl MemoryQueue {
    /// A queue that holds 100 tickets of each name.
    pub fn new() -> Self {
        Self::with_capacity(100)
    }

    /// A queue that holds so many tickets of each name, at least 1.
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        Self { channels: Arc::default(), capacity }
    }

    fn channel(&self, queue: &str) -> Arc<Channel> {
        let mut channels = self.channels.lock().expect("no critical section panics");
        if let Some(channel) = channels.get(queue) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(Channel {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            room: Semaphore::new(self.capacity),
        });
        channels.insert(queue.to_owned(), Arc::clone(&channel));
        channel
    }
}

impl Default for MemoryQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl Channel {
    fn push_back(&self, ticket: Ticket) {
        self.waiting.lock().expect("no critical section panics").push_back(ticket);
        self.arrived.notify_one();
    }

    fn push_front(&self, ticket: Ticket) {
        self.waiting.lock().expect("no critical section panics").push_front(ticket);
        self.arrived.notify_one();
    }

    fn pop(&self) -> Option<Ticket> {
        let mut waiting = self.waiting.lock().expect("no critical section panics");
        let ticket = waiting.pop_front();
        if !waiting.is_empty() {
            // One permit may stand for several arrivals: wake the next consumer.
            self.arrived.notify_one();
        }
        ticket
    }
}

impl Queue for MemoryQueue {
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        let channel = self.channel(queue);
        async move {
            channel.room.acquire().await.expect("the room is never closed").forget();
            channel.push_back(ticket);
            Ok(())
        }
        .boxed()
    }

    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>> {
        let channel = self.channel(queue);
        async move {
            loop {
                if let Some(ticket) = channel.pop() {
                    let delivery = MemoryDelivery { channel, ticket: Some(ticket) };
                    return Ok(Box::new(delivery) as Box<dyn Delivery>);
                }
                channel.arrived.notified().await;
            }
        }
        .boxed()
    }
}

struct MemoryDelivery {
    channel: Arc<Channel>,
    /// `None` once it is settled.
    ticket: Option<Ticket>,
}

impl Delivery for MemoryDelivery {
    fn ticket(&self) -> &Ticket {
        self.ticket.as_ref().expect("settling consumes the delivery")
    }

    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>> {
        self.ticket = None;
        self.channel.room.add_permits(1);
        std::future::ready(Ok(())).boxed()
    }

    fn nack(mut self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>> {
        if let Some(ticket) = self.ticket.take() {
            let channel = Arc::clone(&self.channel);
            tokio::spawn(async move {
                sleep(delay).await;
                channel.push_front(ticket);
            });
        }
        std::future::ready(Ok(())).boxed()
    }
}

impl Drop for MemoryDelivery {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.channel.push_front(ticket);
        }
    }
}
