//! A ticket in the hands of a consumer of this process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    super::milliseconds,
    channel::{Channel, text},
    scripts::{ACK, BACK},
};
use crate::queue::{Delivery, QueueError, Ticket};

pub(super) struct RedisDelivery {
    channel: Arc<Channel>,
    id: Bytes,
    ticket: Ticket,
    state: State,
}

enum State {
    /// Nobody has seen it.
    Unseen,
    Held,
    Settled,
}

impl RedisDelivery {
    pub(super) fn new(channel: Arc<Channel>, id: Bytes, ticket: Ticket) -> Self {
        Self { channel, id, ticket, state: State::Unseen }
    }

    pub(super) fn handed_over(mut self) -> Self {
        self.state = State::Held;
        self
    }

    /// Whoever gives back on purpose is alive: its deliveries begin to count anew.
    fn back(
        &self,
        delay: Duration,
        on_purpose: bool,
    ) -> impl Future<Output = Result<(), QueueError>> + Send + 'static {
        let (channel, id) = (Arc::clone(&self.channel), self.id.clone());
        async move {
            let args = [id, text(milliseconds(delay)), text(on_purpose.into())];
            channel.run(&BACK, args).await.map(drop)
        }
    }
}

impl Delivery for RedisDelivery {
    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>> {
        self.state = State::Settled;
        let (channel, id) = (Arc::clone(&self.channel), self.id.clone());
        async move { channel.run(&ACK, [id]).await.map(drop) }.boxed()
    }

    fn nack(mut self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>> {
        self.state = State::Settled;
        self.back(delay, true).boxed()
    }
}

/// Comes back at once. Where that fails it comes back by a sweep.
impl Drop for RedisDelivery {
    fn drop(&mut self) {
        let unseen = match self.state {
            State::Unseen => true,
            State::Held => false,
            State::Settled => return,
        };
        let back = self.back(Duration::ZERO, unseen);
        self.channel.runtime().spawn(async move {
            if let Err(error) = back.await {
                tracing::debug!(%error, "a ticket was not given back, and comes later");
            }
        });
    }
}
