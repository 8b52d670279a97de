//! The queue that carries tickets, where there is one: it loses them, delays them, brings them twice
//! and in any order.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::Notify, time::sleep};

use super::{
    gate::Gate,
    scene::{Scene, lock},
};
use crate::queue::{Delivery, Queue, QueueError, Ticket};

/// What lies in the queue.
pub(super) struct Post {
    scene: Arc<Scene>,
    waiting: Mutex<VecDeque<Ticket>>,
    arrived: Notify,
}

/// The queue as one process sees it.
pub(super) struct Counter {
    post: Arc<Post>,
    gate: Arc<Gate>,
}

struct Letter {
    post: Arc<Post>,
    gate: Arc<Gate>,
    ticket: Option<Ticket>,
}

impl Post {
    pub(super) fn new(scene: &Arc<Scene>) -> Arc<Self> {
        Arc::new(Self {
            scene: Arc::clone(scene),
            waiting: Mutex::default(),
            arrived: Notify::new(),
        })
    }

    pub(super) fn of(self: &Arc<Self>, gate: &Arc<Gate>) -> Counter {
        Counter { post: Arc::clone(self), gate: Arc::clone(gate) }
    }

    /// Somewhere in the queue: order is not promised.
    fn put(&self, ticket: Ticket) {
        let mut waiting = lock(&self.waiting);
        let end = waiting.len();
        let place = if self.scene.is_calm() { end } else { self.scene.below(end + 1) };
        waiting.insert(place, ticket);
        drop(waiting);
        self.arrived.notify_one();
    }

    fn arrives(self: &Arc<Self>, after: Duration, ticket: Ticket) {
        if after.is_zero() {
            return self.put(ticket);
        }
        let post = Arc::clone(self);
        tokio::spawn(async move {
            sleep(after).await;
            post.put(ticket);
        });
    }
}

fn unavailable(queue: &str) -> QueueError {
    QueueError::Unavailable { queue: queue.to_owned(), source: "no answer".into() }
}

impl Queue for Counter {
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        async move {
            self.gate.passes().await;
            let post = &self.post;
            let dice = post.scene.throw();
            post.scene.count("tickets published");
            post.scene.trace("queue", || format!("ticket of {}", super::show::short(ticket.saga)));
            if dice.request_lost {
                return Err(unavailable(queue));
            }
            for after in post.scene.ticket() {
                post.arrives(after, ticket.clone());
            }
            self.gate.sleep(dice.back).await;
            // It has the ticket, and nobody hears of that: it comes once more.
            if dice.reply_lost { Err(unavailable(queue)) } else { Ok(()) }
        }
        .boxed()
    }

    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>> {
        async move {
            if self.post.scene.throw().request_lost {
                return Err(unavailable(queue));
            }
            loop {
                self.gate.passes().await;
                let ticket = lock(&self.post.waiting).pop_front();
                if let Some(ticket) = ticket {
                    if !lock(&self.post.waiting).is_empty() {
                        self.post.arrived.notify_one();
                    }
                    let (post, gate) = (Arc::clone(&self.post), Arc::clone(&self.gate));
                    return Ok(Box::new(Letter { post, gate, ticket: Some(ticket) }) as _);
                }
                self.post.arrived.notified().await;
            }
        }
        .boxed()
    }
}

impl Delivery for Letter {
    fn ticket(&self) -> &Ticket {
        self.ticket.as_ref().expect("it is settled once")
    }

    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>> {
        let ticket = self.ticket.take();
        async move {
            self.gate.passes().await;
            // An acknowledgement that is lost brings the ticket again.
            if self.post.scene.throw().request_lost {
                if let Some(ticket) = ticket {
                    self.post.put(ticket);
                }
                return Err(unavailable("orders"));
            }
            Ok(())
        }
        .boxed()
    }

    fn nack(mut self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>> {
        if let Some(ticket) = self.ticket.take() {
            self.post.arrives(delay, ticket);
        }
        std::future::ready(Ok(())).boxed()
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        // In the hands of a process that died, or that did not say what became of it.
        if let Some(ticket) = self.ticket.take() {
            self.post.put(ticket);
        }
    }
}
