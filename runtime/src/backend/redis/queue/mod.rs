//! A carrier of tickets in streams of Redis, one for each name.
//!
//! ```text
//!  publish ─▶ stream ─▶ take ─▶ consumer ─▶ ack: gone
//!               │        ▲         │
//!               │        │         ├ nack, drop ─▶ nobody's, in `later` until it is due ─▶ take
//!               ▼        │         └ dies ─▶ sweep ─▶ the same
//!            waiting ─ message                        and after some such deliveries: dead letter
//! ```
//!
//! Consumers do not block in `XREADGROUP`: a reader that is stopped while it blocks is handed what
//! comes, and keeps it. They are told, one consumer for each ticket, and take it themselves; and look
//! every 2 s, for the case that nobody was told. So there is one connection for messages, however
//! many queues are read, and calls go over the connection that all share.

mod channel;
mod delivery;
mod message;
mod scripts;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::runtime::Handle;

use self::channel::Channel;
use super::{
    NAMESPACE, draw,
    link::{Heard, Link, LinkSettings, RedisOpenError, Subscription},
};
use crate::{
    clock::TokioClock,
    kernel::Timestamp,
    queue::{Delivery, Queue, QueueError, Ticket},
};

/// A [`Queue`] in streams of Redis 7.0 or later, for many processes. Cloning shares it.
///
/// The consumers of a queue are one consumer group. A ticket that a consumer holds for longer than
/// [`idle`](RedisQueueBuilder::idle) is taken for lost with it, and goes to another one. Its delivery
/// came to nothing, as one that is dropped; one that is given back does not count. After
/// [`deliveries`](RedisQueueBuilder::deliveries) of them the ticket is a dead letter, and so is at once
/// what is no ticket: an entry of the stream `{<namespace>:queue:<name>}:stream:dead`, with the
/// `reason`, the `deliveries` and the fields that it had. The saga comes back to the ready list of its
/// journal.
///
/// What is settled is deleted. Nothing limits how many tickets wait: the journal limits how many sagas
/// do. Should the stream or all keys be deleted, the journal brings the tickets again.
///
/// An idle consumer sends about one command in two seconds.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::redis::{RedisJournal, RedisQueue},
///     prelude::*,
/// };
///
/// #[distributed_task(request = String, response = String)]
/// struct BookTrip;
///
/// #[steps]
/// impl BookTrip {
///     #[step(no_undo = "nothing is booked yet")]
///     async fn flight(&self, request: &str) -> String {
///         format!("flight to {request}")
///     }
/// }
///
/// let redis = "redis://127.0.0.1/";
/// let trips = BookTrip::builder()
///     .use_in_process_mode()
///     .override_journal(RedisJournal::builder(redis).open().await?)
///     .override_queue(RedisQueue::builder(redis).open().await?)
///     .build()
///     .await?;
/// # let _ = trips;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisQueue {
    inner: Arc<Inner>,
    channels: Arc<Channels>,
}

/// Settings of a [`RedisQueue`].
///
/// ```
/// use std::time::Duration;
/// use distributed_task::backend::redis::RedisQueue;
///
/// let builder = RedisQueue::builder("redis://127.0.0.1/")
///     .namespace("shop")
///     .idle(Duration::from_secs(10))
///     .deliveries(3);
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct RedisQueueBuilder {
    link: LinkSettings,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    namespace: String,
    idle: Duration,
    deliveries: u32,
    length: usize,
}

impl Settings {
    fn new(namespace: String) -> Self {
        Self { namespace, idle: Duration::from_secs(30), deliveries: 5, length: 1_000_000 }
    }
}

impl RedisQueueBuilder {
    /// The beginning of the name of every key. Processes with one namespace share their queues.
    /// Default `distributed-task`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// How long a consumer may hold a ticket; more than a claim takes. What it holds longer goes to
    /// another one, within half as long again. Default 30 s.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.settings.idle = time;
        self
    }

    /// After so many deliveries that came to nothing a ticket is a dead letter. Default 5.
    #[must_use]
    pub fn deliveries(mut self, deliveries: u32) -> Self {
        self.settings.deliveries = deliveries.max(1);
        self
    }

    /// So many tickets a stream keeps, about; the oldest ones beyond are dropped. A safety net for the
    /// memory of the server: choose more than there will ever be. Default 1,000,000.
    #[must_use]
    pub fn length(mut self, tickets: usize) -> Self {
        self.settings.length = tickets.max(1);
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`RedisOpenError`] when the server cannot be reached or used.
    pub async fn open(self) -> Result<RedisQueue, RedisOpenError> {
        let link = Link::open(self.link).await?;
        Ok(RedisQueue::over(link, self.settings))
    }
}

struct Inner {
    link: Arc<Link>,
    settings: Settings,
    /// Another one for each start of a process: who comes back does not inherit.
    consumer: Bytes,
    clock: TokioClock,
    /// What is given back on a drop is given back here.
    runtime: Handle,
}

impl Inner {
    /// How the name of the channel of a consumer begins.
    fn channels_of_consumers(&self) -> Bytes {
        format!("{{{}:queue}}:to:", self.settings.namespace).into()
    }
}

/// The queues that are used here.
#[derive(Default)]
struct Channels {
    all: Mutex<HashMap<String, Arc<Channel>>>,
    /// Made with the first consumer.
    subscription: OnceLock<Subscription>,
}

impl Channels {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Channel>>> {
        self.all.lock().expect("nobody panics under it")
    }

    fn heard(&self, heard: Heard) {
        match heard {
            Heard::Gap => self.lock().values().for_each(|channel| channel.gap()),
            Heard::Silence => {}
            Heard::Message { payload, .. } => {
                let channel = std::str::from_utf8(&payload)
                    .ok()
                    .and_then(|name| self.lock().get(name).cloned());
                if let Some(channel) = channel {
                    channel.told();
                }
            }
        }
    }
}

impl RedisQueue {
    /// A queue at this address, with settings of your own.
    pub fn builder(url: impl Into<String>) -> RedisQueueBuilder {
        RedisQueueBuilder {
            link: LinkSettings::new(url),
            settings: Settings::new(NAMESPACE.to_owned()),
        }
    }

    /// The same over a connection that is there, with the settings that it has by default.
    pub(super) fn on(link: Arc<Link>, namespace: &str) -> Self {
        Self::over(link, Settings::new(namespace.to_owned()))
    }

    fn over(link: Arc<Link>, settings: Settings) -> Self {
        let consumer = draw().simple().to_string().into();
        let clock = TokioClock::starting_at(Timestamp(0));
        let runtime = Handle::current();
        let inner = Arc::new(Inner { link, settings, consumer, clock, runtime });
        Self { inner, channels: Arc::default() }
    }

    fn channel(&self, queue: &str) -> Arc<Channel> {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(queue) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(Channel::new(Arc::clone(&self.inner), queue));
        channels.insert(queue.to_owned(), Arc::clone(&channel));
        channel
    }

    fn listen(&self) {
        self.channels.subscription.get_or_init(|| {
            let mut own = self.inner.channels_of_consumers().to_vec();
            own.extend_from_slice(&self.inner.consumer);
            let channels: Weak<Channels> = Arc::downgrade(&self.channels);
            self.inner.link.subscribe(vec![own], move |heard| {
                if let Some(channels) = channels.upgrade() {
                    channels.heard(heard);
                }
            })
        });
    }
}

impl Queue for RedisQueue {
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        let channel = self.channel(queue);
        async move { channel.publish(&ticket).await }.boxed()
    }

    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>> {
        let channel = self.channel(queue);
        async move {
            self.listen();
            Ok(Box::new(channel.receive().await?) as Box<dyn Delivery>)
        }
        .boxed()
    }
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
