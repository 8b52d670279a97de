//! One queue: its keys, and who waits here.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::Value;
use tokio::{runtime::Handle, sync::Notify};

use super::{
    super::{
        link::{LinkError, Script},
        milliseconds,
    },
    Inner,
    delivery::RedisDelivery,
    message::{fields_of, ticket_of},
    scripts::{BURY, PUBLISH, SWEEP, TAKE, WAKE},
};
use crate::{
    clock::Clock as _,
    kernel::Timestamp,
    queue::{QueueError, Ticket},
};

/// All consumers of all processes are in one group.
const GROUP: &[u8] = b"workers";
/// For the case that nobody was told.
const POLL: Duration = Duration::from_secs(2);
/// So many dead letters are kept.
const DEAD_LETTERS: &[u8] = b"10000";
/// A consumer that holds nothing and is silent for so many times as long as a ticket may be held, is
/// gone.
const GONE: u32 = 10;

pub(super) struct Channel {
    inner: Arc<Inner>,
    name: String,
    keys: [Vec<u8>; 4],
    waiting: AtomicUsize,
    told: Notify,
    next_sweep: Mutex<Timestamp>,
}

/// What there was to take.
enum Taken {
    Ticket(RedisDelivery),
    /// Ask again after this, at the latest.
    Nothing(Duration),
}

impl Channel {
    pub(super) fn new(inner: Arc<Inner>, name: &str) -> Self {
        let tag = format!("{{{}:queue:{name}}}:", inner.settings.namespace);
        let key = |end| format!("{tag}{end}").into_bytes();
        Self {
            inner,
            name: name.to_owned(),
            keys: [key("stream"), key("later"), key("waiting"), key("stream:dead")],
            waiting: AtomicUsize::new(0),
            told: Notify::new(),
            next_sweep: Mutex::new(Timestamp(0)),
        }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Runs a script of this queue.
    pub(super) async fn run(
        &self,
        script: &Script,
        args: impl IntoIterator<Item = Bytes>,
    ) -> Result<Value, QueueError> {
        let all = [
            Bytes::from_static(GROUP),
            self.inner.consumer.clone(),
            self.inner.channels_of_consumers(),
            self.name.clone().into(),
        ];
        let args: Vec<Bytes> = all.into_iter().chain(args).collect();
        let keys = self.keys.each_ref().map(Vec::as_slice);
        let answer = self.inner.link.script(script, &keys, &args).await;
        answer.map_err(|error: LinkError| self.unavailable(error))
    }

    fn unavailable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> QueueError {
        QueueError::Unavailable { queue: self.name.clone(), source: source.into() }
    }

    pub(super) async fn publish(&self, ticket: &Ticket) -> Result<(), QueueError> {
        let fields = fields_of(ticket).map_err(|error| self.unavailable(error))?;
        let length = text(self.inner.settings.length as u64);
        self.run(&PUBLISH, [length].into_iter().chain(fields)).await.map(drop)
    }

    /// Waits for a ticket. Dropping the future loses none: what it has asked for and does not take
    /// any more is given back.
    pub(super) async fn receive(self: Arc<Self>) -> Result<RedisDelivery, QueueError> {
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let taking = self.inner.runtime.spawn(Arc::clone(&self).take());
            let taken = taking.await.map_err(|error| self.unavailable(error))??;
            match taken {
                Taken::Ticket(delivery) => {
                    if self.waiting.load(Ordering::Relaxed) > 1 {
                        // One message may stand for several tickets.
                        self.told.notify_one();
                    }
                    return Ok(delivery.handed_over());
                }
                Taken::Nothing(at_most) => tokio::select! {
                    () = self.told.notified() => {}
                    () = tokio::time::sleep(at_most) => {}
                },
            }
        }
    }

    async fn take(self: Arc<Self>) -> Result<Taken, QueueError> {
        self.sweep().await?;
        loop {
            let deliveries = text(self.inner.settings.deliveries.into());
            let kept = Bytes::from_static(DEAD_LETTERS);
            let entry = match self.run(&TAKE, [deliveries, kept]).await? {
                Value::Int(due) => {
                    // Nothing is due when it is negative.
                    let due = u64::try_from(due).map_or(POLL, Duration::from_millis);
                    return Ok(Taken::Nothing(due.min(POLL)));
                }
                other => other,
            };
            let entry = Entry::of(entry).ok_or_else(|| self.unavailable("not an entry"))?;
            match ticket_of(&entry.fields) {
                Ok(ticket) => {
                    let delivery = RedisDelivery::new(Arc::clone(&self), entry.id, ticket);
                    return Ok(Taken::Ticket(delivery));
                }
                Err(error) => {
                    tracing::error!(queue = %self.name, %error, "a message that is no ticket");
                    let why = error.to_string().into();
                    let kept = Bytes::from_static(DEAD_LETTERS);
                    self.run(&BURY, [entry.id, why, text(entry.deliveries), kept]).await?;
                }
            }
        }
    }

    /// Looks after what others have left, now and then.
    async fn sweep(&self) -> Result<(), QueueError> {
        let idle = self.inner.settings.idle;
        let now = self.inner.clock.now();
        {
            let mut next = self.next_sweep.lock().expect("nobody panics under it");
            if now < *next {
                return Ok(());
            }
            *next = now.plus(idle / 2);
        }
        let args = [idle, idle * GONE].map(|time| text(milliseconds(time)));
        self.run(&SWEEP, args).await.map(drop)
    }

    /// There is something for one consumer.
    pub(super) fn told(self: &Arc<Self>) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.told.notify_one();
        } else {
            let channel = Arc::clone(self);
            self.inner.runtime.spawn(async move {
                if let Err(error) = channel.run(&WAKE, []).await {
                    tracing::debug!(%error, "nobody else was told: they look themselves");
                }
            });
        }
    }

    /// Messages may have been missed.
    pub(super) fn gap(&self) {
        self.told.notify_waiters();
    }
}

struct Entry {
    id: Bytes,
    deliveries: u64,
    fields: Vec<Vec<u8>>,
}

impl Entry {
    fn of(answer: Value) -> Option<Self> {
        let Value::Array(parts) = answer else { return None };
        let [Value::BulkString(id), Value::Int(deliveries), Value::Array(fields)] =
            <[Value; 3]>::try_from(parts).ok()?
        else {
            return None;
        };
        let fields = fields.into_iter().map(|field| match field {
            Value::BulkString(text) => Some(text),
            _ => None,
        });
        Some(Self {
            id: id.into(),
            deliveries: u64::try_from(deliveries).ok()?,
            fields: fields.collect::<Option<_>>()?,
        })
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn text(number: u64) -> Bytes {
    number.to_string().into()
}
